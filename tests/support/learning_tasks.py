"""A small network in the JPEG domain and what it learns from, without ONNX."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jpegcompile.data.dataset import ImageDataset
from jpegcompile.data.held_out import HeldOut
from jpegcompile.digits import images_path, preprocess_path
from jpegcompile.learning import JpegAdaptiveAvgPool2d, JpegBatchNorm2d, JpegConv2d, JpegReLU
from jpegcompile.learning.training.distributed import Group
from jpegcompile.learning.training.feeds import Feed
from jpegcompile.learning.training.task import Task
from jpegcompile.learning.transforms import block_dct
from jpegcompile.results.finetuning import TrainingSettings

SETTINGS = TrainingSettings(
    epochs=2,
    batch=32,
    seed=3,
    optimizer="sgd",
    learning_rate=0.1,
    momentum=0.9,
    nesterov=False,
    weight_decay=1e-4,
    decay="all",
    schedule="cosine",
    warmup=0.0,
    milestones=(),
    clip=None,
    label_smoothing=0.0,
    temperature=4.0,
    distill_weight=0.7,
    keep="best",
    patience=None,
    amp=None,
    augment="none",
    validation=0.2,
    domain="jpeg",
    frequencies={},
    resolution=(32, 32),
)
ALONE = Group(0, 1, torch.device("cpu"))


class Small(nn.Module):
    """Two convolutions with dropout, on pixels that it transforms to the JPEG domain."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.conv1, self.bn1 = JpegConv2d(3, width, 3, 2, 1), JpegBatchNorm2d(width)
        self.conv2, self.bn2 = JpegConv2d(width, width, 3, 2, 1), JpegBatchNorm2d(width)
        self.relu, self.pool = JpegReLU(), JpegAdaptiveAvgPool2d(1)
        self.drop, self.head = nn.Dropout(0.1), nn.Linear(width, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        maps = self.relu(self.bn1(self.conv1(block_dct(pixels))))
        maps = self.relu(self.bn2(self.conv2(maps)))
        scores: Tensor = self.head(self.drop(self.pool(maps).flatten(1)))
        return scores


def small(seed: int = 0) -> Small:
    """The network with weights of a seed."""
    torch.manual_seed(seed)
    return Small()


def feed_of(images: Path, size: int, keep: HeldOut | None, *, shuffle: bool, **more: Any) -> Feed:
    """Batches of pixels."""
    dataset = ImageDataset(
        images,
        size,
        preprocess=preprocess_path(),
        size=(32, 32),
        shuffle=shuffle,
        keep=keep,
        **{"on_error": "skip", **more},
    )
    return Feed(dataset, None, size)


def small_task(
    images: Path | None = None,
    *,
    network: nn.Module | None = None,
    teacher: nn.Module | None = None,
    group: Group = ALONE,
    has_validation: bool = True,
    **changed: Any,
) -> Task:
    """The demo's digits for the small network; 40 of 200 files or so are held out."""
    settings = replace(SETTINGS, **changed)
    folder, size = images or images_path(), settings.batch // group.ranks
    held = HeldOut(0.2, settings.seed, is_chosen=True)
    rest = replace(held, is_chosen=False) if has_validation else None
    training = feed_of(folder, size, rest, shuffle=True, seed=settings.seed)
    validation = feed_of(folder, size, held, shuffle=False) if has_validation else None
    steps = max(1, len(list(training.student.samples())) // settings.batch)
    network = network or small()
    if teacher is not None:
        teacher.eval()
    return Task(network, teacher, training, validation, 10, steps, settings, group)
