"""Take apart what ONNX Runtime's optimiser fused, where the parts are standard operators.

FusedConv(x, w, b, z)      =>  Activation(Add(Conv(x, w, b), z))
FusedGemm(a, b, c)         =>  Activation(Gemm(a, b, c))
FusedMatMul(a, b)          =>  Mul(MatMul(a, Transpose(b)), alpha)
BiasGelu(x, b)             =>  Gelu(Add(x, b)), by several nodes below opset 20
FastGelu(x, b)             =>  the same, by tanh
QuickGelu(x)               =>  Mul(x, Sigmoid(Mul(x, alpha)))
LayerNormalization(x, ..)  =>  its parts, below opset 17, which does not have it; likewise
                               SimplifiedLayerNormalization, at any
GroupNormalization(x, s, b) => InstanceNormalization between reshapes, below opset 21, where the
                               checker of onnx refuses it: s and b have a number a group there

That is what these operators are documented to compute (ContribOperators.md of ONNX Runtime), so all
are exact. A file that is saved with optimisations holds them in the domain com.microsoft.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from jpegcompile.frontend.float_types import float_types
from jpegcompile.frontend.walk import FreshNames, all_graphs
from jpegcompile.opset import standard_opset

DOMAIN = "com.microsoft"
_GELU_SINCE = 20
_LAYER_NORMALIZATION_SINCE = 17
# Before, it is deprecated by onnx, though ONNX Runtime runs it.
_GROUP_NORMALIZATION_SINCE = 21
_EINSUM_SINCE = 12
_REDUCTIONS_TAKE_AXES_SINCE = 18
# Parameters of an activation in the order in which FusedConv has them.
_CONV_ACTIVATIONS: Mapping[str, tuple[str, ...]] = {
    "Clip": ("min", "max"),
    "HardSigmoid": ("alpha", "beta"),
    "LeakyRelu": ("alpha",),
    "Relu": (),
    "Sigmoid": (),
    "Tanh": (),
}
_GEMM_ACTIVATIONS = frozenset(
    (
        *("Elu", "HardSigmoid", "LeakyRelu", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign"),
        *("Tanh", "ThresholdedRelu"),
    )
)
# Types of the attributes that rules read.
_ATTRIBUTES: Mapping[str, type] = {
    "activation": bytes,
    "activation_params": list,
    "alpha": float,
    "axis": int,
    "epsilon": float,
    "num_groups": int,
}
# Of tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)).
_TANH_SCALE, _TANH_CUBIC = float(np.sqrt(2 / np.pi)), 0.044715


class _Parts:
    """The nodes that take the place of one."""

    def __init__(
        self, node: onnx.NodeProto, graph: onnx.GraphProto, names: FreshNames, kind: int
    ) -> None:
        self.node = node
        self.nodes: list[onnx.NodeProto] = []
        self._graph = graph
        self._names = names
        self.attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        self.output = node.output[0]
        self.kind = kind

    def has_known_attributes(self) -> bool:
        """Whether attributes that rules read are of the types that they have to be of."""
        values = self.attributes.items()
        return all(isinstance(value, _ATTRIBUTES.get(name, object)) for name, value in values)

    def input(self, index: int) -> str:
        """The name of an input; empty where it is left out."""
        return self.node.input[index] if index < len(self.node.input) else ""

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append a node; it is called after its output, whose name it returns."""
        made = output or self._names.fresh(f"{self.output}.{op}")
        name = self.node.name if made == self.output else made
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(op, list(inputs), [made], name, **given))
        return made

    def number(self, value: float) -> str:
        """A scalar constant in the precision of the node."""
        return self.constant(np.asarray(value, helper.tensor_dtype_to_np_dtype(self.kind)))

    def widened(self, name: str) -> str:
        """An input of a node in float16 in float32; others, and those left out, as they are."""
        if not name or self.kind != TensorProto.FLOAT16:
            return name
        return self.add("Cast", name, to=TensorProto.FLOAT)

    def constant(self, values: NDArray[Any]) -> str:
        """A new initializer."""
        name = self._names.fresh(f"{self.output}.constant")
        self._graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def rank(self, name: str) -> int | None:
        """Rank of an initializer; None of what is computed."""
        found = (len(t.dims) for t in self._graph.initializer if t.name == name)
        return next(found, None)


# Appends the parts of a node; False where it has none at this opset.
_Rule = Callable[[_Parts, int], bool]


