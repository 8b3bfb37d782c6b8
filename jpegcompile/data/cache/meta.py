"""What a cache knows of its data set as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jpegcompile.results.record import decoded


@dataclass(frozen=True)
class Shard:
    """A tar shard when it was read.

    Attributes:
        path: path as given.
        size: bytes of the file.
        modified: time of the file in nanoseconds.
    """

    path: str
    size: int
    modified: int


@dataclass(frozen=True)
class Meta:
    """Where the images come from.

    Attributes:
        images: paths as given: a folder, files or shards.
        labels: path of the JSON file of classes; None without.
        tolerant: whether the readable part of damaged files was used.
        max_pixels: largest number of pixels of an image.
        shards: shards; empty for files.
        classes: class index of every folder that has a class.
        ignored: reason for each ignored folder, by its path.
    """

    images: tuple[str, ...]
    labels: str | None
    tolerant: bool
    max_pixels: int
    shards: tuple[Shard, ...]
    classes: Mapping[str, int]
    ignored: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """Return the JSON object."""
        return json.dumps(asdict(self), separators=(",", ":")).encode("ascii")

    @classmethod
    def of(cls, data: bytes) -> Meta:
        """Read a JSON object.

        Raises:
            ValueError, RecursionError: if it has another form.
        """
        found: Any = decoded(cls, json.loads(data.decode("ascii")), "meta")
        assert isinstance(found, cls)
        return found
