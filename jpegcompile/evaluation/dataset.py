"""Folders of image files, with or without labels.

Files are chosen by the suffixes of their names: JPEG suffixes, and with the fallback "pixels" the
suffixes of all formats that Pillow decodes. Reading a file shows whether it is usable. Hidden
folders, and folders that file systems create, are ignored and listed.
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
from jpegcompile.messages import Message
from jpegcompile.results.merging import Shard, selected

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")

# Folders that archives, file servers, trash and file systems create.
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

# Largest number of names, and of suffixes, in a message.
_MOST_NAMES, _MOST_SUFFIXES = 5, 8


@dataclass(frozen=True)
class ImageFiles:
    """Files to read.

    Attributes:
        files: paths in the order of reading.
        ignored: reason for each ignored folder, by its path.
    """

    files: tuple[Path, ...]
    ignored: dict[str, str]

    def chosen(self, files: Iterable[str | Path] | None, shard: Shard | None) -> ImageFiles:
        """Return some of the files; arguments and errors as for `selected`."""
        chosen = selected(self.files, files, shard)
        return replace(self, files=tuple(file for file in self.files if file in chosen))


@dataclass(frozen=True)
class LabelledImages:
    """Image files with their classes.

    Attributes:
        files: paths, sorted.
        labels: class of each file; empty without labels.
        classes: class index of every folder that has a class.
        unlabelled: number of files in each folder without a class; "." is for files in no folder.
        ignored: reason for each ignored folder, by its path.
        without_class: files without a class, by folder.
    """

    files: tuple[Path, ...]
    labels: tuple[int, ...]
    classes: dict[str, int]
    unlabelled: dict[str, int]
    ignored: dict[str, str] = field(default_factory=dict)
    without_class: dict[str, tuple[Path, ...]] = field(default_factory=dict)

    def only(self, indices: Sequence[int]) -> LabelledImages:
        """Return some of the images.

        Args:
            indices: indices of the files to keep.
        """
        return replace(
            self,
            files=tuple(self.files[i] for i in indices),
            labels=tuple(self.labels[i] for i in indices) if self.labels else (),
        )

    def chosen(self, files: Iterable[str | Path] | None, shard: Shard | None) -> LabelledImages:
        """Return some of the images; the choice includes files without a class.

        Args:
            files: as for `selected`.
            shard: as for `selected`.

        Raises:
            UsageError: as `selected`, or if none of the chosen files has a class.
        """
        others = [file for part in self.without_class.values() for file in part]
        chosen = selected([*self.files, *others], files, shard)
        kept = self.only([index for index, file in enumerate(self.files) if file in chosen])
        if not kept.files:
            text = "none of the chosen files has a class; choose others, or use fewer shards"
            raise UsageError(Message("shard-without-labels", text))
        without = {
            name: tuple(file for file in part if file in chosen)
            for name, part in self.without_class.items()
        }
        counts = {name: len(part) for name, part in without.items()}
        return replace(kept, unlabelled=counts, without_class=without)


def suffixes_of(fallback: Fallback) -> tuple[str, ...]:
    """Return the suffixes of image files in lower case."""
    return JPEG_SUFFIXES if fallback == "none" else (*JPEG_SUFFIXES, *image_suffixes())


def jpeg_files(images: str | os.PathLike[str], fallback: Fallback = "none") -> ImageFiles:
    """Return every JPEG file below a folder, sorted by path.

    Args:
        images: a folder, or one file with any suffix.
        fallback: "pixels" to return all files that Pillow decodes.

    Raises:
        AccessError: if the folder is missing or contains no such file.
    """
    root = Path(images)
    suffixes = suffixes_of(fallback)
    if root.is_file():
        return ImageFiles((root,), {})
    if not root.is_dir():
        text = f"{root}: no such folder; give a folder of {_kind(fallback)} files"
        raise AccessError(Message("images-folder-missing", text))
    ignored: dict[str, str] = {}
    files = _below(root, suffixes, ignored)
    if not files:
        some = ", ".join(suffixes[:_MOST_SUFFIXES])
        text = f"{root}: contains no {_kind(fallback)} files ({some}); give a folder with some"
        raise AccessError(Message("images-folder-empty", text))
    return ImageFiles(tuple(files), ignored)


def labelled_images(
    folder: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None = None,
    outputs: Callable[[], int] | None = None,
    fallback: Fallback = "none",
) -> LabelledImages:
    """Return images from a folder with one folder for each class.

    Args:
        folder: folder with one folder for each class.
        labels: JSON file that maps folder names to class indices. Default: classes are numbered in
            the sorted order of the folder names. Folders without a class are skipped and counted.
        outputs: returns the number of classes of the network. It is called only without `labels`,
            if a folder is empty. Without this function, an empty folder keeps its number.
        fallback: "pixels" to include files of all formats that Pillow decodes.

    Raises:
        AccessError: if a folder or file cannot be read, or no image has a class.
        UsageError: if the labels are not a JSON object of integers, or the classes cannot be
            numbered because folders are empty.
    """
    root = Path(folder)
    if not root.is_dir():
        text = f"{root}: no such folder; give a folder with one folder for each class"
        raise AccessError(Message("class-folders-missing", text))
    wanted = None if labels is None else read_labels(Path(labels))
    ignored: dict[str, str] = {}
    suffixes, kind = suffixes_of(fallback), _kind(fallback)
    folders, loose = _class_folders(root, wanted or {}, suffixes, ignored)
    members = {name: _below(root / name, suffixes, ignored) for name in folders}
    classes = _numbered(root, members, kind, ignored, outputs) if wanted is None else wanted
    without_class = {
        name: tuple(files)
        for name, files in members.items()
        if name not in classes and str(root / name) not in ignored
    }
    if loose:
        without_class["."] = tuple(loose)
    chosen = [
        (file, classes[name]) for name in members if name in classes for file in members[name]
    ]
    if not chosen:
        text = (
            f"{root}: contains no {kind} files in folders that have a class; put the images of each"
            " class into a folder of its own"
        )
        raise AccessError(Message("no-labelled-images", text))
    files, numbers = zip(*chosen, strict=True)
    counts = {name: len(part) for name, part in without_class.items()}
    return LabelledImages(files, numbers, classes, counts, ignored, without_class)


def has_no_folders(folder: str | os.PathLike[str], fallback: Fallback = "none") -> bool:
    """Whether a folder contains image files, but none of its subfolders does."""
    root, suffixes = Path(folder), suffixes_of(fallback)
    if root.is_file():
        return True
    if not root.is_dir():
        return False
    folders, loose = _class_folders(root, (), suffixes, {})
    return bool(loose) and not any(_below(root / name, suffixes, {}) for name in folders)


def unlabelled_images(
    folder: str | os.PathLike[str], fallback: Fallback = "none"
) -> LabelledImages:
    """Return every image file below a folder, without labels.

    Raises:
        AccessError: as `jpeg_files`.
    """
    listing = jpeg_files(folder, fallback)
    return LabelledImages(listing.files, (), {}, {}, ignored=listing.ignored)


def read_labels(path: Path) -> dict[str, int]:
    """Read class indices by name from a JSON file.

    Args:
        path: path of the file.

    Raises:
        AccessError: if the file cannot be read.
        UsageError: if it is not a JSON object of integers.
    """
    data: Any = read_json(path, "labels")
    form = 'give a JSON object like {"folder": class index}, with whole numbers from 0 on'
    if not isinstance(data, dict):
        raise UsageError(Message("labels-not-an-object", f"{path}: is not a JSON object; {form}"))
    for name, value in data.items():
        if type(value) is not int or value < 0:
            text = f"{path}: the class of '{name}' is {json.dumps(value)}; {form}"
            raise UsageError(Message("label-not-a-class", text))
    return data


def _class_folders(
    root: Path, named: Iterable[str], suffixes: tuple[str, ...], ignored: dict[str, str]
) -> tuple[list[str], list[Path]]:
    """Return the sorted folders that may be classes, and the image files next to them.

    A folder may be a class if it is visible, or if the labels name it.
    """
    try:
        names = sorted(os.listdir(root))
    except OSError as error:
        text = f"{root}: cannot read: {error.strerror}; check the path"
        raise AccessError(Message("class-folders-unreadable", text)) from error
    folders: list[str] = []
    loose: list[Path] = []
    for name in names:
        if not os.path.isdir(root / name):
            loose += [root / name] if _has_suffix(name, suffixes) else []
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
    """Number the classes in the order of the folder names.

    An empty folder may be a class without images, or no class at all. The number of the network's
    classes decides.
    """
    empty = [name for name, files in members.items() if not files]
    names = list(members)
    if empty and outputs is not None and (count := outputs()) != len(names):
        names = [name for name in names if name not in empty]
        if count != len(names):
            some = ", ".join(repr(name) for name in empty[:_MOST_NAMES])
            rest = f" and {len(empty) - _MOST_NAMES} more" if len(empty) > _MOST_NAMES else ""
            text = (
                f"{root}: has {len(members)} folders, {len(empty)} of them without a {kind} file"
                f" ({some}{rest}), and the model has {count} classes, so the classes of the folders"
                " are unknown; map folders to classes with --labels"
            )
            raise UsageError(Message("classes-ambiguous", text))
        ignored.update({str(root / name): f"contains no {kind} file" for name in empty})
    return {name: index for index, name in enumerate(names)}


def _below(folder: Path, suffixes: tuple[str, ...], ignored: dict[str, str]) -> list[Path]:
    """Return every path below a folder with a suffix of image files, sorted.

    The result includes broken links and other paths that are not files, and folders with such a
    suffix that contain no image file. A folder that cannot be listed is returned in place of its
    files. Links to folders are not followed.
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
    """Return why a folder of this name is not part of a data set; None if it is."""
    if folder.startswith("."):
        return HIDDEN
    return LEFT_BEHIND if folder in _LEFT_BEHIND else None
