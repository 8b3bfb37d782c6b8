"""What JpegSigmoid, JpegSilu and the other functions of each pixel mean.

    y = DCT(f(inverse DCT(x)))

The f are those of the ONNX operators of the same names, in float64; SiLU is x sigmoid(x).
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


def jpeg_pointwise(x: NDArray[Float], op: str, *, block: int, **attributes: Any) -> NDArray[Float]:
    """Apply a function to the pixels of a jpeg-domain map.

    Args:
        x: [N, C, H, W] at `block`.
        op: a name of `FUNCTIONS`.
        block: block size of x and of the result.
        attributes: of the ONNX operator, all of them.

    Returns:
        [N, C, H, W] at `block`.
    """
    pixels = to_spatial(x.astype(np.float64), block)
    return to_jpeg(FUNCTIONS[op](pixels, **attributes), block).astype(x.dtype)
