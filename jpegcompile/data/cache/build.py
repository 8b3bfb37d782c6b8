"""Build a cache of a data set."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from jpegcompile.data.cache.layout import HASH, IMAGE, SUFFIX, UNUSABLE, VERSION, hash_of
from jpegcompile.data.cache.open import CoefficientCache
from jpegcompile.data.cache.origin import Origin, content_of, identity_of, origin_of
from jpegcompile.data.cache.partial import Finished, Partial, open_partial, replace_output
from jpegcompile.data.cache.report import CacheReport, report_of
from jpegcompile.data.cache.unusable import error_of, payload_of
from jpegcompile.data.found import Images, Labels
from jpegcompile.data.order import made_ahead
from jpegcompile.data.sample import Sample
from jpegcompile.errors import AccessError, ImageError, UsageError
from jpegcompile.files import require_writable
from jpegcompile.jpeg.pack_images import pack_images
from jpegcompile.jpeg.packed_image import TABLE, PackedImage, with_tables
from jpegcompile.jpeg.read import DEFAULT_MAX_PIXELS
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.messages import Message
from jpegcompile.processors import available_processors
from jpegcompile.progress import Progress, Steps

_THREAD = "jpegcompile-cache"
# Samples and bytes of files that are packed at once.
_SAMPLES, _BYTES = 256, 1 << 25


@dataclass(frozen=True)
class _Read:
    """A sample whose file was read."""

    sample: Sample
    content: bytes | None
    facts: Finished


def build_cache(
    images: Images,
    output: str | os.PathLike[str],
    *,
    labels: Labels = None,
    on_error: OnError = "stop",
    tolerant: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> CacheReport:
    """Build a cache of the packed coefficients of a data set.

    If this process is killed, the next build continues, and makes the same bytes. A cache that is
    up to date is not built again.

    Args:
        images: as for `ImageDataset`.
        output: path of the cache.
        labels: as for `ImageDataset`.
        on_error: "stop" raises the error of the first unusable image; "skip" and "report" list
            unusable images in the cache.
        tolerant: as for `read_coefficients`.
        threads: number of threads. Default: one per available processor.
        progress: called with (samples done, samples in all). For shards, the number of all samples
            is unknown, and the second number is the same as the first.

    Raises:
        ImageError: for the first unusable image, if `on_error` is "stop"; if no image is usable.
        AccessError: if an image cannot be read, a file cannot be written, or another process builds
            this cache.
        UsageError: if the arguments contradict each other.
    """
    _require_images(images)
    origin = origin_of(images, labels, tolerant=tolerant)
    # If the path is a link, the linked file is replaced.
    target = Path(output)
    target = Path(os.path.realpath(target)) if target.is_symlink() else target
    _require_apart(target, origin)
    old = _up_to_date(target, origin)
    if old is not None:
        _require_usable(old, on_error)
        return report_of(old, state="kept")
    require_writable(output)
    with open_partial(target) as partial:
        partial.resume(_fingerprint(origin))
        resumed = _build(partial, origin, on_error, threads or available_processors(), progress)
        partial.finish(origin.meta)
        replace_output(target)
    cache = CoefficientCache(target)
    return report_of(cache, state="built", resumed=resumed)


def _require_images(images: Images) -> None:
    """Refuse a cache in place of images."""
    if isinstance(images, str | os.PathLike) and os.fspath(images).lower().endswith(SUFFIX):
        raise UsageError(
            Message(
                "cache-of-cache",
                f"{os.fspath(images)}: is a cache already; give the images that it was built from,"
                " or use it as it is",
            )
        )


def _fingerprint(origin: Origin) -> bytes:
    return hash_of(VERSION.to_bytes(4, "little") + origin.meta.to_bytes())


def _require_apart(target: Path, origin: Origin) -> None:
    """Refuse to replace an image, a shard or the file of classes."""
    others = [*(shard.path for shard in origin.meta.shards), *(one.key for one in origin.files)]
    others += [] if origin.meta.labels is None else [origin.meta.labels]
    if target.exists() and any(Path(o).exists() and target.samefile(o) for o in others):
        raise UsageError(
            Message(
                "cache-output-is-input",
                f"{target}: is one of the images, or the file of classes; give another path",
            )
        )


def _up_to_date(target: Path, origin: Origin) -> CoefficientCache | None:
    """Return the cache that exists if it is whole and up to date."""
    try:
        cache = CoefficientCache(target)
    except (AccessError, ImageError):
        return None
    return cache if cache.change_from(origin) is None else None


def _require_usable(cache: CoefficientCache, on_error: OnError) -> None:
    """Raise the error of the first unusable image, as building the cache would."""
    if on_error == "stop":
        for index in cache.unusable:
            raise cache.error(index)


def _build(
    partial: Partial, origin: Origin, on_error: OnError, threads: int, progress: Progress | None
) -> int:
    """Add all samples that are not finished, and return how many were."""
    steps = Steps(progress, len(origin.files))
    samples = origin.samples()
    resumed = 0
    for index in range(len(partial)):
        read = next(_read(islice(samples, 1), is_known=True), None)
        if read is None or not _is_same(read, partial.finished(index)):
            partial.keep(index)
            samples = islice(origin.samples(), index, None)
            break
        _require_finished(partial, index, on_error)
        resumed += 1
        _advance(steps, origin, 1)
    with closing(made_ahead(_chunks(_read(samples)), 1, _THREAD)) as chunks:
        for chunk in chunks:
            _add(partial, chunk, on_error, threads, tolerant=origin.meta.tolerant)
            _advance(steps, origin, len(chunk))
    if not any(partial.finished(index).kind == IMAGE for index in range(len(partial))):
        raise _no_image(partial)
    return resumed


def _advance(steps: Steps, origin: Origin, count: int) -> None:
    if origin.meta.shards:
        steps.total += count
    steps(count)


def _read(samples: Iterable[tuple[int, Sample]], *, is_known: bool = False) -> Iterator[_Read]:
    """Read the files of samples.

    Args:
        samples: samples with the indices of their shards.
        is_known: whether size and time are enough.
    """
    for shard, sample in samples:
        size, modified, content = 0, 0, None
        if isinstance(sample.source, bytes):
            size, content = len(sample.source), sample.source
        elif isinstance(sample.source, Path):
            # The time comes first: a file that changes afterwards counts as changed.
            size, modified = identity_of(sample.source)
            content = None if is_known else content_of(sample.source)
            if content is not None:
                size = len(content)
        digest = bytes(HASH) if content is None else hash_of(content)
        kind = IMAGE if sample.problem is None else UNUSABLE
        key = sample.key.encode("utf-8", "surrogateescape")
        yield _Read(
            sample, content, Finished(key, size, modified, digest, sample.label, shard, kind)
        )


def _is_same(read: _Read, finished: Finished) -> bool:
    """Whether a finished sample was made of this file."""
    now, then = read.facts, finished
    if read.content is not None and now.source_hash != then.source_hash:
        return False
    names = ("key", "source_size", "modified", "label", "shard")
    return all(getattr(now, name) == getattr(then, name) for name in names)


def _require_finished(partial: Partial, index: int, on_error: OnError) -> None:
    if partial.finished(index).kind == UNUSABLE and on_error == "stop":
        raise error_of(partial.payload(index))


def _chunks(samples: Iterator[_Read]) -> Iterator[list[_Read]]:
    """Yield samples that are packed at once."""
    held: list[_Read] = []
    size = 0
    for one in samples:
        held.append(one)
        size += one.facts.source_size
        if len(held) == _SAMPLES or size >= _BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def _add(
    partial: Partial, chunk: list[_Read], on_error: OnError, threads: int, *, tolerant: bool
) -> None:
    """Pack samples and add them."""
    usable = [one for one in chunk if one.sample.problem is None]
    sources = [one.sample.source if one.content is None else one.content for one in usable]
    made = iter(
        pack_images(
            [source for source in sources if source is not None],
            threads=threads,
            tolerant=tolerant,
            max_pixels=DEFAULT_MAX_PIXELS,
        )
    )
    try:
        for one in chunk:
            problem = one.sample.problem
            result = next(made) if problem is None else ImageError(problem)
            if isinstance(result, PackedImage):
                partial.add(one.facts, _with_shared_tables(result, partial))
                continue
            payload = payload_of(one.sample, result)
            if on_error == "stop":
                raise error_of(payload)
            partial.add(_as_unusable(one.facts), payload)
    finally:
        partial.flush()


def _as_unusable(facts: Finished) -> Finished:
    return replace(facts, kind=UNUSABLE)


def _with_shared_tables(image: PackedImage, partial: Partial) -> bytes:
    """Return the record of an image with its tables among those of the cache."""
    own = [
        bytes(image.tables[start : start + TABLE]) for start in range(0, len(image.tables), TABLE)
    ]
    return with_tables(bytes(image.record), tuple(map(partial.table, own)))


def _no_image(partial: Partial) -> ImageError:
    first = error_of(partial.payload(0)) if len(partial) else None
    count = len(partial)
    skipped = f"; the first is {first}" if first is not None else "; give other images"
    return ImageError(Message("cache-without-images", f"none of {count} images is usable{skipped}"))
