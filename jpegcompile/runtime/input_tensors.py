"""From the coefficients of files to the inputs of a compiled model, or of the original one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.dct.color import Color, check_chroma_sampling, mixing_matrix
from jpegcompile.dct.decode import decode
from jpegcompile.dct.ingest import ingest
from jpegcompile.dct.integer_decode import cut, integer_pixels, resize
from jpegcompile.dct.resampled import resampled_views
from jpegcompile.dct.scaled_decoding import used_in, with_used
from jpegcompile.dct.upsampling import Upsampling
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.interface import CHROMA, LUMA, QUANTIZATION
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.pixel_image import PixelImage, ReadImage
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.metadata import CompiledInfo
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import Geometry, Placement
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.steps import Size
from jpegcompile.runtime.pixel_input import network_tensor, shown
from jpegcompile.runtime.views import of_each_view, placements_of, stacked


def check_size(frame: Frame, taken: NetworkInput, name: str) -> None:
    """Refuse an image that does not come to the network's size.

    Raises:
        ImageError: beginning with the image's name, naming both sizes.
    """
    try:
        taken.geometry.place(frame, taken.size)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error


def check_usable(
    frame: Frame,
    taken: NetworkInput,
    written: Frame | None,
    name: str,
    color: Color | None = None,
) -> None:
    """Refuse an image that a compiled model does not take, whichever sampling it is compiled for.

    Args:
        frame: of the image.
        taken: the model's image input.
        written: the frame that the model is compiled for; None for tensors.
        name: of the image, for messages.
        color: that a model for tensors is fed with. The ingest of all others takes all components.

    Raises:
        ImageError: if the size is not the network's, or the sampling defines no pixels.
    """
    check_size(frame, taken, name)
    if written is not None and fits_inputs(frame, written, taken):
        return
    try:
        check_decodable(frame, color)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error


def check_decodable(frame: Frame, color: Color | None) -> None:
    """Refuse an image whose components have no place among the pixels.

    Args:
        frame: of the image.
        color: that is wanted of it; None for all of its components.

    Raises:
        ImageError: if sampling factors are fractional, or differ between Cb and Cr.
    """
    check_chroma_sampling(frame)
    for index in range(len(frame.sampling)):
        if color is None or mixing_matrix(frame.color_space, color)[:, index].any():
            Upsampling.of(frame, index)


def fits_inputs(frame: Frame, written: Frame | None, taken: NetworkInput) -> bool:
    """Whether a file can be fed to a model as it is; its size is the caller's to check.

    Args:
        frame: of the file.
        written: the frame that the model is compiled for; None for tensors, which are made of any.
        taken: the model's image input.
    """
    if written is None:
        return True
    if taken.is_preprocessed:
        # Each size has matrices of its own: see `runtime/placed.py`.
        return False
    if written.color_space == "gray" and taken.channels == 1:
        # Luma alone: any grey file, and the luma of any colour file that samples it fully.
        return frame.color_space != "rgb" and frame.sampling[0] == frame.most_sampling
    return subsampling_of(frame) == subsampling_of(written)


def coefficient_feeds(
    images: Sequence[Coefficients], written: Frame
) -> dict[str, NDArray[np.generic]]:
    """Inputs `luma`, `chroma`, `quantization` of a batch of files that fit (see `fits_inputs`).

    Args:
        images: the files.
        written: the frame that the model is compiled for.
    """
    feeds: dict[str, NDArray[np.generic]] = {
        LUMA: np.stack([image.planes[0][None] for image in images])
    }
    components = len(written.sampling)
    if components > 1:
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
    if info.preprocessing is None:
        raise UsageError(
            f"{path}: was compiled for tensors without preprocessing, so images cannot be fed;"
            " compile it with --preprocess"
        )
    return info.preprocessing


def ingested(image: ReadImage, info: CompiledInfo, view: int | None = None) -> NDArray[np.float32]:
    """One image [C, H, W] where the network begins, for any size and sampling.

    Args:
        image: that was read.
        info: of the model.
        view: the one that is made of several; all of them, [views, C, H, W], if not given.
    """
    taken = info.input if view is None else info.input.each_view()[view]
    return ingested_at(image, taken, info.ingest_block)


def ingested_at(image: ReadImage, taken: NetworkInput, block: int) -> NDArray[np.float32]:
    """One image [C, H, W] as a network takes it, in the jpeg domain at `block`.

    Several views of it are stacked along a new first axis.
    """
    if isinstance(image, PixelImage):
        return network_tensor(image, replace(taken, layout="NCHW"), block)
    if taken.decoder == "float":
        return of_each_view(
            taken.geometry,
            lambda view: ingest(image, replace(taken, geometry=view), block).astype(np.float32),
        )
    color, affine = taken.from_pixels
    pixels = _integers(image, color, taken.geometry, taken.size)
    return to_jpeg(normalize(pixels, affine, "NCHW"), block)


def _integers(
    image: Coefficients, color: Color, geometry: Geometry, size: Size
) -> NDArray[np.float64]:
    """Pixels [H, W, C] as the network sees them, decoded and resized in integers."""
    placements = placements_of(geometry, image.frame, size)
    channels = 1 if color == "L" else 3
    fill = tuple(int(value) for value in np.broadcast_to(np.asarray(geometry.fill), (channels,)))
    whole = resize(integer_pixels(image, color), placements[0])
    views = stacked(geometry, [cut(whole, placement, fill) for placement in placements])
    return np.moveaxis(views, -3, -1).astype(np.float64)


def original_input(
    image: ReadImage, preprocess: Preprocess, taken: NetworkInput
) -> NDArray[np.float32]:
    """One image as the original model takes it, from the decode that the preprocessing names.

    In the model's layout; several views of it are stacked along a new first axis.

    Of an image by Pillow's decode its pixels are taken, and resized as its decoder says.

    Raises:
        ImageError: if its components have no place among the pixels, or it does not come to the
            network's size.
    """
    geometry, color = preprocess.geometry, preprocess.color_for(taken.channels)
    if isinstance(image, PixelImage):
        seen = shown(image, geometry, taken.size, preprocess.decoder)
    elif preprocess.decoder == "float":
        seen = _in_reals(image, color, geometry, taken.size)
    else:
        seen = _integers(image, color, geometry, taken.size)
    return normalize(seen, preprocess.affine(taken.channels), taken.layout)


def _in_reals(
    image: Coefficients, color: Color, geometry: Geometry, size: Size
) -> NDArray[np.float64]:
    """Pixels [H, W, C] as the network sees them, of the frequencies that it takes."""
    placements = placements_of(geometry, image.frame, size)
    # Views that take as many frequencies are of the same pixels.
    used = [used_in(image, placement, color) for placement in placements]
    seen: dict[Placement, NDArray[np.float64]] = {}
    for taken in set(used):
        alike = [place for place, own in zip(placements, used, strict=True) if own == taken]
        pixels = decode(with_used(image, taken), color)
        seen.update(zip(alike, resampled_views(pixels, alike, geometry.fill), strict=True))
    return stacked(geometry, [seen[placement] for placement in placements])


def normalize(
    pixels: NDArray[np.float64], affine: ChannelAffine, layout: str
) -> NDArray[np.float32]:
    """Pixels [..., H, W, C] on the 0..255 scale as a network's input, in its layout."""
    values = (pixels * affine.scale + affine.shift).astype(np.float32)
    return values if layout == "NHWC" else np.ascontiguousarray(np.moveaxis(values, -1, -3))
