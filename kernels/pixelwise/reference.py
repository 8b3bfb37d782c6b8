"""NumPy reference of JpegSigmoid, JpegSilu and the other per-pixel functions.

    y = DCT(f(inverse DCT(x)))

f is the function of the ONNX operator with the same name, in float64; SiLU is x sigmoid(x). For
JpegPointwise_1 and the like, f is a program of several steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial

Doubles = NDArray[np.float64]


def _sigmoid(x: Doubles) -> Doubles:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def _softplus(x: Doubles) -> Doubles:
    return np.asarray(np.logaddexp(0.0, x))


def _erf(x: Doubles) -> Doubles:
    return np.asarray(np.vectorize(math.erf, otypes=[np.float64])(x))


def _gelu(x: Doubles, approximate: str) -> Doubles:
    if approximate == "tanh":
        return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
    return 0.5 * x * (1.0 + _erf(x / math.sqrt(2.0)))


def _elu(x: Doubles, alpha: float) -> Doubles:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _hard_sigmoid(x: Doubles, alpha: float, beta: float) -> Doubles:
    return np.clip(alpha * x + beta, 0.0, 1.0)


FUNCTIONS: Mapping[str, Callable[..., Doubles]] = {
    "JpegAbs": np.abs,
    "JpegAtan": np.arctan,
    "JpegCelu": lambda x, alpha: np.maximum(x, 0) + alpha * np.expm1(np.minimum(x / alpha, 0)),
    "JpegCos": np.cos,
    "JpegElu": _elu,
    "JpegErf": _erf,
    "JpegExp": np.exp,
    "JpegGelu": _gelu,
    "JpegHardSigmoid": _hard_sigmoid,
    "JpegHardSwish": lambda x: x * _hard_sigmoid(x, 1 / 6, 0.5),
    "JpegMish": lambda x: x * np.tanh(_softplus(x)),
    "JpegSelu": lambda x, alpha, gamma: gamma * _elu(x, alpha),
    "JpegSigmoid": _sigmoid,
    "JpegSilu": lambda x: x * _sigmoid(x),
    "JpegSin": np.sin,
    "JpegSoftplus": _softplus,
    "JpegSoftsign": lambda x: x / (1.0 + np.abs(x)),
    "JpegTanh": np.tanh,
}


def jpeg_pixelwise(x: NDArray[Float], op: str, *, block: int, **attributes: Any) -> NDArray[Float]:
    """Apply a function to the pixels of a JPEG-domain map.

    Args:
        x: [N, C, H, W] with block size `block`.
        op: a key of `FUNCTIONS`.
        block: block size of x and of the result.
        attributes: all attributes of the ONNX operator.

    Returns:
        [N, C, H, W] with block size `block`.
    """
    pixels = to_spatial(x.astype(np.float64), block)
    return to_jpeg(FUNCTIONS[op](pixels, **attributes), block).astype(x.dtype)


def _prelu(a: Doubles, b: Doubles) -> Doubles:
    return np.asarray(np.where(a < 0, a * b, a))


def _where(a: Doubles, b: Doubles, c: Doubles) -> Doubles:
    return np.asarray(np.where(a != 0, b, c))


# Steps of programs in addition to `FUNCTIONS`. True is 1, false is 0.
STEPS: Mapping[str, Callable[..., Doubles]] = {
    "Add": np.add,
    "And": np.multiply,
    "Div": np.divide,
    "Equal": lambda a, b: np.float64(1.0) * (a == b),
    "Greater": lambda a, b: np.float64(1.0) * (a > b),
    "GreaterOrEqual": lambda a, b: np.float64(1.0) * (a >= b),
    "Less": lambda a, b: np.float64(1.0) * (a < b),
    "LessOrEqual": lambda a, b: np.float64(1.0) * (a <= b),
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Not": lambda a: 1.0 - a,
    "Or": np.maximum,
    "PRelu": _prelu,
    "Relu": lambda a: np.maximum(a, 0.0),
    "Sub": np.subtract,
    "Where": _where,
}


def jpeg_program(
    x: NDArray[Float], program: str, constants: NDArray[Float], *, block: int
) -> NDArray[Float]:
    """Apply a program to the pixels of a JPEG-domain map.

    Args:
        x: [N, C, H, W] with block size `block`.
        program: one step per line: the name of a function or a key of `STEPS`, its operands, and
            the attributes of a function. Operands are `x` (the pixels), `c0`, `c1` and so on
            (constants), and `v0`, `v1` and so on (results of previous steps). The result of the
            last step is the result of the program.
        constants: [count, C or 1, 1, 1].
        block: block size of x and of the result.

    Returns:
        [N, C, H, W] with block size `block`.
    """
    values = {"x": to_spatial(x.astype(np.float64), block)}
    values |= {f"c{number}": entry for number, entry in enumerate(constants.astype(np.float64))}
    for number, line in enumerate(program.splitlines()):
        name, *tokens = line.split()
        operands = [values[token] for token in tokens if token in values]
        numbers = [float(token) for token in tokens if token not in values]
        values[f"v{number}"] = np.asarray(_step(name)(*operands, *numbers))
    last = f"v{len(program.splitlines()) - 1}"
    return to_jpeg(np.broadcast_to(values[last], x.shape), block).astype(x.dtype)


def _step(name: str) -> Callable[..., Doubles]:
    if name == "GeluTanh":
        return lambda a: _gelu(a, "tanh")
    if name == "Gelu":
        return lambda a: _gelu(a, "none")
    return STEPS[name] if name in STEPS else FUNCTIONS[f"Jpeg{name}"]
