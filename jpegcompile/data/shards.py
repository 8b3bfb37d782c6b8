"""Read tar shards of samples in the format of WebDataset, from start to end.

Consecutive members form a sample if their names agree up to the first dot after the last slash.
This part of the name is the key of the sample. For example, `dog/0001.jpg` and `dog/0001.cls` (or
`dog/0001.json`) form the sample `dog/0001`.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from typing import IO, Any

from jpegcompile.data.sample import NO_LABEL, Sample
from jpegcompile.errors import ImageError, one_line
from jpegcompile.evaluation.dataset import suffixes_of
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.read import source_name
from jpegcompile.messages import Message

# These formats always count as images, so that an error can name the format.
_OTHER_IMAGES = (".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_LABEL_FIELDS = ("label", "cls")

# Key, extension and content of a member.
Member = tuple[str, str, bytes]


class _DamagedError(Exception):
    """A shard cannot be read any further.

    Attributes:
        problem: what is wrong, and what to do.
    """

    def __init__(self, problem: Message) -> None:
        super().__init__(problem)
        self.problem = problem


def shard_samples(path: str, fallback: Fallback) -> Iterator[Sample]:
    """Yield the samples of a shard, in its order.

    If the shard cannot be opened or is damaged, the samples before the damage are followed by a
    sample with a `problem`.

    Args:
        path: path of an uncompressed tar file.
        fallback: as for `folder_images`.
    """
    suffixes = (*suffixes_of(fallback), *_OTHER_IMAGES)
    shard = source_name([path], 0)
    key, held, damage = "", dict[str, bytes](), None
    try:
        for name, extension, content in _members(path):
            if held and name != key:
                yield _sample(shard, key, held, suffixes)
                held = {}
            key, held[extension] = name, content
    except _DamagedError as error:
        damage = error.problem
    if held:
        yield _sample(shard, key, held, suffixes)
    if damage:
        yield Sample(path, shard, None, problem=damage)


def sample_keys(path: str) -> Iterator[Sample]:
    """Yield the samples of a shard without their contents, as `shard_samples`.

    Reads only the headers of the members.
    """
    shard, key = source_name([path], 0), None
    try:
        for name, _, _ in _members(path, has_contents=False):
            if name != key:
                key = name
                yield Sample(name, f"{shard}: {name}", None)
    except _DamagedError as error:
        yield Sample(path, shard, None, problem=error.problem)


def _members(path: str, *, has_contents: bool = True) -> Iterator[Member]:
    """Yield the files of a shard, except hidden ones.

    Args:
        path: path of the shard.
        has_contents: whether to read the contents; otherwise they are empty.

    Raises:
        _DamagedError: if the shard cannot be read or is damaged.
    """
    try:
        with open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            while (member := archive.next()) is not None:
                # Without this the archive keeps every header that it has read.
                archive.members.clear()  # type: ignore[attr-defined]
                folder, name = os.path.split(member.name)
                if not member.isfile() or name.startswith("."):
                    continue
                stem, _, extension = name.partition(".")
                content = archive.extractfile(member) if has_contents else io.BytesIO()
                assert content is not None
                yield os.path.join(folder, stem), extension.lower(), content.read()
            _require_end(file, archive.offset)
    except OSError as error:
        raise _DamagedError(
            Message("shard-unreadable", f"cannot read: {error.strerror}; check the path")
        ) from error
    except tarfile.TarError as error:
        raise _DamagedError(
            Message(
                "shard-damaged",
                f"is damaged, or not an uncompressed tar file: {one_line(error)}; create it again",
            )
        ) from error


def _require_end(file: IO[bytes], offset: int) -> None:
    """Raise an error for a damaged header, which `tarfile` treats as the end of the archive."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE or any(block):
        raise tarfile.ReadError(f"neither a header nor the end of the archive at byte {offset}")


def _sample(shard: str, key: str, members: dict[str, bytes], suffixes: tuple[str, ...]) -> Sample:
    name = f"{shard}: {key}"
    image = next((e for e in members if f".{e.rpartition('.')[2]}" in suffixes), None)
    if image is None:
        held = ", ".join(members)
        problem = Message("shard-sample-without-image", f"has no image among its members ({held})")
        return Sample(key, name, None, problem=problem)
    try:
        return Sample(key, name, members[image], _label(members), identity=key)
    except ImageError as error:
        return Sample(key, name, None, problem=Message(error.code, str(error)))


def _label(members: dict[str, bytes]) -> int:
    """Return the class of a sample from `.cls`, or from "label" or "cls" in its `.json`.

    Raises:
        ImageError: if the class is not a whole number, 0 or more.
    """
    found: Any = None
    if "cls" in members:
        text = members["cls"].decode("utf-8", "replace").strip()
        found = int(text) if text.isascii() and text.isdecimal() else text
    elif "json" in members:
        try:
            data = json.loads(members["json"])
        except ValueError as error:
            raise ImageError(
                Message(
                    "shard-label-not-json",
                    f"its .json is not valid JSON: {one_line(error)}; create the shard again",
                )
            ) from error
        fields = data if isinstance(data, dict) else {}
        found = next((fields[name] for name in _LABEL_FIELDS if name in fields), None)
    if found is None:
        return NO_LABEL
    if type(found) is not int or found < 0:
        raise ImageError(
            Message(
                "shard-label-not-whole",
                f"its class is {json.dumps(found)}; give a whole number, 0 or more",
            )
        )
    return found
