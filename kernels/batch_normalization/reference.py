"""NumPy reference of JpegBatchNormalization.

    y = DCT(scale * inverse DCT(x) + shift)

This equals multiplying every coefficient by `scale`, and shifting the DC coefficients by
shift * block (Ehrlich and Davis, ICCV 2019, section 4.3).
`jpegcompile.dct.normalization.batch_norm_affine` computes scale and shift from the statistics.
"""

from __future__ import annotations

from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial


def jpeg_batch_normalization(
    x: NDArray[Float], scale: NDArray[Float], shift: NDArray[Float], *, block: int
) -> NDArray[Float]:
    """Scale and shift each channel of a JPEG-domain map.

    Args:
        x: [N, C, H, W] at `block`.
        scale: [C], or [C, 1, 1] as in the operator.
        shift: as `scale`.
        block: block size of x and of the result.

    Returns:
        [N, C, H, W] at `block`.
    """
    spatial = to_spatial(x, block)
    normalized = spatial * scale.reshape(-1, 1, 1) + shift.reshape(-1, 1, 1)
    return to_jpeg(normalized, block)
