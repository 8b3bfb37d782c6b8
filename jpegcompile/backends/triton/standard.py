"""Operators of ONNX as expressions of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto


@dataclass(frozen=True)
class Standard:
    """A node of ONNX, ready to be written.

    Attributes:
        op: its operator.
        inputs: expressions of its inputs, "" where one is left out.
        values: of inputs that are constants, None for the others.
        attrs: its attributes.
        opset: of the graph.
        outputs: how many results are wanted.
    """

    op: str
    inputs: Sequence[str]
    values: Sequence[NDArray[Any] | None]
    attrs: Mapping[str, Any]
    opset: int
    outputs: int = 1

    def value(self, index: int) -> NDArray[Any] | None:
        """The values of an input that is a constant; None if it is none, or left out."""
        return self.values[index] if index < len(self.values) else None

    def given(self, index: int) -> str:
        """The expression of an input; "" if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def integers(self, index: int, name: str) -> list[int] | None:
        """Integers that are an attribute or, in later opsets, an input; None if not given.

        Raises:
            NotWrittenError: if the input is not known at compile time.
        """
        if name in self.attrs:
            values = self.attrs[name]
            return [int(v) for v in (values if isinstance(values, list | tuple) else [values])]
        if not self.given(index):
            return None
        found = self.value(index)
        if found is None:
            raise NotWrittenError(f"its input {index} is not known at compile time")
        return [int(v) for v in found.reshape(-1)]


class NotWrittenError(Exception):
    """An operator, or a form of it, that has no expression here."""


Writer = Callable[[Standard], str]


def expression(node: Standard) -> str:
    """The expression of a node; of several results, that of a tuple.

    Raises:
        NotWrittenError: if there is none.
    """
    writer = _WRITERS.get(node.op)
    if writer is None:
        raise NotWrittenError("no operator of PyTorch stands for it here")
    return writer(node)


def _call(function: str) -> Writer:
    return lambda n: f"{function}({', '.join(n.inputs)})"


def _infix(sign: str) -> Writer:
    return lambda n: f" {sign} ".join(n.inputs)


def _gemm(node: Standard) -> str:
    a, b = node.inputs[:2]
    alpha, beta = float(node.attrs.get("alpha", 1.0)), float(node.attrs.get("beta", 1.0))
    if node.attrs.get("transA"):
        a = f"{a}.T"
    bias = node.given(2)
    if alpha == beta == 1.0 and node.attrs.get("transB"):
        return f"functional.linear({a}, {b}{f', {bias}' if bias else ''})"
    product = f"{a} @ {b}{'.T' if node.attrs.get('transB') else ''}"
    product = product if alpha == 1.0 else f"{alpha!r} * ({product})"
    if not bias:
        return product
    return f"{product} + {bias}" if beta == 1.0 else f"{product} + {beta!r} * {bias}"


def _flatten(node: Standard) -> str:
    axis = int(node.attrs.get("axis", 1))
    x = node.inputs[0]
    if axis == 1:
        return f"{x}.flatten(1)"
    if axis == 0:
        return f"{x}.reshape(1, -1)"
    return f"{x}.reshape({x}.shape[:{axis}].numel(), -1)"


def _reshape(node: Standard) -> str:
    shape = node.value(1)
    x = node.inputs[0]
    if shape is None:
        return f"{x}.reshape(tuple({node.inputs[1]}.tolist()))"
    dims = [int(v) for v in shape.reshape(-1)]
    copied = not node.attrs.get("allowzero")
    written = [f"{x}.shape[{i}]" if d == 0 and copied else str(d) for i, d in enumerate(dims)]
    return f"{x}.reshape({', '.join(written) or '()'})"


def _reduce(function: str) -> Writer:
    def write(node: Standard) -> str:
        axes = node.integers(1, "axes")
        keep = bool(node.attrs.get("keepdims", 1))
        if axes is None:
            if node.attrs.get("noop_with_empty_axes"):
                return node.inputs[0]
            return f"{function}({node.inputs[0]}, dim=None, keepdim={keep})"
        return f"{function}({node.inputs[0]}, dim={tuple(axes)}, keepdim={keep})"

    return write


