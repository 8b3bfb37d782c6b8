"""The inputs of a benchmark: files of a folder, generated files, or tensors."""

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
from jpegcompile.messages import Message
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.input_tensors import (
    check_usable,
    fits_inputs,
    original_input,
)
from jpegcompile.runtime.session import Session

Item = TypeVar("Item")

# Smallest number of inputs, so that no time depends on a single image.
_FEWEST = 16
_QUALITIES = (75, 90)
# Chroma samplings that Pillow writes.
_SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0", GRAY)
# Generated photographs for models that read images of any size.
_PHOTOGRAPHS = tuple(
    frame_of(subsampling, *size)
    for size in ((375, 500), (480, 640))
    for subsampling in ("4:2:0", "4:4:4")
)


@dataclass(frozen=True)
class InputSets:
    """The inputs of a benchmark.

    Attributes:
        sets: sets of inputs.
        left_out: number of files of the folder that the compiled model cannot read directly.
        left_out_pixels: number of these files without readable coefficients.
        files: number of files of the folder that are run; some run repeatedly to fill the inputs.
            None without a folder.
        skipped: unusable files with reasons.
        ignored: reason for each ignored folder, by its path.
        pixel_fallbacks: number of `files` that use the pixel fallback.
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
) -> InputSets:
    """Return inputs for every batch size.

    Only some of the files in `images` are run. Unless `on_error` is "stop", all files are read, so
    that unusable files change neither the choice nor the number of the other files. With the
    fallback "pixels", models for tensors and for files of any size also run files without readable
    coefficients. Models for coefficients of one size are timed with coefficients only, and such
    files are left out.

    Args:
        session: session of the compiled model.
        images: folder of JPEG files; None for generated inputs.
        batches: batch sizes.
        folder: folder for generated files.
        on_error: what to do with unusable files: "stop", "skip" or "report".
        tolerant: whether to use the readable part of damaged files.
        fallback: fallback for files without readable coefficients.

    Raises:
        ImageError: if an image is damaged or has another size, or no image has the sampling of the
            compiled model.
        AccessError: if an image cannot be read.
        UsageError: if Pillow cannot write files of the sampling, or the model has no preprocessing.
    """
    count, info = max(_FEWEST, *batches), session.info
    if images is None:
        return InputSets(_made(session, count, folder))
    listing, reader = jpeg_files(images, fallback), _reader(session, on_error, tolerant, fallback)
    files = listing.files if on_error != "stop" else _spread(listing.files, count)
    found = _spread(reader.each(files, partial(_usable, session, tolerant)), count)
    fitting = [item.file for item in found if item.fits]
    if not fitting:
        text = (
            f"{images}: contains no image with the sampling {info.subsampling} of the compiled"
            " model; give another folder, or leave --images out"
        )
        raise ImageError(Message("bench-no-image-of-sampling", text))
    run = _repeated(fitting, count)
    if info.frame is None:
        preprocess = session.preprocess
        pixels = [pillow_input(file, preprocess, info.input, tolerant=tolerant) for file in run]
        # Each view of an image is a separate tensor.
        tensors = np.stack(pixels).reshape(-1, *info.input.shape)
        inputs = _tensor_set("images", tensors, folder)
    else:
        # Unusable files were left out above.
        again = _reader(session, "stop", tolerant, fallback)
        inputs = _file_set("images", run, session, folder, again)
    return InputSets(
        (inputs,),
        left_out=len(found) - len(fitting),
        left_out_pixels=sum(item.is_pixels and not item.fits for item in found),
        files=len(fitting),
        skipped=reader.skipped,
        ignored=listing.ignored,
        pixel_fallbacks=sum(item.fits and item.is_pixels for item in found),
    )


def _made(session: ImageRunner, count: int, folder: Path) -> tuple[InputSet, ...]:
    """Return random tensors, or generated files of two qualities."""
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
    """Write JPEG files of a frame, with the spectrum of photographs.

    Args:
        frame: frame of the files.
        quality: quality of the files, for Pillow.
        count: number of files.
        folder: folder to write to.

    Raises:
        UsageError: if Pillow cannot write the sampling of the frame.
    """
    subsampling = subsampling_of(frame)
    if subsampling not in _SUBSAMPLINGS:
        text = f"cannot generate images with the sampling {subsampling}; give images with --images"
        raise UsageError(Message("bench-sampling-not-generated", text))
    return [_write_image(frame, quality, index, folder) for index in range(count)]


def write_photographs(quality: int, count: int, folder: Path) -> list[Path]:
    """Write JPEG files of 500x375 and 640x480 pixels, alternating between 4:2:0 and 4:4:4.

    Args:
        quality: quality of the files, for Pillow.
        count: number of files.
        folder: folder to write to.
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
    """Return pixels [H, W, 3] of noise with the same power in every octave of frequencies.

    Photographs have this spectrum (Field 1987): their power falls with the square of the frequency.
    Equal arguments give equal pixels.
    """
    generator = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    cell = 1
    while cell < max(height, width):
        rows, columns = -(-height // cell) + 1, -(-width // cell) + 1
        coarse = generator.uniform(-1, 1, (3, rows, columns)).astype(np.float32)
        # Color varies less than brightness in photographs.
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
    """Return a reader of files that preprocessing brings to the network's size."""
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
    """A usable file.

    Attributes:
        file: path of the file.
        fits: whether the compiled model can read it directly.
        is_pixels: whether it has no readable coefficients.
    """

    file: Path
    fits: bool
    is_pixels: bool = False


def _usable(session: ImageRunner, tolerant: bool, file: Path, item: Reading) -> _Usable:
    """Return how a file can be used.

    Raises:
        ImageError: if one of the sides cannot decode the file.
    """
    info, frame = session.info, item.image.frame
    if isinstance(item.image, PixelImage):
        return _Usable(file, info.frame is None or info.input.is_preprocessed, is_pixels=True)
    is_preprocessed = info.input.is_preprocessed
    color = session.preprocess.color_for(info.input.channels)
    fits = is_preprocessed or fits_inputs(frame, info.frame, info.input)
    if fits and not is_preprocessed and _takes_whole_files(session) and not item.is_whole:
        text = "is damaged, and JpegDecode reads complete files only; replace the file"
        raise ImageError(Message("bench-damaged-file", text))
    pillow_pixels(file, color, tolerant=tolerant)
    return _Usable(file, fits)


def _takes_whole_files(session: ImageRunner) -> bool:
    """Return whether the native kernel of JpegDecode reads the files."""
    reads_files = isinstance(session, Session) and session.execution.library is not None
    return reads_files and session.info.input_mode == "jpeg"


def _spread(files: Sequence[Item], most: int) -> list[Item]:
    """Return at most `most` files, evenly chosen from all of them."""
    count = min(most, len(files))
    return [files[index * len(files) // count] for index in range(count)]


def _repeated(files: Sequence[Path], count: int) -> list[Path]:
    """Return `count` files, repeated from the first one if there are fewer."""
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
