"""Create batches from samples, and handle unusable samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, islice

import numpy as np
import torch

from jpegcompile.data.any_size import AnySizeFilling
from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.augmented_tensors import AugmentedFilling
from jpegcompile.data.batch import ImageBatch
from jpegcompile.data.coefficients import CoefficientFilling
from jpegcompile.data.filling import Error, Filling, ReadOptions, TensorFilling
from jpegcompile.data.packed import PackedFilling
from jpegcompile.data.placed_coefficients import PlacedCoefficientFilling
from jpegcompile.data.placed_packed import PlacedPackedFilling
from jpegcompile.data.placed_tensors import Placing
from jpegcompile.data.sample import Sample
from jpegcompile.data.target import PackedTarget, Target
from jpegcompile.errors import AccessError, ImageError
from jpegcompile.jpeg.read import source_name
from jpegcompile.jpeg.unusable import OnError, Skipped
from jpegcompile.messages import Message
from jpegcompile.runtime.preprocessor import Preprocessor


class Batching:
    """Creates the batches of one process."""

    def __init__(
        self,
        target: Target | PackedTarget,
        reading: ReadOptions,
        batch_size: int,
        on_error: OnError,
        *,
        drop_last: bool,
        seed: int = 0,
        epoch: int = 0,
    ) -> None:
        """Create the batching of a process.

        Args:
            target: form of the batches.
            reading: how images are read.
            batch_size: as for `ImageDataset`.
            on_error: as for `ImageDataset`.
            drop_last: as for `ImageDataset`.
            seed: seed of the augmentation.
            epoch: number of the epoch.
        """
        self._target, self._reading = target, reading
        self._seed, self._epoch = seed, epoch
        self._size, self._on_error, self._drop_last = batch_size, on_error, drop_last
        self._preprocessor = (
            None
            if isinstance(target, PackedTarget) or target.is_coefficients
            else _preprocessor(target, reading)
        )

    def batches(self, samples: Iterator[Sample], *, is_alone: bool) -> Iterator[ImageBatch]:
        """Yield batches of the usable samples, in their order.

        The last batch also lists samples that were skipped after the last image. If no image is
        usable, this raises an error if `is_alone`; otherwise it yields a batch without images that
        lists the skipped samples.

        Args:
            samples: samples of this process.
            is_alone: whether this is the only process that reads.

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
                Message(
                    "dataset-no-image-usable",
                    f"none of {len(held.skipped)} images is usable; the first is {held.skipped[0]}",
                )
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
        """Return one batch, which is full unless there are no more samples."""
        filling = self._filling()
        used: list[Sample] = []
        skipped: list[Skipped] = []
        while some := list(islice(samples, self._size - len(used))):
            sources = [sample.source for sample in some if sample.source is not None]
            draws = self._draws_of([sample for sample in some if sample.source is not None])
            errors = filling.add(sources, draws) if sources else {}
            places = count()
            for sample in some:
                if sample.source is None:
                    assert sample.problem is not None
                    skipped.append(self._skipped(sample, sample.problem))
                elif (error := errors.get(next(places))) is not None:
                    skipped.append(self._failed(sample, error))
                else:
                    used.append(sample)
        return ImageBatch(
            filling.inputs(),
            torch.tensor([sample.label for sample in used], dtype=torch.int64),
            [sample.key for sample in used],
            tuple(skipped),
            filling.pixel_fallbacks,
        )

    def _draws_of(self, samples: Sequence[Sample]) -> list[Draws]:
        target = self._target
        if isinstance(target, PackedTarget) or target.augmentation is None:
            return []
        return [Draws(self._seed, self._epoch, sample.identity) for sample in samples]

    def _failed(self, sample: Sample, error: Error) -> Skipped:
        """Skip a sample that cannot be read, like `_skipped`."""
        assert sample.source is not None
        reason = str(error).removeprefix(f"{source_name([sample.source], 0)}: ")
        return self._skipped(sample, Message(error.code, reason), error)

    def _skipped(self, sample: Sample, reason: Message, error: Error | None = None) -> Skipped:
        """Skip an unusable sample.

        Raises:
            ImageError, AccessError: if `on_error` is "stop".
        """
        if self._on_error == "stop":
            known = AccessError if sample.is_access else ImageError
            kind = known if error is None else type(error)
            raise kind(Message(reason.code, f"{sample.name}: {reason}")) from error
        return Skipped(sample.name, reason)

    def _filling(self) -> Filling:
        target, reading = self._target, self._reading
        if isinstance(target, PackedTarget):
            return PackedFilling(reading)
        if self._preprocessor is not None:
            if target.augmentation is not None:
                return AugmentedFilling(
                    target, target.augmentation, self._preprocessor, reading, self._size
                )
            return TensorFilling(target, self._preprocessor, reading, self._size)
        info = target.info
        if info is None:
            assert target.augmentation is not None
            placing = Placing(target, target.augmentation)
            if target.form == "packed":
                return PlacedPackedFilling(placing, reading)
            return PlacedCoefficientFilling(placing, reading)
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
