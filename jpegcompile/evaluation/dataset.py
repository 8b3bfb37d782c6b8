"""Folders of JPEG files, with or without labels."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jpegcompile.errors import AccessError, UsageError
from jpegcompile.files import read_json

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")


@dataclass(frozen=True)
class LabelledImages:
    """Files with their class.

    Attributes:
        files, labels: in step, sorted by path.
        classes: class index of every folder that has one.
        skipped: number of files in each folder that has none.
    """

    files: tuple[Path, ...]
    labels: tuple[int, ...]
    classes: dict[str, int]
    skipped: dict[str, int]


def jpeg_files(folder: str | os.PathLike[str]) -> list[Path]:
    """Every JPEG file below a folder, sorted by path; a file stands for itself.

    Raises:
        AccessError: if the folder is missing or holds no JPEG file.
    """
    root = Path(folder)
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise AccessError(f"{root}: no such folder; give a folder of JPEG files")
    files = sorted(
        path for path in root.rglob("*") if path.suffix.lower() in JPEG_SUFFIXES and path.is_file()
    )
    if not files:
        raise AccessError(
            f"{root}: holds no JPEG files ({', '.join(JPEG_SUFFIXES)}); give a folder with some"
        )
    return files


def labelled_images(
    folder: str | os.PathLike[str], labels: str | os.PathLike[str] | None = None
) -> LabelledImages:
    """Images of a folder per class.

    Args:
        folder: has one folder a class.
        labels: JSON file that maps folder names to class indices; without it classes are numbered
            in the order of their names. Folders without a class are skipped and counted.

    Raises:
        AccessError: if a folder or file cannot be read, or no image has a class.
        UsageError: if the labels are not a JSON object of integers.
    """
    root = Path(folder)
    if not root.is_dir():
        raise AccessError(f"{root}: no such folder; give a folder with one folder a class")
    folders = sorted(path.name for path in root.iterdir() if path.is_dir())
    classes = {name: index for index, name in enumerate(folders)}
    if labels is not None:
        classes = read_labels(Path(labels))
    files: list[Path] = []
    numbers: list[int] = []
    skipped: dict[str, int] = {}
    for name in folders:
        members = [p for p in sorted((root / name).rglob("*")) if p.suffix.lower() in JPEG_SUFFIXES]
        if name in classes:
            files += members
            numbers += [classes[name]] * len(members)
        else:
            skipped[name] = len(members)
    if not files:
        raise AccessError(
            f"{root}: holds no JPEG files in folders that have a class;"
            " put the images of each class into a folder of its own"
        )
    return LabelledImages(tuple(files), tuple(numbers), classes, skipped)


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
