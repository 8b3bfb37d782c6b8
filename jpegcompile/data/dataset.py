"""Images as an iterable data set of PyTorch: batches of tensors or of coefficients.

    dataset = jpegcompile.ImageDataset("train-{000..099}.tar", 64, model="resnet18.jpeg.onnx")
    for batch in DataLoader(dataset, batch_size=None, num_workers=4):
        ...

`docs/data.md` explains it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from jpegcompile.errors import AccessError, UsageError

try:
    import torch
except ModuleNotFoundError as error:
    raise AccessError(
        "ImageDataset needs torch, which is not installed; pip install 'jpegcompile[learn]'"
    ) from error

from torch.utils.data import IterableDataset, get_worker_info

from jpegcompile.data.batch import ImageBatch
from jpegcompile.data.batching import Batching
from jpegcompile.data.division import Reader
from jpegcompile.data.filling import ReadOptions
from jpegcompile.data.folders import file_samples, folder_samples
from jpegcompile.data.order import made_ahead, permuted, shuffled
from jpegcompile.data.patterns import expanded
from jpegcompile.data.sample import Sample
from jpegcompile.data.shards import shard_samples
from jpegcompile.data.target import Description, Form, Model, target_of
from jpegcompile.jpeg.pixel_fallback import Fallback, checked_fallback
from jpegcompile.jpeg.read import DEFAULT_MAX_PIXELS
from jpegcompile.jpeg.unusable import ON_ERROR, OnError
from jpegcompile.network_input import Layout
from jpegcompile.preprocessing.steps import Size
from jpegcompile.processors import available_processors
from jpegcompile.whole_numbers import is_whole_number

Images: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_DTYPES = {"float32": torch.float32, "float16": torch.float16}
_SHARD = ".tar"
_THREAD = "jpegcompile-data"


class ImageDataset(IterableDataset[ImageBatch]):
    """Batches of images from a folder, from files or from WebDataset shards.

    Every image comes once an epoch, whatever the number of workers and ranks. Images that cannot be
    used leave no gap: all batches but the last of each worker have `batch_size` images.
    """

    def __init__(
        self,
        images: Images,
        batch_size: int,
        *,
        model: Model | None = None,
        form: Form | None = None,
        preprocess: Description | None = None,
        size: Size | None = None,
        layout: Layout | None = None,
        dtype: Literal["float32", "float16"] = "float32",
        labels: str | os.PathLike[str] | None = None,
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
    ) -> None:
        """Find the images, and learn from the model what it takes.

        Args:
            images: a folder (one folder a class, or files alone), a list of files, or tar shards:
                a path with braces like `train-{000..099}.tar`, or a list of such.
            batch_size: images of a batch.
            model: compiled model that batches are for: its path, or a session of it.
            form: what batches hold: "tensor", "pixels", "coefficients" or "packed"; see `Target`.
                "tensor" for a model and "pixels" without one, if not given.
            preprocess: without a model: how images become pixels for a network, as for `compile`.
            size: without a model: (height, width) of these.
            layout: of pixels, "NCHW" or "NHWC"; that of the model, or "NCHW", if not given.
            dtype: of tensors and pixels, "float32" or "float16".
            labels: of a folder: JSON file that maps folder names to class indices.
            shuffle: whether each epoch has an order of its own, which follows from `seed`.
            seed: see `shuffle`.
            buffer: samples among which those of shards are shuffled, besides the shards themselves.
            drop_last: whether to leave out a last batch of fewer images.
            on_error: what becomes of images that cannot be used: "stop" raises the error of the
                first; "skip" and "report" leave them out, and `ImageBatch.skipped` lists them.
            tolerant: whether to take what can be read of damaged files, as `read_coefficients`.
            fallback: "pixels" decodes files of which no coefficients are read by Pillow.
            max_pixels: as for `read_coefficients`.
            threads: that share the work on a batch: by default one for each processor, and one in
                the workers of a `DataLoader`.
            ahead: batches that are made while the caller works on one, without workers.
            pin: whether tensors are in page-locked memory, without workers; where CUDA is there if
                not given. With workers, `DataLoader` pins.
            rank: of this process among those that train; of `torch.distributed` if not given.
            ranks: how many these are.

        Raises:
            UsageError: if the arguments do not fit together or do not fit the model.
            AccessError: if a folder or the model cannot be read.
            UnsupportedModelError: if the model is none of ours.
        """
        super().__init__()
        _require_at_least(1, batch_size=batch_size, ahead=ahead, buffer=buffer, threads=threads)
        _require_at_least(0, seed=seed)
        _require_known("dtype", dtype, tuple(_DTYPES))
        _require_known("on_error", on_error, ON_ERROR)
        self._target = target_of(model, form, preprocess, size, layout)
        if self._target.is_coefficients and checked_fallback(fallback) != "none":
            raise UsageError("pixels have no coefficients to batch; leave fallback out")
        self._fallback: Fallback = checked_fallback(fallback)
        self._shards, self._samples = _found(images, labels, self._fallback)
        self._batch_size, self._drop_last, self._on_error = batch_size, drop_last, on_error
        self._shuffle, self._seed, self._buffer = shuffle, seed, buffer
        self._tolerant, self._max_pixels, self._dtype = tolerant, max_pixels, dtype
        self._threads, self._ahead, self._pin = threads, ahead, pin
        self._ranks = _ranks(rank, ranks)
        # Workers that outlive an epoch see what is set here.
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch begins next, from 0 on: the order of a shuffled data set follows from it.

        Raises:
            UsageError: if it is negative.
        """
        _require_at_least(0, epoch=epoch)
        self._epoch.fill_(epoch)

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled for workers that are started afresh: they do not know their rank."""
        return {**vars(self), "_ranks": self._ranks or _distributed_ranks()}

    def __iter__(self) -> Iterator[ImageBatch]:
        """The batches of this worker, or of this rank where there are no workers.

        Raises:
            ImageError, AccessError: of the first image that cannot be used, if `on_error` is
                "stop"; or no image can be used.
        """
        info = get_worker_info()
        rank, ranks = self._ranks or _distributed_ranks() or (0, 1)
        if info is not None:
            reader = Reader(rank, ranks, info.id, info.num_workers)
            return self._batching(pin=False, threads=self._threads or 1).batches(
                self._samples_of(reader), is_alone=reader.count == 1
            )
        reader = Reader(rank, ranks)
        pin = torch.cuda.is_available() if self._pin is None else self._pin
        batching = self._batching(pin=pin, threads=self._threads or available_processors())
        batches = batching.batches(self._samples_of(reader), is_alone=reader.count == 1)
        return made_ahead(batches, self._ahead, _THREAD)

    def _batching(self, *, pin: bool, threads: int) -> Batching:
        dtype = _DTYPES[self._dtype]
        reading = ReadOptions(threads, self._tolerant, self._fallback, self._max_pixels, dtype, pin)
        return Batching(
            self._target, reading, self._batch_size, self._on_error, drop_last=self._drop_last
        )

    def _samples_of(self, reader: Reader) -> Iterator[Sample]:
        # All readers shuffle the whole in the same way.
        common = np.random.default_rng([self._seed, int(self._epoch)])
        if self._samples is not None:
            samples = permuted(self._samples, common) if self._shuffle else self._samples
            return reader.items(samples, self._batch_size)
        shards = permuted(self._shards, common) if self._shuffle else self._shards
        own = (shard_samples(shard, self._fallback) for shard in reader.shards(shards))
        mine = reader.samples(chain.from_iterable(own), shards)
        if not self._shuffle:
            return mine
        generator = np.random.default_rng([self._seed, int(self._epoch), reader.index])
        return shuffled(mine, self._buffer, generator)


def _found(
    images: Images, labels: str | os.PathLike[str] | None, fallback: Fallback
) -> tuple[list[str], list[Sample] | None]:
    """Shards, or samples of files."""
    given = [images] if isinstance(images, str | os.PathLike) else list(images)
    if not given:
        raise UsageError("no images are given; give a folder, files or shards")
    names = [os.fspath(one) for one in given]
    are_shards = [name.lower().endswith(_SHARD) for name in names]
    if all(are_shards):
        if labels is not None:
            raise UsageError("labels are for a folder; shards hold their own in .cls or .json")
        return [shard for name in names for shard in expanded(name)], None
    if any(are_shards):
        raise UsageError("some of the images are shards and some are not; give one kind")
    if len(names) == 1 and not Path(names[0]).is_file():
        return [], folder_samples(names[0], labels, fallback)
    if labels is not None:
        raise UsageError("labels are for a folder with one folder a class; leave them out")
    return [], file_samples(tuple(Path(name) for name in names))


def _require_at_least(least: int, **numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is None:
            continue
        if not is_whole_number(number):
            raise UsageError(f"{name} is {number!r}; give a whole number")
        if number < least:
            raise UsageError(f"{name} is {number}; give {least} or more")


def _require_known(name: str, given: str, known: Sequence[str]) -> None:
    if given not in known:
        raise UsageError(f"{name} is {given!r}; use one of {', '.join(known)}")


def _ranks(rank: int | None, ranks: int | None) -> tuple[int, int] | None:
    if rank is None and ranks is None:
        return None
    if rank is None or ranks is None:
        given, missing = ("rank", "ranks") if ranks is None else ("ranks", "rank")
        raise UsageError(f"{given} is given without {missing}; give both, or neither")
    if not 0 <= rank < ranks:
        raise UsageError(f"rank is {rank} of {ranks}; give one from 0 to {ranks - 1}")
    return rank, ranks


def _distributed_ranks() -> tuple[int, int] | None:
    """Rank and number of ranks; None where `torch.distributed` is not in use."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return None
