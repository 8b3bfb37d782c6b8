"""Check a cache completely."""

from __future__ import annotations

import os

from jpegcompile.data.cache.open import CoefficientCache
from jpegcompile.data.cache.report import CacheReport, report_of
from jpegcompile.progress import Progress


def check_cache(path: str | os.PathLike[str], *, progress: Progress | None = None) -> CacheReport:
    """Check all bytes of a cache, and whether its images have changed, if they still exist.

    Args:
        path: path of the cache.
        progress: called with (samples done, samples in all).

    Raises:
        AccessError: if the cache cannot be read.
        ImageError: if it is damaged.
        CheckFailedError: if it is out of date.
    """
    cache = CoefficientCache(path)
    cache.verify(progress)
    # `Path.exists` raises an error for a path that is too long.
    if not any(map(os.path.exists, _origins(cache))):
        return report_of(cache, state="checked")
    cache.require_fresh()
    return report_of(cache, state="fresh")


def _origins(cache: CoefficientCache) -> list[str]:
    """Return the paths that the images come from."""
    return [*cache.meta.images, *(shard.path for shard in cache.meta.shards)]
