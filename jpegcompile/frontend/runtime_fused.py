"""Replace the fused operators of ONNX Runtime's optimizer by standard operators.

FusedConv(x, w, b, z)      =>  Activation(Add(Conv(x, w, b), z))
FusedGemm(a, b, c)         =>  Activation(Gemm(a, b, c))
FusedMatMul(a, b)          =>  Mul(MatMul(a, Transpose(b)), alpha)
BiasGelu(x, b)             =>  Gelu(Add(x, b)), by several nodes below opset 20
FastGelu(x, b)             =>  the same, by tanh
QuickGelu(x)               =>  Mul(x, Sigmoid(Mul(x, alpha)))
LayerNormalization(x, ..)  =>  its parts, below opset 17, which lacks the operator; the same for
                               SimplifiedLayerNormalization, at any opset
GroupNormalization(x, s, b) => InstanceNormalization between reshapes, below opset 21: there s and b
                               have one number for each group, and the onnx checker refuses the node

All rewrites are exact; ContribOperators.md of ONNX Runtime documents what the operators compute. In
a model that ONNX Runtime saved after optimization, their operator domain is com.microsoft.
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

# Operator domain of ONNX Runtime's own operators.
RUNTIME_OPERATOR_DOMAIN = "com.microsoft"
_GELU_SINCE = 20
_LAYER_NORMALIZATION_SINCE = 17
# The older form is deprecated in onnx, but ONNX Runtime runs it.
_GROUP_NORMALIZATION_SINCE = 21
_EINSUM_SINCE = 12
_REDUCTIONS_TAKE_AXES_SINCE = 18
# Parameters of each activation in the order of FusedConv's `activation_params`.
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
# Types of the attributes that the rules read.
_ATTRIBUTES: Mapping[str, type] = {
    "activation": bytes,
    "activation_params": list,
    "alpha": float,
    "axis": int,
    "epsilon": float,
    "num_groups": int,
}
# Constants of tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)).
_TANH_SCALE, _TANH_CUBIC = float(np.sqrt(2 / np.pi)), 0.044715


class _Parts:
    """The nodes that replace one fused node."""

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
        """Whether the attributes that the rules read have the right types."""
        values = self.attributes.items()
        return all(isinstance(value, _ATTRIBUTES.get(name, object)) for name, value in values)

    def input(self, index: int) -> str:
        """Return the name of an input; empty if it is omitted."""
        return self.node.input[index] if index < len(self.node.input) else ""

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append a node named after its output, and return the name of the output."""
        made = output or self._names.fresh(f"{self.output}.{op}")
        name = self.node.name if made == self.output else made
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(op, list(inputs), [made], name, **given))
        return made

    def number(self, value: float) -> str:
        """Add a scalar constant in the precision of the node and return its name."""
        return self.constant(np.asarray(value, helper.tensor_dtype_to_np_dtype(self.kind)))

    def widened(self, name: str) -> str:
        """Cast an input from float16 to float32; return other and omitted inputs unchanged."""
        if not name or self.kind != TensorProto.FLOAT16:
            return name
        return self.add("Cast", name, to=TensorProto.FLOAT)

    def constant(self, values: NDArray[Any]) -> str:
        """Add an initializer and return its name."""
        name = self._names.fresh(f"{self.output}.constant")
        self._graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def rank(self, name: str) -> int | None:
        """Return the rank of an initializer; None for a computed tensor."""
        found = (len(t.dims) for t in self._graph.initializer if t.name == name)
        return next(found, None)


# Appends the parts of a node; returns False if it cannot be rewritten at this opset.
_Rule = Callable[[_Parts, int], bool]


def undo_fusions(model: onnx.ModelProto) -> None:
    """Replace fused nodes by standard nodes, in place; nodes without a rewrite stay as they are.

    Args:
        model: a model with topologically sorted, named nodes and without local functions.
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
    if node.domain == RUNTIME_OPERATOR_DOMAIN:
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
                # The rank is unknown, and a Transpose would have to list all axes.
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
    """Return the first input, or its sum with the second input if there is one."""
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
    """Append x * (1 + inside) / 2."""
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
    """Rewrite a normalization of the last axis; another axis would require the rank.

    Nodes that use the additional outputs, which are for training, are not rewritten. The simplified
    form subtracts no mean. Both forms are computed in at least float32, since the usual epsilon of
    1e-12 is zero in float16.
    """
    if parts.attributes.get("axis", -1) != -1 or any(parts.node.output[1:]):
        return False
    kind = parts.kind
    x, scale, bias = (parts.widened(parts.input(index)) for index in range(3))
    is_half = kind == TensorProto.FLOAT16
    parts.kind = TensorProto.FLOAT if is_half else kind
    last = "" if is_half else parts.output
    centered = x
    if parts.node.op_type == "LayerNormalization":
        centered = parts.add("Sub", x, _mean(parts, x, opset))
    variance = _mean(parts, parts.add("Mul", centered, centered), opset)
    epsilon = parts.number(float(parts.attributes.get("epsilon", 1e-5)))
    deviation = parts.add("Sqrt", parts.add("Add", variance, epsilon))
    normal = parts.add("Div", centered, deviation)
    made = parts.add("Mul", normal, scale, output="" if bias else last)
    if bias:
        made = parts.add("Add", made, bias, output=last)
    if is_half:
        parts.add("Cast", made, output=parts.output, to=kind)
    return True


def _group_normalization(parts: _Parts, opset: int) -> bool:
    """Rewrite groups as the channels of an instance normalization."""
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
    """Append a mean over the last axis. Since opset 18 the axes are an input."""
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
