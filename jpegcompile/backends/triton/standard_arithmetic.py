"""PyTorch expressions of ONNX operators that compute with elements of tensors."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import TensorProto

from jpegcompile.backends.triton.standard_node import (
    NotWrittenError,
    Standard,
    Writer,
    call,
    text_of,
)
from jpegcompile.messages import Message

_DTYPES: Mapping[int, str] = {
    TensorProto.FLOAT: "torch.float32",
    TensorProto.FLOAT16: "torch.float16",
    TensorProto.DOUBLE: "torch.float64",
    TensorProto.INT64: "torch.int64",
    TensorProto.INT32: "torch.int32",
    TensorProto.BOOL: "torch.bool",
    TensorProto.UINT8: "torch.uint8",
}


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


def _clip(node: Standard) -> str:
    low, high = (
        repr(float(node.attrs[name])) if name in node.attrs else node.given(index) or "None"
        for index, name in ((1, "min"), (2, "max"))
    )
    return f"torch.clamp({node.inputs[0]}, {low}, {high})"


def _cast(node: Standard) -> str:
    kind = _DTYPES.get(int(node.attrs["to"]))
    if kind is None:
        raise NotWrittenError(
            Message("torch-cast-type", f"its target type {node.attrs['to']} is not supported")
        )
    return f"{node.inputs[0]}.to({kind})"


def _arg(function: str) -> Writer:
    def write(node: Standard) -> str:
        axis, keep = int(node.attrs.get("axis", 0)), bool(node.attrs.get("keepdims", 1))
        if node.attrs.get("select_last_index"):
            raise NotWrittenError(
                Message("torch-arg-selects-last-index", "it selects the last index")
            )
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
    kind = text_of(node.attrs.get("approximate", "none"))
    return f'functional.gelu({node.inputs[0]}, approximate="{kind}")'


def _many(function: str) -> Writer:
    def write(node: Standard) -> str:
        first, *rest = node.inputs
        for other in rest:
            first = f"{function}({first}, {other})"
        return first

    return write


def _prelu(node: Standard) -> str:
    x, slope = node.inputs
    return f"torch.where({x} < 0, {x} * {slope}, {x})"


ARITHMETIC: Mapping[str, Writer] = {
    "Abs": call("torch.abs"),
    "Add": _infix("+"),
    "And": _infix("&"),
    "ArgMax": _arg("torch.argmax"),
    "ArgMin": _arg("torch.argmin"),
    "Atan": call("torch.atan"),
    "Cast": _cast,
    "Ceil": call("torch.ceil"),
    "Celu": _with_numbers("functional.celu", alpha=1.0),
    "Clip": _clip,
    "Cos": call("torch.cos"),
    "Div": _infix("/"),
    "Elu": _with_numbers("functional.elu", alpha=1.0),
    "Equal": _infix("=="),
    "Erf": call("torch.erf"),
    "Exp": call("torch.exp"),
    "Floor": call("torch.floor"),
    "Gelu": _gelu,
    "Gemm": _gemm,
    "Greater": _infix(">"),
    "GreaterOrEqual": _infix(">="),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": call("functional.hardswish"),
    "LeakyRelu": _with_numbers("functional.leaky_relu", alpha=0.01),
    "Less": _infix("<"),
    "LessOrEqual": _infix("<="),
    "Log": call("torch.log"),
    "LogSoftmax": _softmax("torch.log_softmax"),
    "MatMul": _infix("@"),
    "Max": _many("torch.maximum"),
    "Min": _many("torch.minimum"),
    "Mish": call("functional.mish"),
    "Mul": _infix("*"),
    "Neg": call("torch.neg"),
    "Not": call("torch.logical_not"),
    "Or": _infix("|"),
    "PRelu": _prelu,
    "Pow": _infix("**"),
    "Reciprocal": call("torch.reciprocal"),
    "ReduceMax": _reduce("torch.amax"),
    "ReduceMean": _reduce("torch.mean"),
    "ReduceMin": _reduce("torch.amin"),
    "ReduceSum": _reduce("torch.sum"),
    "Relu": call("torch.relu"),
    "Selu": call("torch.selu"),
    "Sigmoid": call("torch.sigmoid"),
    "Sign": call("torch.sign"),
    "Sin": call("torch.sin"),
    "Softmax": _softmax("torch.softmax"),
    "Softplus": call("functional.softplus"),
    "Softsign": call("functional.softsign"),
    "Sqrt": call("torch.sqrt"),
    "Sub": _infix("-"),
    "Sum": _infix("+"),
    "Tanh": call("torch.tanh"),
    "Where": call("torch.where"),
}
