"""An iterable dataset of PyTorch for images: batches of tensors or of coefficients.

    dataset = jpegcompile.ImageDataset("train-{000..099}.tar", 64, model="resnet18.jpeg.onnx")
    for batch in DataLoader(dataset, batch_size=None, num_workers=4):
        ...

See `docs/data.md`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Literal

import numpy as np

from jpegcompile.errors import AccessError, UsageError
from jpegcompile.messages import Message

try:
    import torch
except ModuleNotFoundError as error:
    raise AccessError(
        Message(
            "dataset-needs-torch",
            "ImageDataset needs torch, which is not installed; run pip install"
            " 'jpegcompile[learn]'",
        )
    ) from error

from torch.utils.data import IterableDataset, get_worker_info

from jpegcompile.data.batch import ImageBatch
from jpegcompile.data.batching import Batching
from jpegcompile.data.cache.open import CoefficientCache
from jpegcompile.data.division import Reader
from jpegcompile.data.filling import ReadOptions
from jpegcompile.data.found import Images
from jpegcompile.data.order import made_ahead, permuted, shuffled
from jpegcompile.data.passed_on import passing_on
from jpegcompile.data.readable import readable
from jpegcompile.data.sample import Sample
from jpegcompile.data.target import Augment, Description, Form, Model, target_of
from jpegcompile.jpeg.pixel_fallback import Fallback, checked_fallback
from jpegcompile.jpeg.read import DEFAULT_MAX_PIXELS
from jpegcompile.jpeg.unusable import ON_ERROR, OnError
from jpegcompile.network_input import Layout
from jpegcompile.preprocessing.steps import Size
from jpegcompile.processors import available_processors
from jpegcompile.whole_numbers import is_whole_number

_DTYPES = {"float32": torch.float32, "float16": torch.float16}
_THREAD = "jpegcompile-data"


class ImageDataset(IterableDataset[ImageBatch]):
    """Batches of images from a folder, a list of files, or WebDataset shards.

    Each epoch contains every image once, for any number of workers and ranks. Unusable images leave
    no gaps: every batch has `batch_size` images, except the last one of each worker.
    """

    def __init__(
        self,
        images: Images | CoefficientCache,
        batch_size: int,
        *,
        model: Model | None = None,
        form: Form | None = None,
        preprocess: Description | None = None,
        size: Size | None = None,
        layout: Layout | None = None,
        block: int | None = None,
        augment: Augment | None = None,
        dtype: Literal["float32", "float16"] = "float32",
        labels: str | os.PathLike[str] | None = None,
        cache: str | os.PathLike[str] | None = None,
        shuffle: bool = False,
        seed: int = 0,
        buffer: int = 1000,
        drop_last: bool = False,
        on_error: OnError = "stop",
        tolerant: bool = False,
        fallback: Fallback = "none",
        max_pixels: int = DEFAULT_MAX_PIXELS,
        threads: int | None = None,
        ahead: int = 2,
        pin: bool | None = None,
        rank: int | None = None,
        ranks: int | None = None,
        keep: Callable[[Sample], bool] | None = None,
    ) -> None:
        """Find the images and determine the form of the batches.

        Args:
            images: a folder (with one folder per class, or with image files only), a list of files;
                tar shards: a path with braces such as `train-{000..099}.tar`, or a list of such
                paths; or a cache: a path that ends with `.jpegcache`, or a `CoefficientCache`.
            batch_size: images per batch.
            model: compiled model that the batches are for: a path, or a session. Without a model,
                give `preprocess` and `size`, except for "packed".
            form: content of the batches: "tensor", "pixels", "coefficients" or "packed"; see
                `Target`. Default: "tensor" with a model, "pixels" without. "packed" with neither
                model nor preprocess contains whole images.
            preprocess: preprocessing of the images, as for `compile`; only without a model.
            size: (height, width) of the network's input; only without a model.
            layout: layout of pixels, "NCHW" or "NHWC". Default: the model's layout; "NCHW" without
                a model.
            block: block size of tensors, or of what coefficients become, 8, 4, 2, or 1 for pixels;
                only without a model. Default: the largest that divides the size; 1 for pixels.
            augment: random changes of the images: an `Augmentation`, its JSON form, or a text such
                as "flip,crop=4" or "imagenet" (`docs/augmentation.md`). They depend on `seed`, the
                epoch and the image. Only without a model.
            dtype: type of tensors and pixels, "float32" or "float16".
            labels: JSON file that maps folder names to class indices; only for a folder.
            cache: cache of these images, which is read instead of them, with the same batches. It
                must be up to date.
            shuffle: whether to shuffle. The order depends on `seed` and the epoch (`set_epoch`).
            seed: seed of the order and of random changes.
            buffer: number of samples in the shuffle buffer; only for shards. The order of the
                shards is shuffled, too.
            drop_last: whether to drop a last batch of fewer than `batch_size` images.
            on_error: what happens to unusable images: "stop" raises the error of the first one;
                "skip" and "report" skip them and list them in `ImageBatch.skipped`.
            tolerant: whether to use the readable part of damaged files, as `read_coefficients`.
            fallback: "pixels" decodes files without readable coefficients with Pillow; "none"
                treats them as unusable.
            max_pixels: as for `read_coefficients`.
            threads: number of threads per batch. Default: one per processor; one in each worker of
                a `DataLoader`.
            ahead: number of batches to prepare while the caller works on a batch. Ignored with
                workers.
            pin: whether tensors are in page-locked memory. Default: if CUDA is available. Ignored
                with workers; use `pin_memory` of `DataLoader`.
            rank: index of this process among the training processes. Default: from
                `torch.distributed`.
            ranks: number of training processes. Default: from `torch.distributed`.
            keep: function that chooses the images to use, such as a `HeldOut`. Default: all.

        Raises:
            UsageError: if the arguments contradict each other or do not fit the model.
            AccessError: if a folder, the cache or the model cannot be read.
            CheckFailedError: if the cache is out of date.
            ImageError: if the cache is damaged.
            UnsupportedModelError: if the model is not a compiled model.
        """
        super().__init__()
        _require_at_least(1, batch_size=batch_size, ahead=ahead, buffer=buffer, threads=threads)
        _require_at_least(0, seed=seed)
        _require_known("dtype", dtype, tuple(_DTYPES))
        _require_known("on_error", on_error, ON_ERROR)
        self._target = target_of(model, form, preprocess, size, layout, block, augment)
        if self._target.is_coefficients and checked_fallback(fallback) != "none":
            raise UsageError(
                Message(
                    "dataset-fallback-with-coefficients",
                    "fallback decodes pixels, but batches contain coefficients; leave fallback out",
                )
            )
        self._fallback: Fallback = checked_fallback(fallback)
        self._images = readable(images, cache, labels, self._fallback, tolerant=tolerant)
        self._keep = keep or _every
        samples = self._images.samples
        self._places: Sequence[int] = range(len(samples or ()))
        if keep is not None and samples is not None:
            self._places = [place for place in self._places if keep(samples[place])]
        self._batch_size, self._drop_last, self._on_error = batch_size, drop_last, on_error
        self._shuffle, self._seed, self._buffer = shuffle, seed, buffer
        self._tolerant, self._max_pixels, self._dtype = tolerant, max_pixels, dtype
        self._threads, self._ahead, self._pin = threads, ahead, pin
        self._ranks = _ranks(rank, ranks)
        # Use shared memory, so that persistent workers see changes of the epoch.
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]

    @property
    def classes(self) -> Mapping[str, int]:
        """Class index of every folder that has a class; empty for files and shards."""
        return self._images.classes

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the next epoch, which determines the order and random changes.

        Args:
            epoch: number of the epoch, 0 or more.

        Raises:
            UsageError: if `epoch` is negative.
        """
        _require_at_least(0, epoch=epoch)
        self._epoch.fill_(epoch)

    def samples(self) -> Iterator[Sample]:
        """Yield the images of all workers and ranks in their order on disk, usable or not.

        Of shards, this reads only the headers; their samples have neither labels nor contents.
        """
        samples = self._images.samples
        if samples is not None:
            return (samples[place] for place in self._places)
        shards = map(self._images.keys_of_shard, self._images.shards)
        return filter(self._keep, chain.from_iterable(shards))

    def __getstate__(self) -> dict[str, Any]:
        """Add the rank to the pickled state, because spawned workers do not know it."""
        return {**vars(self), "_ranks": self._ranks or _distributed_ranks()}

    def __iter__(self) -> Iterator[ImageBatch]:
        """Iterate over the batches of this worker, or of this rank if there are no workers.

        Raises:
            ImageError, AccessError: for the first unusable image, if `on_error` is "stop"; or if no
                image is usable.
        """
        info = get_worker_info()
        rank, ranks = self._ranks or _distributed_ranks() or (0, 1)
        if info is not None:
            return self._of_worker(Reader(rank, ranks, info.id, info.num_workers))
        reader = Reader(rank, ranks)
        pin = torch.cuda.is_available() if self._pin is None else self._pin
        batching = self._batching(pin=pin, threads=self._threads or available_processors())
        batches = batching.batches(self._samples_of(reader), is_alone=reader.count == 1)
        return made_ahead(batches, self._ahead, _THREAD)

    def _of_worker(self, reader: Reader) -> Iterator[ImageBatch]:
        with passing_on():
            yield from self._batching(pin=False, threads=self._threads or 1).batches(
                self._samples_of(reader), is_alone=reader.count == 1
            )

    def _batching(self, *, pin: bool, threads: int) -> Batching:
        dtype = _DTYPES[self._dtype]
        reading = ReadOptions(threads, self._tolerant, self._fallback, self._max_pixels, dtype, pin)
        return Batching(
            self._target,
            reading,
            self._batch_size,
            self._on_error,
            drop_last=self._drop_last,
            seed=self._seed,
            epoch=int(self._epoch),
        )

    def _samples_of(self, reader: Reader) -> Iterator[Sample]:
        # All readers use the same permutation and then select their parts.
        common = np.random.default_rng([self._seed, int(self._epoch)])
        samples, shards = self._images.samples, self._images.shards
        if samples is not None:
            places = permuted(self._places, common) if self._shuffle else self._places
            return (samples[place] for place in reader.items(places, self._batch_size))
        order = permuted(shards, common) if self._shuffle else shards
        own = (self._images.of_shard(shard) for shard in reader.shards(order))
        mine = reader.samples(filter(self._keep, chain.from_iterable(own)), order)
        if not self._shuffle:
            return mine
        generator = np.random.default_rng([self._seed, int(self._epoch), reader.index])
        return shuffled(mine, self._buffer, generator)


