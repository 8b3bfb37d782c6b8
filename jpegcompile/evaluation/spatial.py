"""The original model, fed by the float decode or by Pillow's 8-bit decode of the same files."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from jpegcompile.backends.metadata import InputInfo
from jpegcompile.dct.coefficients import Coefficients
from jpegcompile.dct.color import Color
from jpegcompile.errors import ImageError, one_line
from jpegcompile.frontend.load import Source
from jpegcompile.interface import IR_VERSION
from jpegcompile.preprocess import Preprocess
from jpegcompile.runtime.batch import joined, run_batch
from jpegcompile.runtime.inputs import normalize, original_input
from jpegcompile.runtime.opening import inference_session


class SpatialModel:
    """The source model in ONNX Runtime.

    Attributes:
        output_names: of the model.
    """

    def __init__(
        self,
        source: Source,
        info: InputInfo,
        threads: int | None = None,
        *,
        model: onnx.ModelProto | None = None,
        arena: bool = True,
        optimised: bool = True,
    ) -> None:
        """Open a model.

        Args:
            source: the original.
            info: its image input.
            threads: ONNX Runtime's intra-op number.
            model: made of the original, to be run in its place.
            arena: whether ONNX Runtime keeps the memory of a run for the next one.
            optimised: whether it may fuse and reorder what the model computes.
        """
        self.info = info
        self.output_names = [output.name for output in source.model.graph.output]
        opened = readable(model or source.model)
        self._session = inference_session(
            opened, threads, source.folder, arena=arena, optimised=optimised
        )
        batch = next(i for i in self._session.get_inputs() if i.name == info.name).shape[0]
        self.fixed_batch = batch if isinstance(batch, int) else None

    def run(self, batch: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Outputs by name, for inputs of any number.

        Raises:
            RowsError: if there are several inputs, and an output does not hold a row for each.
        """
        size = self.fixed_batch or len(batch)
        parts = [
            run_batch(
                self._session,
                self.output_names,
                {self.info.name: batch[start : start + size]},
                self.fixed_batch,
            )
            for start in range(0, len(batch), size)
        ]
        values = joined(self.output_names, parts, len(batch))
        return dict(zip(self.output_names, values, strict=True))


def readable(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a model in a version of the file format that ONNX Runtime takes."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    result.ir_version = min(max(model.ir_version, 4), IR_VERSION)
    return result


def float_batch(
    images: Sequence[Coefficients], preprocess: Preprocess, info: InputInfo
) -> NDArray[np.float32]:
    """Inputs of the original model by the float decode."""
    return np.stack([original_input(image, preprocess, info) for image in images])


def pillow_batch(
    files: Sequence[Path], preprocess: Preprocess, info: InputInfo
) -> NDArray[np.float32]:
    """Inputs of the original model by Pillow's decode, rounded and clamped.

    Raises:
        ImageError: if Pillow refuses a file.
    """
    color = preprocess.color_for(info.channels)
    affine = preprocess.affine(info.channels)
    pixels = (pillow_pixels(file, color).astype(np.float64) for file in files)
    return np.stack([normalize(image, affine, info.layout) for image in pixels])


def pillow_pixels(file: Path | bytes, color: Color) -> NDArray[np.uint8]:
    """Pixels [H, W, C] of one image by Pillow's decode, channels in the order of `color`.

    Args:
        file: a path, or a file's content.
        color: that is wanted.

    Raises:
        ImageError: if Pillow refuses the file.
    """
    try:
        with Image.open(BytesIO(file) if isinstance(file, bytes) else file) as image:
            pixels = np.asarray(image.convert("L" if color == "L" else "RGB"))
    except (UnidentifiedImageError, OSError) as error:
        name = "bytes" if isinstance(file, bytes) else file
        raise ImageError(f"{name}: Pillow cannot decode it: {one_line(error)}") from error
    channels = pixels.reshape(*pixels.shape[:2], -1)
    return channels[..., ::-1] if color == "BGR" else channels
