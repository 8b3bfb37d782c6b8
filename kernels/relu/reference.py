"""What JpegRelu means.

    y = DCT(max(0, inverse DCT(x)))

This is Approximated Spatial Masking (Ehrlich and Davis, ICCV 2019, section 4.2) with all 15 spatial
frequencies: the mask is then the true one and nothing is approximated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial


def jpeg_relu(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Rectify the pixels of a jpeg-domain map.

    Args:
        x: [N, C, H, W] at `block`.
        block: block size of x and of the result.

    Returns:
        [N, C, H, W] at `block`.
    """
    spatial = to_spatial(x, block)
    return to_jpeg(np.where(spatial > 0, spatial, np.zeros_like(spatial)), block)
