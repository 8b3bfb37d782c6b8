"""Batch normalization at inference as an affine map per channel.

In the JPEG domain the scale multiplies every coefficient, and the shift adds shift * b to the DC
coefficients (Ehrlich and Davis, section 4.3; a map of ones has DC b).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.affine import ChannelAffine


def batch_norm_affine(
    scale: NDArray[Any],
    bias: NDArray[Any],
    mean: NDArray[Any],
    variance: NDArray[Any],
    epsilon: float,
) -> ChannelAffine:
    """Return y = (x - mean) / sqrt(variance + epsilon) * scale + bias as an affine map of x.

    All arrays have shape [channels].
    """
    factor = scale.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    return ChannelAffine(factor, bias.astype(np.float64) - mean.astype(np.float64) * factor)


def fold_into_convolution(
    weight: NDArray[Any], bias: NDArray[Any] | None, affine: ChannelAffine
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return kernel and bias of a convolution followed by an affine map.

    The result is computed in float64 and rounded once, to the precision of `weight`.

    Args:
        weight: kernel [M, C/group, kh, kw] of the convolution.
        bias: bias [M] of the convolution; None for zero.
        affine: affine map of the M output channels.

    Returns:
        Kernel [M, C/group, kh, kw] and bias [M].
    """
    kernel = weight.astype(np.float64) * affine.scale[:, None, None, None]
    return kernel.astype(weight.dtype), _shifted(bias, affine).astype(weight.dtype)


def fold_into_transposed(
    weight: NDArray[Any], bias: NDArray[Any] | None, affine: ChannelAffine
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return kernel and bias of a transposed convolution followed by an affine map.

    Args:
        weight: kernel [C, M/group, kh, kw] of the transposed convolution.
        bias: bias [M] of the transposed convolution; None for zero.
        affine: affine map of the M output channels.

    Returns:
        Kernel [C, M/group, kh, kw] and bias [M].
    """
    # Input channels are ordered by group, and each group computes its own part of the M channels.
    group = affine.scale.size // weight.shape[1]
    parts = weight.astype(np.float64).reshape(group, -1, *weight.shape[1:])
    kernel = (parts * affine.scale.reshape(group, 1, -1, 1, 1)).reshape(weight.shape)
    return kernel.astype(weight.dtype), _shifted(bias, affine).astype(weight.dtype)


def _shifted(bias: NDArray[Any] | None, affine: ChannelAffine) -> NDArray[np.float64]:
    before = np.zeros(affine.scale.size) if bias is None else bias.astype(np.float64)
    return np.asarray(before * affine.scale + affine.shift)
