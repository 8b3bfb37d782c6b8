"""Tar files of samples as WebDataset has them, read from start to end by the standard library.

Consecutive members whose names agree up to the first dot behind the last slash are one sample, and
that part of the name is its key: `dog/0001.jpg` with `dog/0001.cls` or `dog/0001.json`.
"""

from __future__ import annotations

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

# Formats that are images whether or not they can be used, so that the error says what they are.
_OTHER_IMAGES = (".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_LABEL_FIELDS = ("label", "cls")

# Key, extension and content of a member.
Member = tuple[str, str, bytes]


class _DamagedError(Exception):
    """A shard cannot be read any further."""


def shard_samples(path: str, fallback: Fallback) -> Iterator[Sample]:
    """The samples of a shard, in its order.

    A shard that cannot be opened, or is damaged, gives what stands before the damage, and then a
    sample that says what is wrong.

    Args:
        path: of an uncompressed tar file.
        fallback: as for `folder_samples`.
    """
    suffixes = (*suffixes_of(fallback), *_OTHER_IMAGES)
    shard = source_name([path], 0)
    key, held, damage = "", dict[str, bytes](), ""
    try:
        for name, extension, content in _members(path):
            if held and name != key:
                yield _sample(shard, key, held, suffixes)
                held = {}
            key, held[extension] = name, content
    except _DamagedError as error:
        damage = str(error)
    if held:
        yield _sample(shard, key, held, suffixes)
    if damage:
        yield Sample(path, shard, None, problem=damage)


def _members(path: str) -> Iterator[Member]:
    """Files of a shard but hidden ones.

    Raises:
        _DamagedError: saying what is wrong, and what to do.
    """
    try:
        with open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            while (member := archive.next()) is not None:
                # The archive would keep every header that it has read.
                archive.members.clear()  # type: ignore[attr-defined]
                folder, name = os.path.split(member.name)
                if not member.isfile() or name.startswith("."):
                    continue
                stem, _, extension = name.partition(".")
                content = archive.extractfile(member)
                assert content is not None
                yield os.path.join(folder, stem), extension.lower(), content.read()
            _require_end(file, archive.offset)
    except OSError as error:
        raise _DamagedError(f"cannot read: {error.strerror}; check the path") from error
    except tarfile.TarError as error:
        raise _DamagedError(
            f"is damaged, or no uncompressed tar file: {one_line(error)}; make it again"
        ) from error


def _require_end(file: IO[bytes], offset: int) -> None:
    """The standard library takes a header that is damaged for the end of an archive."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE or any(block):
        raise tarfile.ReadError(f"no header and no end of the archive at byte {offset}")


def _sample(shard: str, key: str, members: dict[str, bytes], suffixes: tuple[str, ...]) -> Sample:
    name = f"{shard}: {key}"
    image = next((e for e in members if f".{e.rpartition('.')[2]}" in suffixes), None)
    if image is None:
        held = ", ".join(members)
        return Sample(key, name, None, problem=f"has no image among its members ({held})")
    try:
        return Sample(key, name, members[image], _label(members))
    except ImageError as error:
        return Sample(key, name, None, problem=str(error))


def _label(members: dict[str, bytes]) -> int:
    """The class of a sample by `.cls`, or by "label" or "cls" in its `.json`.

    Raises:
        ImageError: if that is no whole number from 0 on.
    """
    found: Any = None
    if "cls" in members:
        text = members["cls"].decode("utf-8", "replace").strip()
        found = int(text) if text.isascii() and text.isdecimal() else text
    elif "json" in members:
        try:
            data = json.loads(members["json"])
        except ValueError as error:
            raise ImageError(f"its .json is no JSON: {one_line(error)}") from error
        fields = data if isinstance(data, dict) else {}
        found = next((fields[name] for name in _LABEL_FIELDS if name in fields), None)
    if found is None:
        return NO_LABEL
    if type(found) is not int or found < 0:
        raise ImageError(f"its class is {json.dumps(found)}; give a whole number from 0 on")
    return found
