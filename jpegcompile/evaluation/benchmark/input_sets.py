"""What both sides are timed with: files of a folder, files made for the purpose, or tensors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegcompile.errors import ImageError, UsageError
from jpegcompile.evaluation.benchmark.job import InputSet
from jpegcompile.evaluation.dataset import jpeg_files
from jpegcompile.evaluation.pillow import pillow_input, pillow_pixels
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.pixel_fallback import Fallback, PixelFallback
from jpegcompile.jpeg.pixel_image import PixelImage
from jpegcompile.jpeg.subsampling import GRAY, frame_of, subsampling_of
from jpegcompile.jpeg.unusable import ImageReader, OnError, Reading, Skipped
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.input_tensors import (
    check_usable,
    fits_inputs,
    original_input,
)
from jpegcompile.runtime.session import Session

Item = TypeVar("Item")

# As many inputs are run in turn, so that no time is that of one image.
_FEWEST = 16
_QUALITIES = (75, 90)
# What Pillow writes.
_SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0", GRAY)
# Of photographs, where they need not have the network's size.
_PHOTOGRAPHS = tuple(
    frame_of(subsampling, *size)
    for size in ((375, 500), (480, 640))
    for subsampling in ("4:2:0", "4:4:4")
)


@dataclass(frozen=True)
class Inputs:
    """What there is to run.

    Attributes:
        sets: of inputs.
        left_out: files of the folder that the compiled model does not take as they are.
        left_out_pixels: how many of these hold no coefficients that are read.
        files: of the folder that are run, some again where inputs are more; None without a folder.
        skipped: files that cannot be used, and why.
        ignored: why, for every folder that is passed over, by its path.
        pixel_fallbacks: how many of `files` go through the pixel fallback.
    """

    sets: tuple[InputSet, ...]
    left_out: int = 0
    left_out_pixels: int = 0
    files: int | None = None
    skipped: tuple[Skipped, ...] = ()
    ignored: Mapping[str, str] = field(default_factory=dict)
    pixel_fallbacks: int = 0


def gather(
    session: ImageRunner,
    images: str | os.PathLike[str] | None,
    batches: Sequence[int],
    folder: Path,
    on_error: OnError = "stop",
    *,
    tolerant: bool = False,
    fallback: Fallback = "none",
) -> Inputs:
    """Inputs for every batch size; what has to be written goes to `folder`.

    Of the files in `images` only some are run. Unless `on_error` is "stop" all are read, so that
    unusable ones change neither which of the others are run nor how many. With the fallback
    "pixels" models for tensors and for files of any size also run files of which no coefficients
    are read. Models for coefficients of one size are timed with coefficients alone: such files are
    left out.

    Raises:
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read, or no
            image is of the sampling that the model is compiled for.
        UsageError: if Pillow writes no files of that sampling, or the model has no preprocessing.
    """
    count, info = max(_FEWEST, *batches), session.info
    if images is None:
        return Inputs(_made(session, count, folder))
    listing, reader = jpeg_files(images, fallback), _reader(session, on_error, tolerant, fallback)
    files = listing.files if on_error != "stop" else _spread(listing.files, count)
    found = _spread(reader.each(files, partial(_usable, session, tolerant)), count)
    fitting = [item.file for item in found if item.fits]
    if not fitting:
        raise ImageError(
            f"{images}: holds no image of the sampling {info.subsampling} that the model is"
            " compiled for; give others, or leave --images out"
        )
    run = _repeated(fitting, count)
    if info.frame is None:
        preprocess = session.preprocess
        pixels = [pillow_input(file, preprocess, info.input, tolerant=tolerant) for file in run]
        # Each view of an image is a tensor by itself.
        tensors = np.stack(pixels).reshape(-1, *info.input.shape)
        inputs = _tensor_set("images", tensors, folder)
    else:
        # Each can be used, or was left out.
        again = _reader(session, "stop", tolerant, fallback)
        inputs = _file_set("images", run, session, folder, again)
    return Inputs(
        (inputs,),
        left_out=len(found) - len(fitting),
        left_out_pixels=sum(item.is_pixels and not item.fits for item in found),
        files=len(fitting),
        skipped=reader.skipped,
        ignored=listing.ignored,
        pixel_fallbacks=sum(item.fits and item.is_pixels for item in found),
    )


def _made(session: ImageRunner, count: int, folder: Path) -> tuple[InputSet, ...]:
    """Random tensors, or files of two qualities."""
    frame = session.info.frame
    if frame is None:
        generator = np.random.default_rng(0)
        tensors = generator.standard_normal((count, *session.info.input.shape)).astype(np.float32)
        return (_tensor_set("random tensors", tensors, folder),)
    takes_any = session.info.input.geometry.takes_any_size
    write = write_photographs if takes_any else partial(write_images, frame)
    reader = _reader(session, "stop", tolerant=False, fallback="none")
    return tuple(
        _file_set(f"quality {quality}", write(quality, count, folder), session, folder, reader)
        for quality in _QUALITIES
    )


def write_images(frame: Frame, quality: int, count: int, folder: Path) -> list[Path]:
    """JPEG files of a frame, of a photograph's spectrum.

    Args:
        frame: of the files.
        quality: of the files, as Pillow counts.
        count: of them.
        folder: that they are written to.

    Raises:
        UsageError: if Pillow writes none of that sampling.
    """
    subsampling = subsampling_of(frame)
    if subsampling not in _SUBSAMPLINGS:
        raise UsageError(
            f"images of the sampling {subsampling} cannot be made; give some with --images"
        )
    return [_write_image(frame, quality, index, folder) for index in range(count)]


def write_photographs(quality: int, count: int, folder: Path) -> list[Path]:
    """JPEG files of usual sizes, 500x375 and 640x480, each in 4:2:0 and in 4:4:4, in turn.

    The arguments are those of `write_images`.
    """
    frames = islice(cycle(_PHOTOGRAPHS), count)
    return [_write_image(frame, quality, index, folder) for index, frame in enumerate(frames)]


def _write_image(frame: Frame, quality: int, index: int, folder: Path) -> Path:
    subsampling = subsampling_of(frame)
    options = {} if subsampling == GRAY else {"subsampling": subsampling}
    path = folder / f"quality-{quality}-{index}.jpg"
    pixels = photograph_like(*frame.size, index)
    image = Image.fromarray(pixels).convert("L" if subsampling == GRAY else "RGB")
    image.save(path, "JPEG", quality=quality, **options)
    return path


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


def _reader(
    session: ImageRunner, on_error: OnError, tolerant: bool, fallback: Fallback
) -> ImageReader:
    """A reader of files that come to the network's size, of every sampling that defines pixels."""
    taken = session.info.input
    if session.info.frame is None:
        taken = taken.normalized(session.preprocess)
    color = session.preprocess.color_for(taken.channels)
    return ImageReader(
        lambda image, name: check_usable(image.frame, taken, None, name, color),
        on_error,
        tolerant=tolerant,
        fallback=PixelFallback(fallback, color),
    )


