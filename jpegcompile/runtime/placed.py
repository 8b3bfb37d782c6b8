"""Inputs of models for images of any size: coefficients, and the matrices that go with them."""

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
from jpegcompile.metadata import CompiledInfo

_SPACES: tuple[ColorSpace, ...] = ("gray", "ycbcr", "rgb")
_ROWS, _ = AXIS_INPUTS[LUMA]

Feeds = dict[str, NDArray[np.generic]]


def takes_axes(model: onnx.ModelProto) -> bool:
    """Whether matrices are inputs of a compiled model, which so takes images of any size."""
    return any(value.name == _ROWS for value in model.graph.input)


def placed_feeds(
    images: Sequence[Coefficients],
    info: CompiledInfo,
    sources: Sequence[ImageSource],
    view: int = 0,
) -> Feeds:
    """Inputs of a batch of files, which all have one size, sampling and orientation.

    Args:
        images: the files.
        info: of the model.
        sources: where the files come from, for messages.
        view: which of several views of the images the matrices show; the integers of libjpeg-turbo
            have no matrices, and all views.

    Raises:
        ImageError: if a file is not like the first one, or holds RGB.
    """
    first = images[0].frame
    for index, image in enumerate(images):
        name = source_name(sources, index)
        if image.frame != first:
            raise ImageError(
                f"{name}: differs from the first file in size, sampling or orientation; feed files"
                " that are alike, or use Session.run"
            )
        if image.color_space == "rgb" and info.input.decoder == "float":
            raise ImageError(
                f"{name}: holds RGB, and the model takes luma and chroma; use Session.run"
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
    """Coefficients as they are, and what kind of file they come from."""
    frame = images[0].frame
    assert info.frame is not None
    feeds: Feeds = {LUMA: np.stack([image.planes[0][None] for image in images])}
    components = len(info.frame.sampling)
    if components > 1:
        if frame.color_space == "gray":
            # The kernel does not read it.
            feeds[CHROMA] = np.zeros((len(images), 2, 1, 1, 8, 8), np.int16)
        else:
            feeds[CHROMA] = np.stack([np.stack(image.planes[1:]) for image in images])
    elif frame.color_space != "gray":
        raise ImageError(
            "a file of the batch has colour, of which libjpeg-turbo makes grey by way of RGB, and"
            " the model takes luma alone; use Session.run"
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
    """Coefficients of a plane, transposed where the operators want them so, and its matrices."""
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
    """A grey file has none; one block stands for it."""
    rows, columns = AXIS_INPUTS[CHROMA]
    return {
        CHROMA: np.zeros((batch, 2, 1, 1, 8, 8), np.int16),
        rows: np.zeros((size[0], 8), np.float32),
        columns: np.zeros((8, size[1]), np.float32),
    }
