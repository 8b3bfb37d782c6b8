"""Turn the coefficients of files into inputs of a compiled model or of the original model."""

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
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import Geometry, Placement
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.steps import Size
from jpegcompile.runtime.pixel_input import network_tensor, shown
from jpegcompile.runtime.views import of_each_view, placements_of, stacked


def check_size(frame: Frame, taken: NetworkInput, name: str) -> None:
    """Raise an error if the geometry cannot bring an image to the network's size.

    Args:
        frame: frame of the image.
        taken: image input of the network.
        name: name of the image in messages.

    Raises:
        ImageError: if it cannot. The message begins with `name`.
    """
    try:
        taken.geometry.place(frame, taken.size)
    except ImageError as error:
        raise ImageError(Message(error.code, f"{name}: {error}")) from error


def check_usable(
    frame: Frame,
    taken: NetworkInput,
    written: Frame | None,
    name: str,
    color: Color | None = None,
) -> None:
    """Raise an error if a compiled model cannot run on an image, whatever its sampling.

    Args:
        frame: frame of the image.
        taken: image input of the model.
        written: frame that the model is compiled for; None for tensors.
        name: name of the image in messages.
        color: color for a model for tensors. None for other models, which use all components.

    Raises:
        ImageError: if the geometry cannot bring the image to the network's size, or the sampling of
            the image is not supported.
    """
    check_size(frame, taken, name)
    if written is not None and fits_inputs(frame, written, taken):
        return
    try:
        check_decodable(frame, color)
    except ImageError as error:
        raise ImageError(Message(error.code, f"{name}: {error}")) from error


def check_decodable(frame: Frame, color: Color | None) -> None:
    """Raise an error if the sampling of an image is not supported.

    Args:
        frame: frame of the image.
        color: color to decode; None for all components.

    Raises:
        ImageError: if sampling factors are fractional, or differ between Cb and Cr.
    """
    check_chroma_sampling(frame)
    for index in range(len(frame.sampling)):
        if color is None or mixing_matrix(frame.color_space, color)[:, index].any():
            Upsampling.of(frame, index)


def fits_inputs(frame: Frame, written: Frame | None, taken: NetworkInput) -> bool:
    """Whether a model accepts the coefficients of a file unchanged. Does not check the size.

    Args:
        frame: frame of the file.
        written: frame that the model is compiled for; None for tensors, which fit any frame.
        taken: image input of the model.
    """
    if written is None:
        return True
    if taken.is_preprocessed:
        # Each size needs its own matrices; see `runtime/placed.py`.
        return False
    if written.color_space == "gray" and taken.channels == 1:
        # Such a model reads luma alone. Grayscale files and YCbCr files with full luma have it.
        return frame.color_space != "rgb" and frame.sampling[0] == frame.most_sampling
    return subsampling_of(frame) == subsampling_of(written)


def coefficient_feeds(
    images: Sequence[Coefficients], written: Frame
) -> dict[str, NDArray[np.generic]]:
    """Return the inputs `luma`, `chroma` and `quantization` for a batch of files.

    Args:
        images: coefficients of files that fit the model (see `fits_inputs`).
        written: frame that the model is compiled for.
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
    """Return the preprocessing in a compiled model.

    Args:
        info: metadata of the model.
        path: path of the model, for messages.

    Raises:
        UsageError: if the model has none (compiled for tensors without --preprocess).
    """
    if info.preprocessing is None:
        raise UsageError(
            Message(
                "model-without-preprocess",
                f"{path}: was compiled for tensors without preprocessing, so it cannot run on image"
                " files; compile it with --preprocess",
            )
        )
    return info.preprocessing


def ingested(image: ReadImage, info: CompiledInfo, view: int | None = None) -> NDArray[np.float32]:
    """Return one image [C, H, W] at the input of the network, for any size and sampling.

    Args:
        image: image that was read.
        info: metadata of the model.
        view: index of one view. Default: all views; with several views [views, C, H, W].
    """
    taken = info.input if view is None else info.input.each_view()[view]
    return ingested_at(image, taken, info.ingest_block)


def ingested_at(image: ReadImage, taken: NetworkInput, block: int) -> NDArray[np.float32]:
    """Return one image [C, H, W] at the input of a network, in the JPEG domain.

    Args:
        image: image that was read.
        taken: image input of the network.
        block: block size; 1 for pixels.

    Returns:
        [C, H, W]; with several views [views, C, H, W].
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
    """Return pixels [H, W, C] at the network's size, decoded and resized in integers."""
    placements = placements_of(geometry, image.frame, size)
    channels = 1 if color == "L" else 3
    fill = tuple(int(value) for value in np.broadcast_to(np.asarray(geometry.fill), (channels,)))
    whole = resize(integer_pixels(image, color), placements[0])
    views = stacked(geometry, [cut(whole, placement, fill) for placement in placements])
    return np.moveaxis(views, -3, -1).astype(np.float64)


def original_input(
    image: ReadImage, preprocess: Preprocess, taken: NetworkInput
) -> NDArray[np.float32]:
    """Return one image as input of the original model.

    Coefficients are decoded by the decoder of the preprocessing. Pixels from Pillow are only
    resized, in the arithmetic of that decoder.

    Args:
        image: image that was read.
        preprocess: preprocessing of the original model.
        taken: image input of the model.

    Returns:
        One image in the model's layout; with several views [views, ...].

    Raises:
        ImageError: if the sampling of the image is not supported, or the geometry cannot bring it
            to the network's size.
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
    """Return pixels [H, W, C] at the network's size, from the frequencies that the resize uses."""
    placements = placements_of(geometry, image.frame, size)
    # Views that use the same frequencies share one decode.
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
    """Turn pixels into a network's input.

    Args:
        pixels: [..., H, W, C] on the 0..255 scale.
        affine: scale and shift per channel.
        layout: "NCHW" or "NHWC".
    """
    values = (pixels * affine.scale + affine.shift).astype(np.float32)
    return values if layout == "NHWC" else np.ascontiguousarray(np.moveaxis(values, -1, -3))
