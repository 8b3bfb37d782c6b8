"""Batches for the student and its teacher."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from jpegcompile.data.batch import ImageBatch
from jpegcompile.data.dataset import ImageDataset
from jpegcompile.data.filling import Inputs
from jpegcompile.data.placed_images import PlacedImages
from jpegcompile.errors import InternalError
from jpegcompile.learning.ingest import JpegIngest
from jpegcompile.learning.packed_ingest import ingest_packed
from jpegcompile.messages import Message


@dataclass(frozen=True)
class Pair:
    """A batch for the student, and the same images for the teacher.

    Attributes:
        student: images for the student, with labels.
        teacher: images for the teacher; the same batch if both networks read the same input.
    """

    student: ImageBatch
    teacher: ImageBatch

    def __len__(self) -> int:
        """Number of images."""
        return len(self.student)


@dataclass(frozen=True)
class Feed:
    """The batches of every epoch.

    Attributes:
        student: images in the form of the student's input.
        teacher: the same images in the form of the teacher's input; None if the teacher reads the
            student's input.
        size: number of images in a batch of this process.
        workers: number of processes that read; 0 to read in threads of this process.
    """

    student: ImageDataset
    teacher: ImageDataset | None
    size: int
    workers: int = 0

    def pairs(self, epoch: int) -> Iterator[Pair]:
        """Yield the batches of an epoch.

        Args:
            epoch: number of the epoch, from 0.

        Raises:
            ImageError, AccessError: as `ImageDataset`.
        """
        first = self._batches(self.student, epoch)
        if self.teacher is None:
            yield from (Pair(batch, batch) for batch in first)
            return
        for mine, other in zip(first, self._batches(self.teacher, epoch), strict=True):
            if mine.keys != other.keys:
                text = "student and teacher read different images"
                raise InternalError(Message("finetune-batches-differ", text))
            yield Pair(mine, other)

    def _batches(self, dataset: ImageDataset, epoch: int) -> Iterator[ImageBatch]:
        dataset.set_epoch(epoch)
        if not self.workers:
            return iter(dataset)
        pin = torch.cuda.is_available()
        return iter(DataLoader(dataset, batch_size=None, num_workers=self.workers, pin_memory=pin))


def full_only(pairs: Iterator[Pair], size: int, seen: Callable[[Pair], None]) -> Iterator[Pair]:
    """Yield the batches of `size` images; the only batch if there is no such batch.

    Args:
        pairs: batches of an epoch.
        size: number of images of a full batch.
        seen: called with every batch.
    """
    rest: Pair | None = None
    is_first = True
    for pair in pairs:
        seen(pair)
        if len(pair) == size:
            is_first = False
            yield pair
        elif rest is None and len(pair):
            rest = pair
    if is_first and rest is not None:
        yield rest


def on_device(inputs: Inputs, device: torch.device) -> Tensor | dict[str, Tensor]:
    """Move the inputs of a batch to a device. Packed batches become images there."""
    if isinstance(inputs, Tensor):
        return inputs.to(device, non_blocking=True)
    if isinstance(inputs, dict):
        return {name: one.to(device, non_blocking=True) for name, one in inputs.items()}
    if isinstance(inputs, PlacedImages):
        return ingest_packed(inputs, _ingest(inputs.block, device))
    raise TypeError("batches for a compiled model")


@cache
def _ingest(block: int, device: torch.device) -> JpegIngest:
    return JpegIngest(block).to(device)