def undo_fusions(model: onnx.ModelProto) -> None:
    """Replace fused nodes by their parts, in place; those that have none stay as they are.

    Args:
        model: in the order of its dataflow, without local functions, its nodes named.
    """
    opset = standard_opset(model.opset_import)
    names = FreshNames(model.graph)
    types = float_types(model.graph)
    for graph in list(all_graphs(model.graph)):
        if not any(_rule(node, opset) for node in graph.node):
            continue
        nodes: list[onnx.NodeProto] = []
        for node in graph.node:
            kept = onnx.NodeProto()
            kept.CopyFrom(node)
            kind = next((types[n] for n in (*node.input, *node.output) if n in types), None)
            parts = _Parts(kept, graph, names, kind or TensorProto.FLOAT)
            rule = _rule(node, opset) if parts.has_known_attributes() else None
            nodes += parts.nodes if rule is not None and rule(parts, opset) else [kept]
        del graph.node[:]
        graph.node.extend(nodes)


def _rule(node: onnx.NodeProto, opset: int) -> _Rule | None:
    if node.domain == DOMAIN:
        return _RULES.get(node.op_type)
    if node.op_type == "SimplifiedLayerNormalization" and node.domain == "":
        return _layer_normalization
    if node.op_type == "GroupNormalization" and opset < _GROUP_NORMALIZATION_SINCE:
        return _group_normalization if node.domain == "" else None
    is_early = node.op_type == "LayerNormalization" and opset < _LAYER_NORMALIZATION_SINCE
    return _layer_normalization if is_early and node.domain == "" else None


def _conv(parts: _Parts, opset: int) -> bool:
    given = dict(parts.attributes)
    activation = given.pop("activation", b"").decode()
    parameters = [float(value) for value in given.pop("activation_params", ())]
    names = _CONV_ACTIVATIONS.get(activation, ())
    if (activation and activation not in _CONV_ACTIVATIONS) or len(parameters) < len(names):
        return False
    bias, residual = parts.input(2), parts.input(3)
    last = "" if activation or residual else parts.output
    operands = [parts.input(0), parts.input(1), *([bias] if bias else [])]
    made = parts.add("Conv", *operands, output=last, **given)
    if residual:
        made = parts.add("Add", made, residual, output="" if activation else parts.output)
    if activation == "Clip" and opset >= 11:
        parts.add("Clip", made, *map(parts.number, parameters), output=parts.output)
    elif activation:
        attributes = dict(zip(names, parameters, strict=False))
        parts.add(activation, made, output=parts.output, **attributes)
    return True


def _gemm(parts: _Parts, opset: int) -> bool:
    given = dict(parts.attributes)
    activation = given.pop("activation", b"").decode()
    prefix = "activation_"
    parameters = {k.removeprefix(prefix): v for k, v in given.items() if k.startswith(prefix)}
    if activation not in _GEMM_ACTIVATIONS:
        return False
    kept = {key: value for key, value in given.items() if not key.startswith(prefix)}
    made = parts.add("Gemm", *parts.node.input, **kept)
    known = set(onnx.defs.get_schema(activation, opset).attributes)
    attributes = {key: value for key, value in parameters.items() if key in known}
    parts.add(activation, made, output=parts.output, **attributes)
    return True


def _mat_mul(parts: _Parts, opset: int) -> bool:
    given = parts.attributes
    if given.get("transBatchA") or given.get("transBatchB"):
        return False
    operands = []
    for index, flag in enumerate(("transA", "transB")):
        operand = parts.input(index)
        if given.get(flag):
            rank = parts.rank(operand)
            if rank is not None and rank >= 2:
                order = [*range(rank - 2), rank - 1, rank - 2]
                operand = parts.add("Transpose", operand, perm=order)
            elif rank is None and opset >= _EINSUM_SINCE:
                # A Transpose of the last two axes would have to name all of them.
                operand = parts.add("Einsum", operand, equation="...ij->...ji")
            elif rank is None:
                return False
        operands.append(operand)
    alpha = float(given.get("alpha", 1.0))
    made = parts.add("MatMul", *operands, output=parts.output if alpha == 1.0 else "")
    if alpha != 1.0:
        parts.add("Mul", made, parts.number(alpha), output=parts.output)
    return True


def _with_bias(parts: _Parts) -> str:
    """The first input, or its sum with the second where there is one."""
    bias = parts.input(1)
    return parts.add("Add", parts.input(0), bias) if bias else parts.input(0)


