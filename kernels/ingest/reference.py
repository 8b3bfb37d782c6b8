"""NumPy reference of JpegIngest and JpegIngestGray.

    y = DCT(scale * pixels + shift)

`pixels` is the float decode: dequantization, inverse DCT, level shift, chroma upsampling, color
and crop, without rounding or clamping (ITU-T T.81, A.3; JFIF 1.02; `jpegcompile.dct.decode`). This
reference works on pixels, file by file, whereas the operator has one matrix for each axis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.dct.color import Color
from jpegcompile.dct.decode import decode
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame


def jpeg_ingest(
    luma: NDArray[np.int16],
    chroma: NDArray[np.int16] | None,
    quantization: NDArray[np.uint16],
    *,
    frame: Frame,
    color: Color,
    affine: ChannelAffine,
    block: int,
) -> NDArray[np.float64]:
    """Compute the network's input for a batch of files with one frame.

    Args:
        luma: quantized coefficients [N, 1, Hb, Wb, 8, 8], natural order.
        chroma: [N, 2, hb, wb, 8, 8], Cb and Cr; None for grayscale files (JpegIngestGray).
        quantization: tables [N, components, 8, 8].
        frame: image size, sampling and color space of the files.
        color: channels of the network's input.
        affine: map from pixels in 0..255 to the network's input, for each channel.
        block: block size of the result; divides the image's sides.

    Returns:
        [N, channels, H, W] at `block`.

    Raises:
        ImageError: if sampling factors are fractional, or differ between Cb and Cr.
    """
    images = []
    for index in range(len(luma)):
        chroma_planes = () if chroma is None else tuple(chroma[index])
        coefficients = Coefficients(
            planes=(luma[index, 0], *chroma_planes),
            quantization=quantization[index],
            frame=frame,
            progressive=False,
        )
        values = decode(coefficients, color) * affine.scale + affine.shift
        images.append(to_jpeg(np.ascontiguousarray(values.transpose(2, 0, 1)), block))
    return np.stack(images)
