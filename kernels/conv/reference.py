"""NumPy reference of JpegConv and JpegPointwiseConv.

    y = DCT(conv(inverse DCT(x), weight) + bias)

The transforms and the convolution are linear, so this is one linear map on coefficients (Ehrlich
and Davis, ICCV 2019, section 4.1). The weights stay the ordinary spatial kernel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.windows import NO_PADS, Pads, Pair, taps


def jpeg_conv(
    x: NDArray[Float],
    weight: NDArray[Float],
    bias: NDArray[Float],
    *,
    input_block: int,
    output_block: int,
    strides: Pair = (1, 1),
    pads: Pads = NO_PADS,
    dilations: Pair = (1, 1),
    group: int = 1,
) -> NDArray[Float]:
    """Convolve a JPEG-domain map.

    Args:
        x: [N, C, H, W] at `input_block`.
        weight: spatial kernel [M, C / group, kh, kw].
        bias: [M].
        input_block: block size of x; divides H and W.
        output_block: block size of the result; divides its sides.
        strides: as for ONNX Conv; the next three, too.
        pads: zero padding of the spatial-domain map.
        dilations: step of the taps.
        group: number of groups of channels.

    Returns:
        [N, M, H', W'] at `output_block`.

    Raises:
        ValueError: if block sizes do not divide the sides, or the window exceeds the map.
    """
    spatial = to_spatial(x, input_block)
    filters = np.stack(np.split(weight, group))
    result = None
    for (row, column), seen in taps(spatial, weight.shape[2:], strides, pads, dilations):
        grouped = np.stack(np.split(seen, group, axis=1))
        product = np.einsum("gnchw,gmc->ngmhw", grouped, filters[..., row, column])
        result = product if result is None else result + product
    assert result is not None
    batch, _, _, height, width = result.shape
    spatial_result = result.reshape(batch, -1, height, width) + bias[:, None, None]
    return to_jpeg(spatial_result, output_block)


def jpeg_pointwise_conv(
    x: NDArray[Float], weight: NDArray[Float], bias: NDArray[Float], *, block: int, group: int = 1
) -> NDArray[Float]:
    """Convolve with a 1x1 kernel, stride 1 and no padding, which commutes with the DCT.

    Args:
        x: [N, C, H, W] at `block`.
        weight: [M, C / group, 1, 1].
        bias: [M], or [M, 1, 1] as in the operator.
        block: block size of x and of the result.
        group: number of groups of channels.

    Returns:
        [N, M, H, W] at `block`.
    """
    return jpeg_conv(
        x, weight, bias.reshape(-1), input_block=block, output_block=block, group=group
    )