def _softmax(function: str) -> Writer:
    def write(node: Standard) -> str:
        x = node.inputs[0]
        if node.opset >= 13:
            return f"{function}({x}, dim={int(node.attrs.get('axis', -1))})"
        axis = int(node.attrs.get("axis", 1))
        flat = f"{x}.flatten({axis})"
        return f"{function}({flat}, dim=-1).reshape({x}.shape)"

    return write


def _transpose(node: Standard) -> str:
    x = node.inputs[0]
    axes = node.attrs.get("perm")
    if axes is None:
        return f"{x}.permute(*reversed(range({x}.ndim)))"
    return f"{x}.permute({', '.join(str(int(a)) for a in axes)})"


def _squeeze(node: Standard) -> str:
    axes = node.integers(1, "axes")
    return f"{node.inputs[0]}.squeeze({'' if axes is None else tuple(axes)})"


def _unsqueeze(node: Standard) -> str:
    written = node.inputs[0]
    axes = node.integers(1, "axes")
    assert axes is not None
    if any(axis < 0 for axis in axes) and len(axes) > 1:
        raise NotWrittenError("it has several axes that count from the end")
    for axis in sorted(axes):
        written = f"{written}.unsqueeze({axis})"
    return written


def _concat(node: Standard) -> str:
    return f"torch.cat(({', '.join(node.inputs)}), dim={int(node.attrs['axis'])})"


def _split(node: Standard) -> str:
    axis = int(node.attrs.get("axis", 0))
    sizes = node.integers(1, "split")
    if sizes is None:
        x = node.inputs[0]
        part = f"-(-{x}.shape[{axis}] // {node.outputs})"
        return f"torch.split({x}, {part}, dim={axis})"
    return f"torch.split({node.inputs[0]}, {sizes}, dim={axis})"


def _gather(node: Standard) -> str:
    axis = int(node.attrs.get("axis", 0))
    x, picked = node.inputs[0], node.value(1)
    before = ":, " * axis
    if axis < 0:
        raise NotWrittenError("its axis counts from the end")
    if picked is None:
        return f"{x}[{before}{node.inputs[1]}]"
    return f"{x}[{before}{picked.tolist()}]"


def _slice(node: Standard) -> str:
    starts, ends = node.integers(1, "starts"), node.integers(2, "ends")
    assert starts is not None
    assert ends is not None
    axes = node.integers(3, "axes") or list(range(len(starts)))
    steps = node.integers(4, "steps") or [1] * len(starts)
    if any(step < 1 for step in steps) or any(axis < 0 for axis in axes):
        raise NotWrittenError("it goes backwards, or its axis counts from the end")
    parts = [":"] * (max(axes) + 1)
    far = 2**31 - 1
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        stop = "" if end >= far else str(end)
        parts[axis] = f"{start or ''}:{stop}{f':{step}' if step > 1 else ''}"
    return f"{node.inputs[0]}[{', '.join(parts)}]"


def _clip(node: Standard) -> str:
    low, high = (
        repr(float(node.attrs[name])) if name in node.attrs else node.given(index) or "None"
        for index, name in ((1, "min"), (2, "max"))
    )
    return f"torch.clamp({node.inputs[0]}, {low}, {high})"


def _pool(function: str) -> Writer:
    def write(node: Standard) -> str:
        pads = [int(p) for p in node.attrs.get("pads", [0, 0, 0, 0])]
        if node.attrs.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
            raise NotWrittenError("its padding is implicit")
        kernel = tuple(int(k) for k in node.attrs["kernel_shape"])
        if len(kernel) != 2:
            raise NotWrittenError("it has not two dimensions")
        strides = tuple(int(s) for s in node.attrs.get("strides", (1, 1)))
        given = f"{kernel}, {strides}"
        x = node.inputs[0]
        ceil = bool(node.attrs.get("ceil_mode", 0))
        if ceil and any(pads):
            raise NotWrittenError("it has padding and rounds up")
        if function == "functional.max_pool2d":
            x = _padded(x, pads, "float('-inf')")
            dilations = tuple(int(d) for d in node.attrs.get("dilations", (1, 1)))
            return f"{function}({x}, {given}, 0, {dilations}, ceil_mode={ceil})"
        if any(int(d) != 1 for d in node.attrs.get("dilations", (1, 1))):
            raise NotWrittenError("it is dilated")
        if any(pads) and not node.attrs.get("count_include_pad"):
            if pads[:2] != pads[2:]:
                raise NotWrittenError("its padding differs between sides")
            return f"{function}({x}, {given}, {tuple(pads[:2])}, count_include_pad=False)"
        return f"{function}({_padded(x, pads, '0.0')}, {given}, ceil_mode={ceil})"

    return write


