"""Samples for the images of a folder, with or without labels."""

from __future__ import annotations

import os
from pathlib import Path

from jpegcompile.data.sample import NO_LABEL, Sample
from jpegcompile.evaluation.dataset import (
    LabelledImages,
    has_no_folders,
    labelled_images,
    unlabelled_images,
)
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.read import source_name


def folder_images(
    folder: str | os.PathLike[str], labels: str | os.PathLike[str] | None, fallback: Fallback
) -> LabelledImages:
    """Return the image files of a folder, sorted by path (see `docs/datasets.md`).

    Args:
        folder: folder with one folder per class, or folder of image files without labels.
        labels: JSON file that maps folder names to class indices. Default: classes are numbered in
            the sorted order of the folder names.
        fallback: "pixels" includes files of all formats that Pillow decodes.

    Raises:
        AccessError, UsageError: as `labelled_images`.
    """
    if labels is None and has_no_folders(folder, fallback):
        return unlabelled_images(folder, fallback)
    return labelled_images(folder, labels, fallback=fallback)


def file_samples(files: tuple[Path, ...], labels: tuple[int, ...] = ()) -> list[Sample]:
    """Return samples for files. The keys are the paths.

    Args:
        files: paths.
        labels: label of each file; if empty, files have no labels.
    """
    numbers = labels or (NO_LABEL,) * len(files)
    return [
        Sample(os.fspath(file), source_name([file], 0), file, label, identity=str(index))
        for index, (file, label) in enumerate(zip(files, numbers, strict=True))
    ]
