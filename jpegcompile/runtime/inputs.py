"""From the coefficients of files to the inputs of a compiled model, or of the original one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.color import Color, check_chroma_sampling, mixing_matrix
from jpegcompile.dct.decode import decode
from jpegcompile.dct.ingest import ChannelAffine, ingest
from jpegcompile.dct.upsampling import Upsampling
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.interface import CHROMA, LUMA, QUANTIZATION
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.subsampling import GRAY, subsampling_of
from jpegcompile.metadata import CompiledInfo, InputInfo
from jpegcompile.preprocess import Preprocess, preprocess_of


def check_size(coefficients: Coefficients, info: InputInfo, name: str) -> None:
    """Refuse an image whose size is not the network's.

    Raises:
        ImageError: naming both sizes.
    """
    if (coefficients.height, coefficients.width) != (info.height, info.width):
        raise ImageError(
            f"{name}: is {coefficients.width}x{coefficients.height} but the model takes"
            f" {info.width}x{info.height}; resizing is not supported, give images of that size"
        )


def check_usable(
    coefficients: Coefficients, info: InputInfo, name: str, color: Color | None = None
) -> None:
    """Refuse an image that a compiled model does not take, whichever sampling it is compiled for.

    Args:
        coefficients: of the image.
        info: the model's image input.
        name: of the image, for messages.
        color: that a model for tensors is fed with. The ingest of all others takes all components.

    Raises:
        ImageError: if the size is not the network's, or the sampling defines no pixels.
    """
    check_size(coefficients, info, name)
    if info.mode != "tensor" and fits_inputs(coefficients, info):
        return
    try:
        check_decodable(coefficients, color)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error


def check_decodable(coefficients: Coefficients, color: Color | None) -> None:
    """Refuse an image whose components have no place among the pixels.

    Args:
        coefficients: of the image.
        color: that is wanted of it; None for all of its components.

    Raises:
        ImageError: if sampling factors are fractional, or differ between Cb and Cr.
    """
    check_chroma_sampling(coefficients.sampling, coefficients.color_space)
    for index in range(len(coefficients.sampling)):
        if color is None or mixing_matrix(coefficients.color_space, color)[:, index].any():
            width = coefficients.component_size(index)[1]
            Upsampling.of(coefficients.sampling, index, width)


def fits_inputs(coefficients: Coefficients, info: InputInfo) -> bool:
    """Whether a file's coefficients can be fed to the model as they are."""
    if info.subsampling == GRAY and info.channels == 1:
        # Luma alone: any grey file, and the luma of any colour file that samples it fully.
        most = [max(factors) for factors in zip(*coefficients.sampling, strict=True)]
        is_full = list(coefficients.sampling[0]) == most
        return coefficients.color_space != "rgb" and is_full
    return subsampling_of(coefficients) == info.subsampling


def coefficient_feeds(
    images: Sequence[Coefficients], info: InputInfo
) -> dict[str, NDArray[np.generic]]:
    """Inputs `luma`, `chroma`, `quantization` of a batch of files that fit (see `fits_inputs`)."""
    feeds: dict[str, NDArray[np.generic]] = {
        LUMA: np.stack([image.planes[0][None] for image in images])
    }
    components = 1
    if info.subsampling != GRAY:
        components = 3
        feeds[CHROMA] = np.stack([np.stack(image.planes[1:]) for image in images])
    feeds[QUANTIZATION] = np.stack([image.quantization[:components] for image in images])
    return feeds


def preprocess_in(info: CompiledInfo, path: str) -> Preprocess:
    """The preprocessing that a compiled model carries.

    Args:
        info: what the model says of itself.
        path: of the model, for messages.

    Raises:
        UsageError: if it carries none (compiled for tensors, without --preprocess).
    """
    if info.preprocess is None:
        raise UsageError(
            f"{path}: was compiled for tensors without preprocessing, so images cannot be fed;"
            " compile it with --preprocess"
        )
    return preprocess_of(info.preprocess)


def ingested(
    image: Coefficients, preprocess: Preprocess, info: CompiledInfo
) -> NDArray[np.float32]:
    """One image [C, H, W] where the network begins, in the jpeg domain; for any sampling."""
    channels = info.input.channels
    affine = preprocess.affine(channels)
    if info.input_affine is not None:
        scale, shift = (np.asarray(values) for values in info.input_affine)
        affine = affine.then(scale, shift)
    return ingest(image, preprocess.color_for(channels), affine).astype(np.float32)


def original_input(
    image: Coefficients, preprocess: Preprocess, info: InputInfo
) -> NDArray[np.float32]:
    """One image as the original model takes it, from the float decode; in the model's layout."""
    pixels = decode(image, preprocess.color_for(info.channels))
    return normalize(pixels, preprocess.affine(info.channels), info.layout)


def normalize(
    pixels: NDArray[np.float64], affine: ChannelAffine, layout: str
) -> NDArray[np.float32]:
    """Pixels [H, W, C] on the 0..255 scale as a network's input, in its layout."""
    values = (pixels * affine.scale + affine.shift).astype(np.float32)
    return values if layout == "NHWC" else np.ascontiguousarray(values.transpose(2, 0, 1))