def _padded(x: str, pads: Sequence[int], value: str) -> str:
    if not any(pads):
        return x
    top, left, bottom, right = pads
    return f"functional.pad({x}, ({left}, {right}, {top}, {bottom}), value={value})"


def _conv(node: Standard) -> str:
    kernel = node.attrs.get("kernel_shape")
    rank = len(kernel) if kernel is not None else len(node.attrs.get("strides", (1, 1)))
    pads = [int(p) for p in node.attrs.get("pads", [0] * 2 * rank)]
    if node.attrs.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or rank not in (1, 2):
        raise NotWrittenError("its padding is implicit, or it has more than two dimensions")
    strides = tuple(int(s) for s in node.attrs.get("strides", [1] * rank))
    dilations = tuple(int(d) for d in node.attrs.get("dilations", [1] * rank))
    x = node.inputs[0]
    if any(pads):
        sides = [pads[axis + half] for axis in reversed(range(rank)) for half in (0, rank)]
        x = f"functional.pad({x}, {tuple(sides)})"
    bias = node.given(2) or "None"
    group = int(node.attrs.get("group", 1))
    function = f"functional.conv{rank}d"
    return f"{function}({x}, {node.inputs[1]}, {bias}, {strides}, 0, {dilations}, {group})"


def _shape(node: Standard) -> str:
    x = node.inputs[0]
    start, end = node.attrs.get("start", 0), node.attrs.get("end")
    picked = f"[{start}:{'' if end is None else end}]" if start or end is not None else ""
    return f"torch.tensor({x}.shape{picked}, device={x}.device)"


def _pad(node: Standard) -> str:
    mode = node.attrs.get("mode", b"constant")
    mode = mode.decode() if isinstance(mode, bytes) else mode
    pads = node.integers(1, "pads")
    value = node.value(2)
    filled = float(node.attrs.get("value", 0.0)) if value is None else float(value.reshape(-1)[0])
    if mode != "constant" or pads is None or node.given(3):
        raise NotWrittenError(f"it pads by '{mode}', or along axes of its own")
    half = len(pads) // 2
    pairs = [(pads[i], pads[i + half]) for i in reversed(range(half))]
    flat = tuple(side for pair in pairs for side in pair)
    return f"functional.pad({node.inputs[0]}, {flat}, value={filled!r})"


_DTYPES: Mapping[int, str] = {
    TensorProto.FLOAT: "torch.float32",
    TensorProto.FLOAT16: "torch.float16",
    TensorProto.DOUBLE: "torch.float64",
    TensorProto.INT64: "torch.int64",
    TensorProto.INT32: "torch.int32",
    TensorProto.BOOL: "torch.bool",
    TensorProto.UINT8: "torch.uint8",
}


def _cast(node: Standard) -> str:
    kind = _DTYPES.get(int(node.attrs["to"]))
    if kind is None:
        raise NotWrittenError(f"it casts to type {node.attrs['to']}")
    return f"{node.inputs[0]}.to({kind})"


def _arg(function: str) -> Writer:
    def write(node: Standard) -> str:
        axis, keep = int(node.attrs.get("axis", 0)), bool(node.attrs.get("keepdims", 1))
        if node.attrs.get("select_last_index"):
            raise NotWrittenError("it selects the last index")
        return f"{function}({node.inputs[0]}, dim={axis}, keepdim={keep})"

    return write


def _with_numbers(function: str, **defaults: float) -> Writer:
    def write(node: Standard) -> str:
        numbers = [float(node.attrs.get(name, value)) for name, value in defaults.items()]
        return f"{function}({', '.join([node.inputs[0], *map(repr, numbers)])})"

    return write


