"""From samples to batches, and what is done with those that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import torch

from jpegcompile.data.any_size import AnySizeFilling
from jpegcompile.data.batch import ImageBatch
from jpegcompile.data.coefficients import CoefficientFilling
from jpegcompile.data.filling import Error, Filling, ReadOptions, TensorFilling
from jpegcompile.data.sample import Sample
from jpegcompile.data.target import Target
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.read import source_name
from jpegcompile.jpeg.unusable import OnError, Skipped
from jpegcompile.runtime.preprocessor import Preprocessor


class Batching:
    """Makes the batches of one process."""

    def __init__(
        self,
        target: Target,
        reading: ReadOptions,
        batch_size: int,
        on_error: OnError,
        *,
        drop_last: bool,
    ) -> None:
        """See `ImageDataset` for the arguments."""
        self._target, self._reading = target, reading
        self._size, self._on_error, self._drop_last = batch_size, on_error, drop_last
        self._preprocessor = None if target.is_coefficients else _preprocessor(target, reading)

    def batches(self, samples: Iterator[Sample], *, is_alone: bool) -> Iterator[ImageBatch]:
        """Batches of the samples that can be used, in their order.

        What is skipped behind the last image is listed in the last batch. If no image can be used
        that is an error; or, where others read as well, a batch without images that lists them.

        Args:
            samples: of this process.
            is_alone: whether no other process reads.

        Raises:
            ImageError, AccessError: see `ImageDataset.__iter__`.
        """
        held: ImageBatch | None = None
        for batch in self._each(samples):
            if held is None:
                held = batch
            elif len(batch) < (self._size if self._drop_last else 1):
                held = replace(held, skipped=(*held.skipped, *batch.skipped))
            else:
                yield held
                held = batch
        if held is None:
            return
        if is_alone and not held.keys:
            raise ImageError(
                f"none of {len(held.skipped)} images can be used; the first is {held.skipped[0]}"
            )
        if self._drop_last and len(held) < self._size and held.keys:
            return
        yield held

    def _each(self, samples: Iterator[Sample]) -> Iterator[ImageBatch]:
        while True:
            batch = self._one(samples)
            if batch.keys or batch.skipped:
                yield batch
            if len(batch) < self._size:
                return

    def _one(self, samples: Iterator[Sample]) -> ImageBatch:
        """A batch, filled up for as long as there are samples."""
        filling = self._filling()
        used: list[Sample] = []
        skipped: list[Skipped] = []
        while some := list(islice(samples, self._size - len(used))):
            readable = []
            for sample in some:
                if sample.source is None:
                    skipped.append(self._skipped(sample, sample.problem or ""))
                else:
                    readable.append(sample)
            if readable:
                errors = filling.add([s.source for s in readable if s.source is not None])
                for place, sample in enumerate(readable):
                    if place in errors:
                        skipped.append(self._skipped(sample, "", errors[place]))
                    else:
                        used.append(sample)
        return ImageBatch(
            filling.inputs(),
            torch.tensor([sample.label for sample in used], dtype=torch.int64),
            [sample.key for sample in used],
            tuple(skipped),
            filling.pixel_fallbacks,
        )

    def _skipped(self, sample: Sample, problem: str, error: Error | None = None) -> Skipped:
        """A sample that cannot be used.

        Raises:
            ImageError, AccessError: instead, if the first of them ends the work.
        """
        reason = problem
        if error is not None and sample.source is not None:
            reason = str(error).removeprefix(f"{source_name([sample.source], 0)}: ")
        if self._on_error == "stop":
            kind = ImageError if error is None else type(error)
            raise kind(f"{sample.name}: {reason}") from error
        return Skipped(sample.name, reason)

    def _filling(self) -> Filling:
        target, reading = self._target, self._reading
        if self._preprocessor is not None:
            return TensorFilling(target, self._preprocessor, reading, self._size)
        info = target.info
        assert info is not None
        assert info.frame is not None
        if info.input.is_preprocessed:
            return AnySizeFilling(target, info, info.frame, reading)
        return CoefficientFilling(target, info.frame, reading)


def _preprocessor(target: Target, reading: ReadOptions) -> Preprocessor:
    return Preprocessor(
        target.taken,
        target.block,
        dtype=np.float16 if reading.dtype == torch.float16 else np.float32,
        threads=reading.threads,
        tolerant=reading.tolerant,
        max_pixels=reading.max_pixels,
    )