def _every(_: Sample) -> bool:
    return True


def _require_at_least(least: int, **numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is None:
            continue
        if not is_whole_number(number):
            raise UsageError(
                Message("dataset-option-not-whole", f"{name} is {number!r}; give a whole number")
            )
        if number < least:
            raise UsageError(
                Message("dataset-option-too-small", f"{name} is {number}; give {least} or more")
            )


def _require_known(name: str, given: str, known: Sequence[str]) -> None:
    if given not in known:
        raise UsageError(
            Message("dataset-option-unknown", f"{name} is {given!r}; use one of {', '.join(known)}")
        )


def _ranks(rank: int | None, ranks: int | None) -> tuple[int, int] | None:
    if rank is None and ranks is None:
        return None
    if rank is None or ranks is None:
        given, missing = ("rank", "ranks") if ranks is None else ("ranks", "rank")
        raise UsageError(
            Message(
                "dataset-rank-incomplete",
                f"{given} is given without {missing}; give both, or neither",
            )
        )
    if not 0 <= rank < ranks:
        raise UsageError(
            Message(
                "dataset-rank-out-of-range",
                f"rank is {rank} of {ranks}; give a number from 0 to {ranks - 1}",
            )
        )
    return rank, ranks


def _distributed_ranks() -> tuple[int, int] | None:
    """Return rank and number of ranks; None if `torch.distributed` is not in use."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return None
