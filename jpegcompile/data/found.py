"""Where a data set finds its images: a folder, files, or tar shards."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from jpegcompile.data.folders import file_samples, folder_images
from jpegcompile.data.patterns import expanded
from jpegcompile.data.sample import Sample
from jpegcompile.errors import UsageError
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.messages import Message

Images: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Labels: TypeAlias = str | os.PathLike[str] | None

SHARD = ".tar"


@dataclass(frozen=True)
class Found:
    """The images of a data set.

    Attributes:
        shards: paths of the shards; empty for files.
        samples: samples of files; None for shards.
        classes: class index of every folder that has a class.
        ignored: reason for each ignored folder, by its path.
    """

    shards: Sequence[str]
    samples: Sequence[Sample] | None
    classes: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, str] = field(default_factory=dict)


def listed(images: Images, labels: Labels, fallback: Fallback) -> Found:
    """Find the images of a data set; the arguments are as for `ImageDataset`.

    Raises:
        UsageError: if the arguments contradict each other.
        AccessError: if a folder cannot be read.
    """
    given = [images] if isinstance(images, str | os.PathLike) else list(images)
    if not given:
        raise UsageError(
            Message("dataset-empty", "there are no images; give a folder, files or shards")
        )
    names = [os.fspath(one) for one in given]
    are_shards = [name.lower().endswith(SHARD) for name in names]
    if all(are_shards):
        if labels is not None:
            raise UsageError(
                Message(
                    "dataset-labels-with-shards",
                    "labels is given for shards, which contain their labels in .cls or .json"
                    " members; leave it out",
                )
            )
        return Found([shard for name in names for shard in expanded(name)], None)
    if any(are_shards):
        raise UsageError(
            Message(
                "dataset-mixed-kinds", "some images are shards and others are not; give one kind"
            )
        )
    if len(names) == 1 and not Path(names[0]).is_file():
        data = folder_images(names[0], labels, fallback)
        return Found([], file_samples(data.files, data.labels), data.classes, data.ignored)
    if labels is not None:
        raise UsageError(
            Message(
                "dataset-labels-with-files",
                "labels is given for files, but it applies only to a folder with one folder per"
                " class; leave it out",
            )
        )
    return Found([], file_samples(tuple(Path(name) for name in names)))
