"""The results of the experiments, and the files that contain them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jpegcompile.errors import AccessError
from jpegcompile.files import write_whole
from jpegcompile.messages import Message
from jpegcompile.reproduction.accuracy import AccuracyByFrequencies
from jpegcompile.reproduction.block_rmse import BlockRmse
from jpegcompile.reproduction.conversion import Conversion
from jpegcompile.reproduction.plots import draw_accuracy, draw_block_rmse, draw_throughput, rendered
from jpegcompile.reproduction.throughput import Throughput
from jpegcompile.version import __version__

JSON_NAME = "paper.json"


@dataclass(frozen=True)
class PaperResults:
    """The result of `paper`.

    Attributes:
        model: file name of the model.
        source_sha256: SHA-256 of the model.
        preprocess: preprocessing as in `Preprocess.to_json`.
        images: number of labelled images, in all experiments except the first.
        seed: seed of the random blocks.
        block_rmse, conversion, accuracy, throughput: the four experiments.
    """

    model: str
    source_sha256: str
    preprocess: dict[str, Any]
    images: int
    seed: int
    block_rmse: BlockRmse
    conversion: Conversion
    accuracy: AccuracyByFrequencies
    throughput: Throughput

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data; everything except `throughput` is the same in every run."""
        return {
            "tool_version": __version__,
            "model": self.model,
            "source_sha256": self.source_sha256,
            "preprocess": self.preprocess,
            "images": self.images,
            "seed": self.seed,
            "block_rmse": self.block_rmse.to_json(),
            "conversion": self.conversion.to_json(),
            "accuracy": self.accuracy.to_json(),
            "throughput": self.throughput.to_json(),
        }

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write paper.json and the plots (PNG and SVG) to a folder, which is created if missing.

        Returns:
            The paths of the files.

        Raises:
            AccessError: if matplotlib is missing, or the folder or a file cannot be written.
        """
        text = json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n"
        contents = {JSON_NAME: text.encode()}
        for name, draw in (
            ("block_rmse", lambda: draw_block_rmse(self.block_rmse)),
            ("accuracy", lambda: draw_accuracy(self.accuracy, self.model)),
            ("throughput", lambda: draw_throughput(self.throughput)),
        ):
            contents |= {f"{name}.{kind}": image for kind, image in rendered(draw).items()}
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = f"{folder}: cannot create the folder: {error.strerror}; give another --output"
            raise AccessError(Message("paper-folder-not-created", text)) from error
        for name, content in contents.items():
            write_whole(Path(folder) / name, content)
        return [Path(folder) / name for name in contents]


def require_folder(folder: str | os.PathLike[str]) -> None:
    """Check that `PaperResults.save` can create the folder and write to it; create nothing.

    Raises:
        AccessError: if the folder, or its nearest existing parent, is a file or not writable.
    """
    path = Path(folder)
    nearest = next(p for p in (path, *path.parents) if os.path.lexists(p))
    if not nearest.is_dir():
        text = f"{nearest}: is not a folder; give another --output"
        raise AccessError(Message("paper-output-not-a-folder", text))
    if not os.access(nearest, os.W_OK | os.X_OK):
        text = f"{nearest}: is not writable; give another --output"
        raise AccessError(Message("paper-output-not-writable", text))