@dataclass(frozen=True)
class _Usable:
    """A file, whether it can be fed as it is, and whether through pixels."""

    file: Path
    fits: bool
    is_pixels: bool = False


def _usable(session: ImageRunner, tolerant: bool, file: Path, item: Reading) -> _Usable:
    """What is known of a file; refuses files that either side cannot decode."""
    info, frame = session.info, item.image.frame
    if isinstance(item.image, PixelImage):
        return _Usable(file, info.frame is None or info.input.is_preprocessed, is_pixels=True)
    is_preprocessed = info.input.is_preprocessed
    color = session.preprocess.color_for(info.input.channels)
    fits = is_preprocessed or fits_inputs(frame, info.frame, info.input)
    if fits and not is_preprocessed and _takes_whole_files(session) and not item.is_whole:
        raise ImageError("is damaged, and JpegDecode takes whole files only; replace the file")
    pillow_pixels(file, color, tolerant=tolerant)
    return _Usable(file, fits)


def _takes_whole_files(session: ImageRunner) -> bool:
    """Whether JpegDecode reads the files, by native kernels."""
    reads_files = isinstance(session, Session) and session.execution.library is not None
    return reads_files and session.info.input_mode == "jpeg"


def _spread(files: Sequence[Item], most: int) -> list[Item]:
    """So many files at most, evenly over all of them."""
    count = min(most, len(files))
    return [files[index * len(files) // count] for index in range(count)]


def _repeated(files: Sequence[Path], count: int) -> list[Path]:
    """So many files, again from the first on where there are fewer."""
    return [files[index % len(files)] for index in range(count)]


def _tensor_set(name: str, tensors: NDArray[np.float32], folder: Path) -> InputSet:
    path = folder / "tensors.npy"
    np.save(path, tensors)
    return InputSet(name, (), str(path))


def _file_set(
    name: str, files: Sequence[Path], session: ImageRunner, folder: Path, reader: ImageReader
) -> InputSet:
    preprocess, taken = session.preprocess, session.info.input
    tensors = [original_input(item.image, preprocess, taken) for item in reader.read(files)]
    path = folder / f"{name}.npy"
    np.save(path, np.stack(tensors))
    return InputSet(name, tuple(str(file) for file in files), str(path))
