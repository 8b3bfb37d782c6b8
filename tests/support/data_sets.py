"""Files for data sets of PyTorch, and their batches as lists and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from support.mixed_files import jpeg_file
from torch.utils.data import DataLoader

from jpegcompile import ImageBatch, ImageDataset

NUMBERS = {"scale": 1 / 255, "mean": [0.4, 0.45, 0.5], "std": [0.2, 0.25, 0.3]}
ANY_SIZE = {**NUMBERS, "resize": 36, "crop": "center"}
PIXELS: dict[str, Any] = {"preprocess": ANY_SIZE, "size": (32, 32)}
FILES = 11


def contents(count: int = FILES) -> list[bytes]:
    """Files of many sizes."""
    return [jpeg_file(36 + 3 * index, 50 - index, index) for index in range(count)]


def keys(batches: Sequence[ImageBatch]) -> list[str]:
    return [key for batch in batches for key in batch.keys]


def tensors(batches: Sequence[ImageBatch]) -> torch.Tensor:
    parts = [batch.inputs for batch in batches]
    return torch.cat([part for part in parts if isinstance(part, torch.Tensor)])


def loaded(dataset: ImageDataset, workers: int, **options: Any) -> list[ImageBatch]:
    return list(DataLoader(dataset, batch_size=None, num_workers=workers, **options))
