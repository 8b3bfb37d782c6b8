"""What `jpegcompile cache` reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from jpegcompile.data.cache.open import CoefficientCache
from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.results.record import Record

State = Literal["built", "kept", "fresh", "checked"]


@dataclass(frozen=True)
class CacheReport(Record):
    """A cache of a data set.

    Attributes:
        path: path of the cache.
        state: "built"; "kept" if the cache was up to date; of a check, "fresh" if it is up to date,
            and "checked" if its images are not there, so that only its contents were checked.
        images: number of usable images.
        resumed: samples that an earlier, killed build had finished.
        file_bytes: bytes of the cache.
        packed_bytes: bytes of the packed images in it.
        source_bytes: bytes of the image files that it was built from.
        tables: number of different quantization tables.
        classes: class index of every folder that has a class.
        skipped: unusable images, with reasons.
        ignored: reason for each ignored folder, by its path.
    """

    kind: ClassVar[str] = "cache"

    path: str
    state: State
    images: int
    resumed: int
    file_bytes: int
    packed_bytes: int
    source_bytes: int
    tables: int
    classes: Mapping[str, int]
    skipped: tuple[Skipped, ...]
    ignored: Mapping[str, str]


def report_of(cache: CoefficientCache, *, state: State, resumed: int = 0) -> CacheReport:
    """Return the report about a cache.

    Args:
        cache: the cache.
        state: see `CacheReport`.
        resumed: see `CacheReport`.
    """
    return CacheReport(
        cache.path,
        state,
        len(cache) - len(cache.unusable),
        resumed,
        cache.file_bytes,
        cache.packed_bytes,
        cache.source_bytes,
        cache.table_count,
        cache.meta.classes,
        cache.skipped,
        cache.meta.ignored,
    )
