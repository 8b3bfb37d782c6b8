"""The images of a run: training and validation, for the student and its teacher."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import PurePath
from typing import Any

from jpegcompile.data.augmentation.record import Augmentation
from jpegcompile.data.augmentation.text import augmentation_of
from jpegcompile.data.dataset import ImageDataset
from jpegcompile.data.found import Images
from jpegcompile.data.held_out import HeldOut
from jpegcompile.data.sample import Sample
from jpegcompile.errors import UsageError
from jpegcompile.learning.training.distributed import Group
from jpegcompile.learning.training.feeds import Feed
from jpegcompile.learning.training.forms import form_of
from jpegcompile.learning.training.networks import Network
from jpegcompile.messages import Message
from jpegcompile.results.finetuning import TrainingSettings


@dataclass(frozen=True)
class Reading:
    """How images are read.

    Attributes:
        images: training images, as for `ImageDataset`.
        settings: batch, seed, augmentation and validation.
        options: options of `ImageDataset`: labels, on_error, tolerant, fallback, threads.
        workers: number of processes that read.
        group: processes that learn together.
        trained: (height, width) that the student was trained at.
        cache: cache of the training images; None to read the images themselves.
    """

    images: Images
    settings: TrainingSettings
    options: Mapping[str, Any]
    workers: int
    group: Group
    trained: tuple[int, int]
    cache: str | os.PathLike[str] | None = None

    def training(self, student: Network, teacher: Network | None) -> Feed:
        """Return the training images, in random order.

        Raises:
            UsageError, AccessError: as `ImageDataset`; or if all images are held out.
        """
        share = self.settings.validation
        held = isinstance(share, float) and share > 0
        keep = self._held_out(is_chosen=False) if held else None
        feed = self._feed(self.images, student, teacher, keep, is_training=True)
        if held and next(feed.student.samples(), None) is None:
            raise UsageError(
                Message(
                    "validation-takes-all",
                    f"--validation {share:g} holds out all of the images, so none is left to learn"
                    " from; give a smaller share, a folder of other images, or 0",
                )
            )
        return feed

    def validation(self, student: Network, teacher: Network | None) -> Feed | None:
        """Return the validation images; None if there are none.

        Raises:
            UsageError, AccessError: as `ImageDataset`; or if no image is held out.
        """
        share = self.settings.validation
        if not isinstance(share, float):
            feed = self._feed(share, student, teacher, None, is_training=False)
            if next(feed.student.samples(), None) is None:
                raise UsageError(
                    Message(
                        "validation-without-images",
                        f"--validation {share}: has no images; give a folder with images, a share"
                        " or 0",
                    )
                )
            return feed
        if not share:
            return None
        keep = self._held_out(is_chosen=True)
        feed = self._feed(self.images, student, teacher, keep, is_training=False)
        if next(feed.student.samples(), None) is None:
            raise UsageError(
                Message(
                    "validation-empty",
                    f"--validation {share:g} holds out none of the images; give a larger share, a"
                    " folder of other images, or 0",
                )
            )
        return feed

    def _held_out(self, *, is_chosen: bool) -> HeldOut:
        assert isinstance(self.settings.validation, float)
        return HeldOut(self.settings.validation, self.settings.seed, is_chosen)

    def _feed(
        self,
        images: Images,
        student: Network,
        teacher: Network | None,
        keep: HeldOut | None,
        *,
        is_training: bool,
    ) -> Feed:
        size = self.settings.batch // self.group.ranks
        mine = self._dataset(images, student, keep, size, is_training=is_training)
        other = None
        if teacher is not None and _reads(teacher) != _reads(student):
            other = self._dataset(images, teacher, keep, size, is_training=is_training)
        return Feed(mine, other, size, self.workers)

    def _dataset(
        self,
        images: Images,
        network: Network,
        keep: HeldOut | None,
        size: int,
        *,
        is_training: bool,
    ) -> ImageDataset:
        augment = augmentation_of(self.settings.augment) if is_training else Augmentation()
        is_plain = augment == Augmentation()
        return ImageDataset(
            images,
            size,
            form=form_of(network.preprocess, self.group.device, self.options["fallback"]),
            preprocess=network.preprocess,
            size=network.image.size,
            block=network.block,
            augment=None if is_plain else _scaled(augment, self.trained, network.image.size),
            shuffle=is_training,
            seed=self.settings.seed,
            keep=keep,
            rank=self.group.rank,
            ranks=self.group.ranks,
            **self._options_for(images),
        )

    def _options_for(self, images: Images) -> dict[str, Any]:
        """Return the options of a dataset; labels apply to folders only."""
        cache = self.cache if images is self.images else None
        labels = None if _are_shards(images) else self.options["labels"]
        return {**self.options, "labels": labels, "cache": cache}


def require_same_classes(training: ImageDataset, validation: ImageDataset) -> None:
    """Refuse validation images whose folders have other classes than those of training.

    Without --labels the classes are the sorted names of the folders, so a missing folder changes
    the classes of others.

    Raises:
        UsageError: naming a folder.
    """
    known = training.classes
    for folder, number in validation.classes.items() if known else ():
        if known.get(folder) != number:
            there = f"class {known[folder]}" if folder in known else "no folder"
            raise UsageError(
                Message(
                    "validation-classes-differ",
                    f"--validation: folder '{folder}' is class {number}, but in --images it is"
                    f" {there}; map the folders of both to classes with --labels",
                )
            )


def _are_shards(images: Images) -> bool:
    one = images if isinstance(images, str | os.PathLike) else next(iter(images), "")
    return os.fspath(one).lower().endswith(".tar")


def digest_of_images(samples: Iterator[Sample]) -> tuple[str, int]:
    """Return a hash of the names and labels of images, and their number."""
    digest, count = blake2b(digest_size=16), 0
    for sample in samples:
        name = "/".join(PurePath(sample.key).parts[-2:])
        digest.update(f"{name}={sample.label}\n".encode("utf-8", "surrogateescape"))
        count += 1
    return digest.hexdigest(), count


def _reads(network: Network) -> tuple[Any, ...]:
    """Return what the batches of a network depend on."""
    return network.image.size, network.block, network.preprocess


def _scaled(augment: Augmentation, trained: tuple[int, int], size: tuple[int, int]) -> Augmentation:
    """Return an augmentation whose pixels are those of another resolution.

    Boxes and colors do not depend on it. So a student and its teacher see the same image.
    """
    ratio = size[0] / trained[0]
    crop = None if augment.crop is None else round(augment.crop * ratio)
    return replace(augment, crop=crop, cutout=round(augment.cutout * ratio))
