"""NumPy reference of JpegGroupNormalization and SpatialGroupNormalization.

    y = DCT(scale * (inverse DCT(x) - mean) / sqrt(variance + epsilon) + shift)

`mean` and `variance` are taken over all pixels of a group of channels of an image (Wu and He, ECCV
2018). By the DCT mean-variance theorem (Ehrlich and Davis, ICCV 2019, section 4.3), the operator
needs no pixels. The mean is the mean of the DC coefficients, divided by the block size. The
variance is the mean of all squared coefficients after the mean has been subtracted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial


def jpeg_group_normalization(
    x: NDArray[Float],
    scale: NDArray[Float],
    shift: NDArray[Float],
    *,
    groups: int,
    epsilon: float,
    block: int,
) -> NDArray[Float]:
    """Normalize each group of channels of each image.

    Args:
        x: [N, C, H, W] at `block`.
        scale: [C], or [C, 1, 1] as in the operator.
        shift: as `scale`.
        groups: number of channel groups; divides C. One group per channel is instance
            normalization.
        epsilon: positive, added to the variance.
        block: block size of x and of the result; 1 is the spatial domain.

    Returns:
        [N, C, H, W] at `block`.
    """
    pixels = to_spatial(x, block).astype(np.float64)
    rows = pixels.reshape(len(x), groups, -1)
    centered = rows - rows.mean(2, keepdims=True)
    variance = (centered**2).mean(2, keepdims=True)
    normalized = (centered / np.sqrt(variance + epsilon)).reshape(x.shape)
    result = normalized * scale.reshape(-1, 1, 1) + shift.reshape(-1, 1, 1)
    return to_jpeg(result, block).astype(x.dtype)
