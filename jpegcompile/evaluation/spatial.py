"""The original model, fed by the float decode or by Pillow's 8-bit decode of the same files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from PIL import Image

from jpegcompile.dct.color import Color
from jpegcompile.errors import ImageError, one_line
from jpegcompile.frontend.load import Source
from jpegcompile.interface import IR_VERSION
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.runtime.batch import run_batch
from jpegcompile.runtime.inputs import normalize
from jpegcompile.runtime.opening import inference_session
from jpegcompile.runtime.outputs import joined

# ITU-T T.81, B.1.1.3.
_END_OF_IMAGE = b"\xff\xd9"


class SpatialModel:
    """The source model in ONNX Runtime.

    Attributes:
        output_names: of the model.
    """

    def __init__(
        self,
        source: Source,
        taken: NetworkInput,
        threads: int | None = None,
        *,
        model: onnx.ModelProto | None = None,
        arena: bool = True,
        optimised: bool = True,
    ) -> None:
        """Open a model.

        Args:
            source: the original.
            taken: its image input.
            threads: ONNX Runtime's intra-op number.
            model: made of the original, to be run in its place.
            arena: whether ONNX Runtime keeps the memory of a run for the next one.
            optimised: whether it may fuse and reorder what the model computes.
        """
        self.taken = taken
        self.output_names = [output.name for output in source.model.graph.output]
        opened = readable(model or source.model)
        self._session = inference_session(
            opened, threads, source.folder, arena=arena, optimised=optimised
        )
        batch = next(i for i in self._session.get_inputs() if i.name == taken.name).shape[0]
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
                {self.taken.name: batch[start : start + size]},
                self.fixed_batch,
                has_batch=self.taken.has_batch,
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


def score_count(source: Source, taken: NetworkInput, output: str) -> int:
    """How many classes an output [N, classes] of the source model scores, by running it once.

    Declared shapes need not say it, and some are wrong.
    """
    model = SpatialModel(source, taken)
    return int(model.run(np.zeros((1, *taken.shape), np.float32))[output].shape[-1])


def pillow_input(
    file: Path, preprocess: Preprocess, taken: NetworkInput, *, tolerant: bool = False
) -> NDArray[np.float32]:
    """One image as the original model takes it, from Pillow's decode, rounded and clamped.

    Args:
        file: to decode.
        preprocess: from pixels to the model's input.
        taken: that input.
        tolerant: as for `pillow_pixels`.

    Raises:
        ImageError: if Pillow refuses the file.
    """
    pixels = pillow_pixels(file, preprocess.color_for(taken.channels), tolerant=tolerant)
    return normalize(pixels.astype(np.float64), preprocess.affine(taken.channels), taken.layout)


def pillow_pixels(file: Path | bytes, color: Color, *, tolerant: bool = False) -> NDArray[np.uint8]:
    """Pixels [H, W, C] of one image by Pillow's decode, channels in the order of `color`.

    Args:
        file: a path, or a file's content.
        color: that is wanted.
        tolerant: whether to take what can be read of a file that ends early; what is missing is
            grey, as in `read_coefficients`.

    Raises:
        ImageError: if Pillow refuses the file.
    """
    try:
        with Image.open(_with_end(file) if tolerant else _opened(file)) as image:
            pixels = np.asarray(image.convert("L" if color == "L" else "RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        name = "bytes" if isinstance(file, bytes) else file
        raise ImageError(f"{name}: Pillow cannot decode it: {one_line(error)}") from error
    channels = pixels.reshape(*pixels.shape[:2], -1)
    return channels[..., ::-1] if color == "BGR" else channels


def _opened(file: Path | bytes) -> Path | BytesIO:
    return BytesIO(file) if isinstance(file, bytes) else file


def _with_end(file: Path | bytes) -> BytesIO:
    """A file that ends as a whole one does.

    Where the data end Pillow waits for more and gives up. At an end of image it makes do with what
    there is, as `read_coefficients` does; behind the end of a whole file it does not look.
    """
    content = file if isinstance(file, bytes) else file.read_bytes()
    return BytesIO(content + _END_OF_IMAGE)