def _hard_sigmoid(node: Standard) -> str:
    alpha, beta = float(node.attrs.get("alpha", 0.2)), float(node.attrs.get("beta", 0.5))
    return f"torch.clamp({alpha!r} * {node.inputs[0]} + {beta!r}, 0.0, 1.0)"


def _gelu(node: Standard) -> str:
    kind = node.attrs.get("approximate", b"none")
    kind = kind.decode() if isinstance(kind, bytes) else kind
    return f'functional.gelu({node.inputs[0]}, approximate="{kind}")'


def _many(function: str) -> Writer:
    def write(node: Standard) -> str:
        first, *rest = node.inputs
        for other in rest:
            first = f"{function}({first}, {other})"
        return first

    return write


def _method(name: str) -> Writer:
    return lambda n: f"{n.inputs[0]}.{name}"


def _prelu(node: Standard) -> str:
    x, slope = node.inputs
    return f"torch.where({x} < 0, {x} * {slope}, {x})"


_WRITERS: Mapping[str, Writer] = {
    "Abs": _call("torch.abs"),
    "Add": _infix("+"),
    "And": _infix("&"),
    "ArgMax": _arg("torch.argmax"),
    "ArgMin": _arg("torch.argmin"),
    "Atan": _call("torch.atan"),
    "AveragePool": _pool("functional.avg_pool2d"),
    "Cast": _cast,
    "Ceil": _call("torch.ceil"),
    "Celu": _with_numbers("functional.celu", alpha=1.0),
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Cos": _call("torch.cos"),
    "Div": _infix("/"),
    "Dropout": _method("clone()"),
    "Elu": _with_numbers("functional.elu", alpha=1.0),
    "Equal": _infix("=="),
    "Erf": _call("torch.erf"),
    "Exp": _call("torch.exp"),
    "Flatten": _flatten,
    "Floor": _call("torch.floor"),
    "Gather": _gather,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": _method("mean((2, 3), keepdim=True)"),
    "GlobalMaxPool": _method("amax((2, 3), keepdim=True)"),
    "Greater": _infix(">"),
    "GreaterOrEqual": _infix(">="),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _call("functional.hardswish"),
    "Identity": lambda n: n.inputs[0],
    "LeakyRelu": _with_numbers("functional.leaky_relu", alpha=0.01),
    "Less": _infix("<"),
    "LessOrEqual": _infix("<="),
    "Log": _call("torch.log"),
    "LogSoftmax": _softmax("torch.log_softmax"),
    "MatMul": _infix("@"),
    "Max": _many("torch.maximum"),
    "MaxPool": _pool("functional.max_pool2d"),
    "Min": _many("torch.minimum"),
    "Mish": _call("functional.mish"),
    "Mul": _infix("*"),
    "Neg": _call("torch.neg"),
    "Not": _call("torch.logical_not"),
    "Or": _infix("|"),
    "PRelu": _prelu,
    "Pad": _pad,
    "Pow": _infix("**"),
    "Reciprocal": _call("torch.reciprocal"),
    "ReduceMax": _reduce("torch.amax"),
    "ReduceMean": _reduce("torch.mean"),
    "ReduceMin": _reduce("torch.amin"),
    "ReduceSum": _reduce("torch.sum"),
    "Relu": _call("torch.relu"),
    "Reshape": _reshape,
    "Selu": _call("torch.selu"),
    "Shape": _shape,
    "Sigmoid": _call("torch.sigmoid"),
    "Sign": _call("torch.sign"),
    "Sin": _call("torch.sin"),
    "Slice": _slice,
    "Softmax": _softmax("torch.softmax"),
    "Softplus": _call("functional.softplus"),
    "Softsign": _call("functional.softsign"),
    "Split": _split,
    "Sqrt": _call("torch.sqrt"),
    "Squeeze": _squeeze,
    "Sub": _infix("-"),
    "Sum": _infix("+"),
    "Tanh": _call("torch.tanh"),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _call("torch.where"),
}


def values_of(constants: Mapping[str, NDArray[Any]], names: Sequence[str]) -> list[Any]:
    """The constants among inputs, None for the others."""
    return [np.asarray(constants[n]) if n in constants else None for n in names]