def _gelu(parts: _Parts, opset: int) -> bool:
    x = _with_bias(parts)
    if opset >= _GELU_SINCE:
        parts.add("Gelu", x, output=parts.output)
        return True
    inside = parts.add("Erf", parts.add("Div", x, parts.number(float(np.sqrt(2)))))
    _half_of_one_plus(parts, x, inside)
    return True


def _fast_gelu(parts: _Parts, opset: int) -> bool:
    x = _with_bias(parts)
    if opset >= _GELU_SINCE:
        parts.add("Gelu", x, output=parts.output, approximate="tanh")
        return True
    square = parts.add("Mul", x, x)
    factor = parts.add("Mul", square, parts.number(_TANH_SCALE * _TANH_CUBIC))
    argument = parts.add("Mul", x, parts.add("Add", factor, parts.number(_TANH_SCALE)))
    _half_of_one_plus(parts, x, parts.add("Tanh", argument))
    return True


def _half_of_one_plus(parts: _Parts, x: str, inside: str) -> None:
    """X * (1 + inside) / 2."""
    total = parts.add("Add", inside, parts.number(1.0))
    product = parts.add("Mul", x, total)
    parts.add("Mul", product, parts.number(0.5), output=parts.output)


def _quick_gelu(parts: _Parts, opset: int) -> bool:
    alpha = float(parts.attributes.get("alpha", 1.702))
    x = parts.input(0)
    scaled = x if alpha == 1.0 else parts.add("Mul", x, parts.number(alpha))
    parts.add("Mul", x, parts.add("Sigmoid", scaled), output=parts.output)
    return True


def _layer_normalization(parts: _Parts, opset: int) -> bool:
    """Of the last axis; another one would need the rank. The further outputs are for training.

    The simplified form takes no mean out. Both are computed in float32 at least: in float16 a usual
    epsilon, 1e-12, is zero.
    """
    if parts.attributes.get("axis", -1) != -1 or any(parts.node.output[1:]):
        return False
    kind = parts.kind
    x, scale, bias = (parts.widened(parts.input(index)) for index in range(3))
    is_half = kind == TensorProto.FLOAT16
    parts.kind = TensorProto.FLOAT if is_half else kind
    last = "" if is_half else parts.output
    centred = x
    if parts.node.op_type == "LayerNormalization":
        centred = parts.add("Sub", x, _mean(parts, x, opset))
    variance = _mean(parts, parts.add("Mul", centred, centred), opset)
    epsilon = parts.number(float(parts.attributes.get("epsilon", 1e-5)))
    deviation = parts.add("Sqrt", parts.add("Add", variance, epsilon))
    normal = parts.add("Div", centred, deviation)
    made = parts.add("Mul", normal, scale, output="" if bias else last)
    if bias:
        made = parts.add("Add", made, bias, output=last)
    if is_half:
        parts.add("Cast", made, output=parts.output, to=kind)
    return True


def _group_normalization(parts: _Parts, opset: int) -> bool:
    """Groups become the channels of an instance normalisation."""
    groups = int(parts.attributes.get("num_groups", 0))
    if groups < 1:
        return False
    x, scale, bias = (parts.input(index) for index in range(3))
    grouped = parts.add("Reshape", x, parts.constant(np.asarray([0, groups, -1])))
    epsilon = float(parts.attributes.get("epsilon", 1e-5))
    normal = parts.add("InstanceNormalization", grouped, scale, bias, epsilon=epsilon)
    parts.add("Reshape", normal, parts.add("Shape", x), output=parts.output)
    return True


def _mean(parts: _Parts, x: str, opset: int) -> str:
    """Over the last axis, which is an input since opset 18."""
    if opset < _REDUCTIONS_TAKE_AXES_SINCE:
        return parts.add("ReduceMean", x, axes=[-1], keepdims=1)
    return parts.add("ReduceMean", x, parts.constant(np.asarray([-1])), keepdims=1)


_RULES: Mapping[str, _Rule] = {
    "BiasGelu": _gelu,
    "FastGelu": _fast_gelu,
    "FusedConv": _conv,
    "FusedGemm": _gemm,
    "FusedMatMul": _mat_mul,
    "Gelu": _gelu,
    "QuickGelu": _quick_gelu,
    "TransposeMatMul": _mat_mul,
}
