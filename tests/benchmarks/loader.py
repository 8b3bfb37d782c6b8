"""Photographs a second as batches for PyTorch: `ImageDataset`, and Pillow in a `DataLoader`.

    python -P tests/benchmarks/loader.py FOLDER [--rounds N]

All give the same batches but for rounding, which is checked before anything is timed: short side
256, the middle 224x224, normalised float32. They run in turn; medians of the rounds are printed.
Every loader is opened anew in each round, its workers stay from a first epoch that is not timed.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

import jpegcompile

_BATCH = 32
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)[:, None, None]
_STD = np.array([0.229, 0.224, 0.225], np.float32)[:, None, None]
# The float decode differs from Pillow's by about half a grey level, and more where that clamps.
_MEAN_DIFFERENCE = 0.02


class PillowDataset(Dataset[torch.Tensor]):
    """One photograph, as people write it."""

    def __init__(self, files: list[Path], repeats: int) -> None:
        """Read `files`, `repeats` times over."""
        self._files = files * repeats

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self._files)

    def __getitem__(self, index: int) -> torch.Tensor:
        """[3, 224, 224]."""
        image = Image.open(self._files[index]).convert("RGB")
        short = min(image.size)
        width, height = (int(256 * side / short) for side in image.size)
        resized = image.resize((width, height), Image.Resampling.BILINEAR)
        left, top = round((width - 224) / 2), round((height - 224) / 2)
        pixels = np.asarray(resized.crop((left, top, left + 224, top + 224)), np.float32)
        return torch.from_numpy((pixels.transpose(2, 0, 1) / 255 - _MEAN) / _STD)


def loaders(files: list[Path], repeats: int) -> dict[str, Callable[[], Iterable[Any]]]:
    """What opens each loader, by its name."""

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
        "Pillow, in this process": lambda: pillow(0),
        "Pillow, 2 workers": lambda: pillow(2),
        "ImageDataset, 1 thread": lambda: ours(1),
        "ImageDataset, 2 threads": lambda: ours(2),
        "ImageDataset, 2 workers": lambda: DataLoader(
            ours(1), batch_size=None, num_workers=2, persistent_workers=True
        ),
    }


def tensor_of(batch: Any) -> torch.Tensor:
    """The images of a batch."""
    made: torch.Tensor = batch if isinstance(batch, torch.Tensor) else batch.inputs
    return made


def check(opened: dict[str, Callable[[], Iterable[Any]]]) -> None:
    """Refuse to time what does not give the same images."""
    firsts = {name: tensor_of(next(iter(make()))) for name, make in opened.items()}
    expected = firsts["Pillow, in this process"]
    for name, made in firsts.items():
        difference = float((made - expected).abs().mean())
        assert difference < _MEAN_DIFFERENCE, f"{name} gives other images ({difference:.3g})"


def main() -> None:
    """Check, time and print."""
    parser = argparse.ArgumentParser(description="Compare loaders of photographs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=8, help="of the photographs in an epoch")
    arguments = parser.parse_args()
    files = sorted(p for p in arguments.folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg"))
    count = len(files) * arguments.repeats
    opened = loaders(files, arguments.repeats)
    check(opened)
    times: dict[str, list[float]] = {name: [] for name in opened}
    for _ in range(arguments.rounds):
        for name, make in opened.items():
            loader = make()
            for _ in loader:
                pass
            start = perf_counter()
            for _ in loader:
                pass
            times[name].append(perf_counter() - start)
    print(f"{count} photographs an epoch, medians of {arguments.rounds} rounds:")
    for name, seconds in times.items():
        print(f"{name:26} {count / statistics.median(seconds):6.0f} a second")


if __name__ == "__main__":
    main()
