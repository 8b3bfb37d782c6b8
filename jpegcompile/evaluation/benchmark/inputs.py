"""What both sides are timed with: files of a folder, files made for the purpose, or tensors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegcompile.backends.metadata import InputInfo
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.evaluation.benchmark.job import InputSet
from jpegcompile.evaluation.dataset import jpeg_files
from jpegcompile.evaluation.spatial import float_batch, pillow_batch
from jpegcompile.preprocess import Preprocess
from jpegcompile.runtime.coefficients import read_coefficients_many
from jpegcompile.runtime.inputs import check_size, fits_inputs, preprocess_in
from jpegcompile.runtime.session import Session
from jpegcompile.subsampling import GRAY

# As many inputs are run in turn, so that no time is that of one image.
_FEWEST = 16
_QUALITIES = (75, 90)
# What Pillow writes.
_SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0", GRAY)


@dataclass(frozen=True)
class Inputs:
    """What there is to run.

    Attributes:
        sets: of inputs.
        left_out: files of the folder that the compiled model does not take as they are.
        files: of the folder that are run, some again where inputs are more; None without a folder.
    """

    sets: tuple[InputSet, ...]
    left_out: int = 0
    files: int | None = None


def gather(
    session: Session,
    images: str | os.PathLike[str] | None,
    batches: Sequence[int],
    folder: Path,
) -> Inputs:
    """Inputs for every batch size; what has to be written goes to `folder`.

    Raises:
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read, or no
            image is of the sampling that the model is compiled for.
        UsageError: if Pillow writes no files of that sampling, or the model has no preprocessing.
    """
    count, info = max(_FEWEST, *batches), session.info.input
    if info.mode == "tensor":
        if images is None:
            generator = np.random.default_rng(0)
            tensors = generator.standard_normal((count, *_shape(info))).astype(np.float32)
            return Inputs((_tensor_set("random tensors", tensors, folder),))
        files = _spread(jpeg_files(images), count)
        _read(files, info)
        tensors = pillow_batch(_repeated(files, count), preprocess_in(session.info), info)
        return Inputs((_tensor_set("images", tensors, folder),), files=len(files))
    preprocess = preprocess_in(session.info)
    if images is None:
        return Inputs(
            tuple(
                _file_set(f"quality {quality}", files, preprocess, info, folder)
                for quality in _QUALITIES
                for files in [write_images(info, quality, count, folder)]
            )
        )
    found = _spread(jpeg_files(images), count)
    fitting = [file for file, fits in zip(found, _read(found, info), strict=True) if fits]
    if not fitting:
        raise ImageError(
            f"{images}: holds no image of the sampling {info.subsampling} that the model is"
            " compiled for; give others, or leave --images out"
        )
    inputs = _file_set("images", _repeated(fitting, count), preprocess, info, folder)
    return Inputs((inputs,), len(found) - len(fitting), len(fitting))


def write_images(info: InputInfo, quality: int, count: int, folder: Path) -> list[Path]:
    """JPEG files as large and as subsampled as a model takes, of a photograph's spectrum.

    Args:
        info: the model's image input.
        quality: of the files, as Pillow counts.
        count: of them.
        folder: that they are written to.

    Raises:
        UsageError: if Pillow writes none of that sampling.
    """
    if info.subsampling not in _SUBSAMPLINGS:
        raise UsageError(
            f"images of the sampling {info.subsampling} cannot be made; give some with --images"
        )
    options = {} if info.subsampling == GRAY else {"subsampling": info.subsampling}
    paths = []
    for index in range(count):
        path = folder / f"quality-{quality}-{index}.jpg"
        pixels = photograph_like(info.height, info.width, index)
        image = Image.fromarray(pixels).convert("L" if info.subsampling == GRAY else "RGB")
        image.save(path, "JPEG", quality=quality, **options)
        paths.append(path)
    return paths


def photograph_like(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Pixels [H, W, 3] of smooth noise in which every octave of frequencies has the same power.

    So it is in photographs (Field 1987), whose power falls with the square of the frequency.
    """
    generator = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    cell = 1
    while cell < max(height, width):
        rows, columns = -(-height // cell) + 1, -(-width // cell) + 1
        coarse = generator.uniform(-1, 1, (3, rows, columns)).astype(np.float32)
        # Colours of a photograph differ less than its brightness.
        coarse[1:] = 0.3 * coarse[1:] + coarse[0]
        planes = [
            Image.fromarray(plane).resize((columns * cell, rows * cell), Image.Resampling.BICUBIC)
            for plane in coarse
        ]
        total += np.stack([np.asarray(plane)[:height, :width] for plane in planes], -1)
        cell *= 2
    return np.clip(128 + 16 * total, 0, 255).astype(np.uint8)


def _shape(info: InputInfo) -> tuple[int, int, int]:
    plane = (info.height, info.width)
    return (*plane, info.channels) if info.layout == "NHWC" else (info.channels, *plane)


def _spread(files: Sequence[Path], most: int) -> list[Path]:
    """So many files at most, evenly over all of them."""
    count = min(most, len(files))
    return [files[index * len(files) // count] for index in range(count)]


def _repeated(files: Sequence[Path], count: int) -> list[Path]:
    """So many files, again from the first on where there are fewer."""
    return [files[index % len(files)] for index in range(count)]


def _read(files: Sequence[Path], info: InputInfo) -> list[bool]:
    """Whether each file can be fed as it is; checks the sizes."""
    images = read_coefficients_many(files)
    for file, image in zip(files, images, strict=True):
        check_size(image, info, str(file))
    return [info.mode == "tensor" or fits_inputs(image, info) for image in images]


def _tensor_set(name: str, tensors: NDArray[np.float32], folder: Path) -> InputSet:
    path = folder / "tensors.npy"
    np.save(path, tensors)
    return InputSet(name, (), str(path))


def _file_set(
    name: str, files: Sequence[Path], preprocess: Preprocess, info: InputInfo, folder: Path
) -> InputSet:
    path = folder / f"{name}.npy"
    np.save(path, float_batch(read_coefficients_many(files), preprocess, info))
    return InputSet(name, tuple(str(file) for file in files), str(path))
