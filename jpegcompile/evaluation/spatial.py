"""The original model, fed by the float decode or by Pillow's 8-bit decode of the same files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from jpegcompile.backends.metadata import InputInfo
from jpegcompile.dct.coefficients import Coefficients
from jpegcompile.dct.color import Color
from jpegcompile.errors import ImageError, one_line
from jpegcompile.frontend.load import Source
from jpegcompile.interface import IR_VERSION
from jpegcompile.preprocess import Preprocess
from jpegcompile.runtime.batch import run_batch
from jpegcompile.runtime.cut import expose
from jpegcompile.runtime.inputs import normalize, original_input
from jpegcompile.runtime.opening import inference_session


class SpatialModel:
    """The source model in ONNX Runtime.

    Attributes:
        output_names: of the model, without the tensors that were exposed.
        exposed: names of the further tensors that `run` also gives.
    """

    def __init__(
        self,
        source: Source,
        info: InputInfo,
        exposed: Iterable[str] = (),
        threads: int | None = None,
    ) -> None:
        """Open a model.

        Args:
            source: the original.
            info: its image input.
            exposed: tensors to give besides the outputs; those it does not make are left out.
            threads: ONNX Runtime's intra-op number.
        """
        self.info = info
        self.output_names = [output.name for output in source.model.graph.output]
        opened = expose(source.model, exposed)
        opened.ir_version = min(max(opened.ir_version, 4), IR_VERSION)
        self._session = inference_session(opened, threads, source.folder)
        self._all_names = [output.name for output in self._session.get_outputs()]
        self.exposed = self._all_names[len(self.output_names) :]
        batch = next(i for i in self._session.get_inputs() if i.name == info.name).shape[0]
        self._fixed_batch = batch if isinstance(batch, int) else None

    def run(self, batch: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Outputs and exposed tensors by name, for inputs of any number."""
        size = self._fixed_batch or len(batch)
        parts = [
            run_batch(
                self._session,
                self._all_names,
                {self.info.name: batch[start : start + size]},
                self._fixed_batch,
                has_batch=self.info.has_batch,
            )
            for start in range(0, len(batch), size)
        ]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return dict(zip(self._all_names, columns, strict=True))


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
