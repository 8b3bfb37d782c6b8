"""Whether the images of a cache have changed since it was built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from jpegcompile.data.cache.contents import Contents
from jpegcompile.data.cache.layout import hash_of
from jpegcompile.data.cache.origin import Origin, content_of, identity_of
from jpegcompile.data.sample import Sample

# The index of a shard, and a sample in it.
Numbered = tuple[int, Sample]


def change_of(contents: Contents, origin: Origin) -> str | None:
    """Return how the images differ from those that a cache was built from; None if they do not.

    Sizes and times are compared. Where only the time differs, as after a copy, the hashes of the
    contents decide.

    Args:
        contents: the cache.
        origin: the images now.
    """
    then, now = contents.meta, origin.meta
    if then.tolerant != now.tolerant:
        return f"it was built {'with' if then.tolerant else 'without'} --tolerant"
    if then.max_pixels != now.max_pixels:
        return f"it was built for at most {then.max_pixels} pixels"
    if [one.path for one in then.shards] != [one.path for one in now.shards]:
        return "it was built from other shards"
    if dict(then.classes) != dict(now.classes):
        return "the classes have changed"
    if not now.shards:
        return _first_change(contents, range(len(contents.entries)), origin.samples(), _of_file)
    for index, (old, new) in enumerate(zip(then.shards, now.shards, strict=True)):
        if replace(old, modified=0) != replace(new, modified=0) or not new.size:
            return f"{new.path} has changed"
        if old.modified != new.modified:
            start, end = (int(contents.entries["shard"].searchsorted(index + i)) for i in (0, 1))
            rows = range(start, end)
            change = _first_change(contents, rows, origin.of_shard(index), _of_member)
            if change is not None:
                return change
    return None


def _first_change(
    contents: Contents,
    rows: Sequence[int],
    samples: Iterable[Numbered],
    is_same: Callable[[Contents, int, Sample], bool],
) -> str | None:
    found = iter(samples)
    for index in rows:
        sample = next(found, (0, None))[1]
        key = contents.key(index)
        if sample is None:
            return f"{key} is missing"
        if key != sample.key:
            is_there = any(later.key == key for _, later in found)
            return f"{sample.name} is new" if is_there else f"{key} is missing"
        if contents.row(index).label != sample.label:
            return f"the class of {sample.name} has changed"
        if not is_same(contents, index, sample):
            return f"{sample.name} has changed"
    extra = next(found, None)
    return None if extra is None else f"{extra[1].name} is new"


def _of_file(contents: Contents, index: int, sample: Sample) -> bool:
    assert isinstance(sample.source, Path)
    row = contents.row(index)
    size, modified = identity_of(sample.source)
    if size != row.source_size:
        return False
    return modified == row.modified or _has_hash(contents, index, content_of(sample.source))


def _of_member(contents: Contents, index: int, sample: Sample) -> bool:
    content = sample.source if isinstance(sample.source, bytes) else None
    return _has_hash(contents, index, content)


def _has_hash(contents: Contents, index: int, content: bytes | None) -> bool:
    digest = contents.row(index).source_hash
    return digest == (bytes(len(digest)) if content is None else hash_of(content))
