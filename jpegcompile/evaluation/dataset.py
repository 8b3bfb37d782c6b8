"""Folders of image files, with or without labels.

A file counts by the end of its name; whether it can be used comes out when it is read. With the
fallback "pixels" names of all formats that Pillow decodes count, and else those of JPEG. Hidden
folders, and those that systems leave behind, are no part of a data set: they are ignored and named.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jpegcompile.errors import AccessError, UsageError
from jpegcompile.files import read_json
from jpegcompile.jpeg.pixel_fallback import Fallback, image_suffixes

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")

# Folders of archives, of file servers, of trash and of file systems, which nobody made on purpose.
_LEFT_BEHIND = (
    "__MACOSX",
    "@eaDir",
    "#recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    "__pycache__",
)
HIDDEN, LEFT_BEHIND = "hidden", "left by a system"

# Names in a message, and ends of names.
_MOST_NAMES, _MOST_SUFFIXES = 5, 8


@dataclass(frozen=True)
class ImageFiles:
    """What is to be read.

    Attributes:
        files: in the order that they are read in.
        ignored: why, for every folder that is passed over, by its path.
    """

    files: tuple[Path, ...]
    ignored: dict[str, str]


@dataclass(frozen=True)
class LabelledImages:
    """Files with their class.

    Attributes:
        files: sorted by path.
        labels: of the files, in step; none at all where files have no labels.
        classes: class index of every folder that has one.
        unlabelled: number of files in each folder that has none; "." is for those in no folder.
        ignored: why, for every folder that is passed over, by its path.
    """

    files: tuple[Path, ...]
    labels: tuple[int, ...]
    classes: dict[str, int]
    unlabelled: dict[str, int]
    ignored: dict[str, str] = field(default_factory=dict)

    def only(self, indices: Sequence[int]) -> LabelledImages:
        """The same with some of the files."""
        return replace(
            self,
            files=tuple(self.files[i] for i in indices),
            labels=tuple(self.labels[i] for i in indices) if self.labels else (),
        )


def suffixes_of(fallback: Fallback) -> tuple[str, ...]:
    """How names of the files end that count, in lower case."""
    return JPEG_SUFFIXES if fallback == "none" else (*JPEG_SUFFIXES, *image_suffixes())


def jpeg_files(images: str | os.PathLike[str], fallback: Fallback = "none") -> ImageFiles:
    """Every JPEG file below a folder, sorted by path; a file stands for itself.

    With the fallback "pixels" every file that Pillow decodes counts.

    Raises:
        AccessError: if the folder is missing or holds no such file.
    """
    root = Path(images)
    suffixes = suffixes_of(fallback)
    if root.is_file():
        return ImageFiles((root,), {})
    if not root.is_dir():
        raise AccessError(f"{root}: no such folder; give a folder of {_kind(fallback)} files")
    ignored: dict[str, str] = {}
    files = _below(root, suffixes, ignored)
    if not files:
        raise AccessError(
            f"{root}: holds no {_kind(fallback)} files ({', '.join(suffixes[:_MOST_SUFFIXES])});"
            " give a folder with some"
        )
    return ImageFiles(tuple(files), ignored)


def labelled_images(
    folder: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None = None,
    outputs: Callable[[], int] | None = None,
    fallback: Fallback = "none",
) -> LabelledImages:
    """Images of a folder per class.

    Args:
        folder: has one folder a class.
        labels: JSON file that maps folder names to class indices; without it classes are numbered
            in the order of their names. Folders without a class are skipped and counted.
        outputs: number of classes that the network has; only asked where there are no labels and
            a folder holds no JPEG file, and without it such a folder keeps its number.
        fallback: "pixels" to count files of all formats that Pillow decodes.

    Raises:
        AccessError: if a folder or file cannot be read, or no image has a class.
        UsageError: if the labels are not a JSON object of integers, or folders without a JPEG file
            leave open which class is which.
    """
    root = Path(folder)
    if not root.is_dir():
        raise AccessError(f"{root}: no such folder; give a folder with one folder a class")
    wanted = None if labels is None else read_labels(Path(labels))
    ignored: dict[str, str] = {}
    suffixes, kind = suffixes_of(fallback), _kind(fallback)
    folders, loose = _class_folders(root, wanted or {}, suffixes, ignored)
    members = {name: _below(root / name, suffixes, ignored) for name in folders}
    classes = _numbered(root, members, kind, ignored, outputs) if wanted is None else wanted
    unlabelled = {
        name: len(files)
        for name, files in members.items()
        if name not in classes and str(root / name) not in ignored
    }
    if loose:
        unlabelled["."] = loose
    chosen = [
        (file, classes[name]) for name in members if name in classes for file in members[name]
    ]
    if not chosen:
        raise AccessError(
            f"{root}: holds no {kind} files in folders that have a class;"
            " put the images of each class into a folder of its own"
        )
    files, numbers = zip(*chosen, strict=True)
    return LabelledImages(files, numbers, classes, unlabelled, ignored)


def has_no_folders(folder: str | os.PathLike[str], fallback: Fallback = "none") -> bool:
    """Whether there are files that count, and none of them lies in a folder below that one."""
    root, suffixes = Path(folder), suffixes_of(fallback)
    if root.is_file():
        return True
    if not root.is_dir():
        return False
    folders, loose = _class_folders(root, (), suffixes, {})
    return loose > 0 and not any(_below(root / name, suffixes, {}) for name in folders)


def unlabelled_images(
    folder: str | os.PathLike[str], fallback: Fallback = "none"
) -> LabelledImages:
    """Every file below a folder that counts, without labels.

    Raises:
        AccessError: as `jpeg_files`.
    """
    listing = jpeg_files(folder, fallback)
    return LabelledImages(listing.files, (), {}, {}, ignored=listing.ignored)


def read_labels(path: Path) -> dict[str, int]:
    """Class index by name, from a JSON file.

    Raises:
        AccessError: if the file cannot be read.
        UsageError: if it is not a JSON object of integers.
    """
    data: Any = read_json(path, "labels")
    form = 'labels are a JSON object like {"folder": class index}, of whole numbers from 0 on'
    if not isinstance(data, dict):
        raise UsageError(f"{path}: is no object; {form}")
    for name, value in data.items():
        if type(value) is not int or value < 0:
            raise UsageError(f"{path}: the class of '{name}' is {json.dumps(value)}; {form}")
    return data


def _class_folders(
    root: Path, named: Iterable[str], suffixes: tuple[str, ...], ignored: dict[str, str]
) -> tuple[list[str], int]:
    """Folders that may be classes, sorted: those that are visible, or named by labels.

    The second value is the number of files beside them that count.
    """
    try:
        names = sorted(os.listdir(root))
    except OSError as error:
        raise AccessError(f"{root}: cannot read: {error.strerror}; check the path") from error
    folders, loose = [], 0
    for name in names:
        if not os.path.isdir(root / name):
            loose += _has_suffix(name, suffixes)
            continue
        reason = None if name in named else _no_data(name)
        if reason is None:
            folders.append(name)
        else:
            ignored[str(root / name)] = reason
    return folders, loose


def _numbered(
    root: Path,
    members: dict[str, list[Path]],
    kind: str,
    ignored: dict[str, str],
    outputs: Callable[[], int] | None,
) -> dict[str, int]:
    """Classes in the order of the folders' names.

    Whether an empty folder is a class that has no image here, or none at all, the network tells:
    it has as many outputs as there are classes.
    """
    empty = [name for name, files in members.items() if not files]
    names = list(members)
    if empty and outputs is not None and (count := outputs()) != len(names):
        names = [name for name in names if name not in empty]
        if count != len(names):
            some = ", ".join(repr(name) for name in empty[:_MOST_NAMES])
            rest = f" and {len(empty) - _MOST_NAMES} more" if len(empty) > _MOST_NAMES else ""
            raise UsageError(
                f"{root}: has {len(members)} folders, {len(empty)} of them without a {kind} file"
                f" ({some}{rest}), and the model has {count} classes: which folder is which class"
                " is open; map folders to classes with --labels"
            )
        ignored.update({str(root / name): f"holds no {kind} file" for name in empty})
    return {name: index for index, name in enumerate(names)}


def _below(folder: Path, suffixes: tuple[str, ...], ignored: dict[str, str]) -> list[Path]:
    """Everything below a folder that is called as a file that counts, sorted by path.

    That may be a link that leads nowhere or something else that is no file; a folder of such a name
    counts if it holds none. A folder that cannot be listed stands for the files in it. Links to
    folders are not followed.
    """
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return [folder]
    files: list[Path] = []
    for entry in listed:
        path = folder / entry.name
        inner: list[Path] = []
        if entry.is_dir(follow_symlinks=False):
            reason = _no_data(entry.name)
            if reason is not None:
                ignored[str(path)] = reason
                continue
            inner = _below(path, suffixes, ignored)
        files += inner or ([path] if _has_suffix(entry.name, suffixes) else [])
    return files


def _has_suffix(name: str, suffixes: tuple[str, ...]) -> bool:
    return os.path.splitext(name)[1].lower() in suffixes


def _kind(fallback: Fallback) -> str:
    return "JPEG" if fallback == "none" else "image"


def _no_data(folder: str) -> str | None:
    """Why a folder is no part of a data set, by its name; None if it is one."""
    if folder.startswith("."):
        return HIDDEN
    return LEFT_BEHIND if folder in _LEFT_BEHIND else None
