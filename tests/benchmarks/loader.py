"""Compare loaders of photographs for PyTorch: `ImageDataset`, and Pillow in a `DataLoader`.

    python -P tests/benchmarks/loader.py FOLDER [--rounds N] [--repeats N] [--json FILE]

All loaders make the same batches, except for rounding: short side 256, center crop of 224x224,
normalized float32. The benchmark checks this first, then times the loaders in interleaved rounds
and prints medians in photographs a second. Each round opens a loader anew and runs two epochs; only
the second one counts, so the start of worker processes does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

import jpegcompile
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import Measurement, interleaved

REFERENCE = "Pillow, in this process"
_BATCH = 32
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)[:, None, None]
_STD = np.array([0.229, 0.224, 0.225], np.float32)[:, None, None]
# The float decode differs from Pillow's decode by about half a gray level, and by more where Pillow
# clamps values.
_MEAN_DIFFERENCE = 0.02


class PillowDataset(Dataset[torch.Tensor]):
    """Photographs read one by one with Pillow, as people write it."""

    def __init__(self, files: list[Path], repeats: int) -> None:
        """List the files, repeated `repeats` times."""
        self._files = files * repeats

    def __len__(self) -> int:
        """Return the number of photographs."""
        return len(self._files)

    def __getitem__(self, index: int) -> torch.Tensor:
        """Return a photograph as [3, 224, 224]."""
        image = Image.open(self._files[index]).convert("RGB")
        short = min(image.size)
        width, height = (int(256 * side / short) for side in image.size)
        resized = image.resize((width, height), Image.Resampling.BILINEAR)
        left, top = round((width - 224) / 2), round((height - 224) / 2)
        pixels = np.asarray(resized.crop((left, top, left + 224, top + 224)), np.float32)
        return torch.from_numpy((pixels.transpose(2, 0, 1) / 255 - _MEAN) / _STD)


def loaders(files: list[Path], repeats: int) -> dict[str, Callable[[], Iterable[Any]]]:
    """Return functions that open each loader, by name."""

    def ours(threads: int) -> Any:
        return jpegcompile.ImageDataset(
            files * repeats, _BATCH, preprocess="imagenet", size=(224, 224), threads=threads
        )

    def pillow(workers: int) -> Any:
        return DataLoader(
            PillowDataset(files, repeats),
            _BATCH,
            num_workers=workers,
            persistent_workers=workers > 0,
        )

    return {
        REFERENCE: lambda: pillow(0),
        "Pillow, 2 workers": lambda: pillow(2),
        "ImageDataset, 1 thread": lambda: ours(1),
        "ImageDataset, 2 threads": lambda: ours(2),
        "ImageDataset, 2 workers": lambda: DataLoader(
            ours(1), batch_size=None, num_workers=2, persistent_workers=True
        ),
    }


def tensor_of(batch: Any) -> torch.Tensor:
    """Return the images of a batch."""
    images: torch.Tensor = batch if isinstance(batch, torch.Tensor) else batch.inputs
    return images


def check(opened: dict[str, Callable[[], Iterable[Any]]]) -> None:
    """Compare the first batch of all loaders.

    Raises:
        AssertionError: if a loader makes other images.
    """
    firsts = {name: tensor_of(next(iter(make()))) for name, make in opened.items()}
    expected = firsts[REFERENCE]
    for name, images in firsts.items():
        difference = float((images - expected).abs().mean())
        assert difference < _MEAN_DIFFERENCE, f"{name} makes other images ({difference:.3g})"


def epoch(make: Callable[[], Iterable[Any]]) -> Measurement:
    """Return a measurement of the second epoch of a loader, seconds."""

    def measure() -> float:
        loader = make()
        for _ in loader:
            pass
        start = perf_counter()
        for _ in loader:
            pass
        return perf_counter() - start

    return measure


def main() -> None:
    """Check, time and print."""
    parser = parser_for(__doc__, rounds=5)
    parser.add_argument("folder", type=Path, help="folder of JPEG files")
    parser.add_argument("--repeats", type=int, default=8, help="times each file is in an epoch (8)")
    arguments = parser.parse_args()
    files = sorted(p for p in arguments.folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg"))
    count = len(files) * arguments.repeats
    opened = loaders(files, arguments.repeats)
    check(opened)
    found = interleaved({name: epoch(make) for name, make in opened.items()}, arguments.rounds)
    speeds = {name: count / seconds for name, seconds in found.medians().items()}
    if arguments.json:
        rows = [
            {"loader": name, "images_per_second": speed, "ratio": found.ratio(name, REFERENCE)}
            for name, speed in speeds.items()
        ]
        settings = {"photographs": count, "rounds": arguments.rounds}
        Record("loader", rows, settings).write(arguments.json)
    print(f"{count} photographs an epoch, medians of {arguments.rounds} rounds:")
    for name, speed in speeds.items():
        print(f"{name:26} {speed:6.0f} a second")


if __name__ == "__main__":
    main()
