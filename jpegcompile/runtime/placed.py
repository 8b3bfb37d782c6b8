"""Inputs of models for images of any size: coefficients and the matrices for their size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from jpegcompile.dct.ingest import IngestOperators, ingest_operators, level_of
from jpegcompile.errors import ImageError
from jpegcompile.interface import AXIS_INPUTS, CHROMA, FRAME, LEVEL, LUMA, QUANTIZATION
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import ColorSpace
from jpegcompile.jpeg.read import ImageSource, source_name
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo

_SPACES: tuple[ColorSpace, ...] = ("gray", "ycbcr", "rgb")
_ROWS, _ = AXIS_INPUTS[LUMA]

Feeds = dict[str, NDArray[np.generic]]


def takes_axes(model: onnx.ModelProto) -> bool:
    """Whether a compiled model has matrices as inputs, which allows images of any size."""
    return any(value.name == _ROWS for value in model.graph.input)


def placed_feeds(
    images: Sequence[Coefficients],
    info: CompiledInfo,
    sources: Sequence[ImageSource],
    view: int = 0,
) -> Feeds:
    """Return the inputs for a batch of files of one size, sampling and orientation.

    Args:
        images: coefficients of the files.
        info: metadata of the model.
        sources: sources of the files, for messages.
        view: index of the view that the matrices compute. Ignored with the integer decode, which
            has no matrices and computes all views.

    Raises:
        ImageError: if a file differs from the first one, or contains RGB.
    """
    first = images[0].frame
    for index, image in enumerate(images):
        name = source_name(sources, index)
        if image.frame != first:
            raise ImageError(
                Message(
                    "feeds-files-differ",
                    f"{name}: differs from the first file in size, sampling or orientation; pass"
                    " files with the same properties, or use Session.run",
                )
            )
        if image.color_space == "rgb" and info.input.decoder == "float":
            raise ImageError(
                Message(
                    "feeds-rgb-file",
                    f"{name}: contains RGB but the model takes luma and chroma; use Session.run",
                )
            )
    assert info.frame is not None
    if info.input.decoder != "float":
        return _integer_feeds(images, info)
    block, taken = info.ingest_block, info.input.each_view()[view]
    operators = ingest_operators(first, taken, block)
    feeds = _plane(LUMA, [image.planes[:1] for image in images], operators, 0)
    tables = [image.quantization for image in images]
    components = len(info.frame.sampling)
    if components > 1:
        if first.color_space == "gray":
            feeds |= _no_chroma(len(images), taken.size)
            tables = [np.repeat(table, components, axis=0) for table in tables]
        else:
            feeds |= _plane(CHROMA, [image.planes[1:] for image in images], operators, 1)
    stacked = np.stack([table[:components] for table in tables])
    feeds[QUANTIZATION] = stacked.swapaxes(2, 3) if operators.is_transposed else stacked
    geometry = taken.geometry
    if geometry.may_fill(taken.size):
        placement = geometry.place(first, taken.size)
        _, affine = taken.from_pixels
        level = level_of(placement, geometry.fill, affine, block)
        feeds[LEVEL] = level.astype(np.float32)
    return {name: np.ascontiguousarray(values) for name, values in feeds.items()}


def _integer_feeds(images: Sequence[Coefficients], info: CompiledInfo) -> Feeds:
    """Return the inputs for the integer decode: coefficients, and the frame as numbers."""
    frame = images[0].frame
    assert info.frame is not None
    feeds: Feeds = {LUMA: np.stack([image.planes[0][None] for image in images])}
    components = len(info.frame.sampling)
    if components > 1:
        if frame.color_space == "gray":
            # The kernel does not read chroma of grayscale files.
            feeds[CHROMA] = np.zeros((len(images), 2, 1, 1, 8, 8), np.int16)
        else:
            feeds[CHROMA] = np.stack([np.stack(image.planes[1:]) for image in images])
    elif frame.color_space != "gray":
        raise ImageError(
            Message(
                "feeds-color-file-for-gray",
                "a file of the batch has color, but the model takes luma alone; use Session.run,"
                " which converts RGB to gray like libjpeg-turbo",
            )
        )
    feeds[QUANTIZATION] = np.stack([image.quantization for image in images])
    feeds[FRAME] = np.asarray(
        [
            frame.height,
            frame.width,
            frame.orientation,
            _SPACES.index(frame.color_space),
            *frame.sampling[0],
            *frame.sampling[-1],
        ],
        np.int64,
    )
    return feeds


def _plane(
    name: str,
    planes: Sequence[Sequence[NDArray[np.int16]]],
    operators: IngestOperators,
    component: int,
) -> Feeds:
    """Return coefficients of a plane, transposed if the operators require it, and its matrices."""
    coefficients = np.stack([np.stack(of_image) for of_image in planes])
    if operators.is_transposed:
        coefficients = coefficients.transpose(0, 1, 3, 2, 5, 4)
    rows, columns = AXIS_INPUTS[name]
    return {
        name: coefficients,
        rows: operators.rows[component].dense().astype(np.float32),
        columns: operators.columns[component].dense().T.astype(np.float32),
    }


def _no_chroma(batch: int, size: tuple[int, int]) -> Feeds:
    """Return chroma inputs for grayscale files: one block of zeros, and matrices of zeros."""
    rows, columns = AXIS_INPUTS[CHROMA]
    return {
        CHROMA: np.zeros((batch, 2, 1, 1, 8, 8), np.int16),
        rows: np.zeros((size[0], 8), np.float32),
        columns: np.zeros((8, size[1]), np.float32),
    }
