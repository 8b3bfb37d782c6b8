"""A batch in the making: images are added, and what cannot be used leaves no gap."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.data.target import Target
from jpegcompile.errors import AccessError, ImageError
from jpegcompile.interface import CHROMA, LUMA, QUANTIZATION
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.packed import PackedBatch
from jpegcompile.jpeg.pixel_fallback import Fallback, PixelFallback
from jpegcompile.jpeg.read import ImageSource, read_coefficients_many, source_name
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.runtime.inputs import check_usable, coefficient_feeds, fits_inputs
from jpegcompile.runtime.pixel_input import network_tensor
from jpegcompile.runtime.preprocessor import Preprocessor

Error = ImageError | AccessError
Errors = dict[int, Error]
Inputs = Tensor | dict[str, Tensor] | PackedBatch


@dataclass(frozen=True)
class ReadOptions:
    """How images are read.

    Attributes:
        threads: that share the work on a batch.
        tolerant: as for `read_coefficients`.
        fallback: as for `Session.run`.
        max_pixels: as for `read_coefficients`.
        dtype: of tensors.
        pin: whether tensors are in page-locked memory.
    """

    threads: int
    tolerant: bool
    fallback: Fallback
    max_pixels: int
    dtype: torch.dtype
    pin: bool


class Filling(ABC):
    """A batch that is being filled.

    Attributes:
        pixel_fallbacks: images added so far that went through the pixel fallback.
    """

    pixel_fallbacks: int = 0

    @abstractmethod
    def add(self, sources: Sequence[ImageSource]) -> Errors:
        """Read images and add those that can be used, in their order.

        Returns:
            Why the others cannot, by their place; messages know no other source.
        """

    @abstractmethod
    def inputs(self) -> Inputs:
        """What was added."""


class TensorFilling(Filling):
    """Tensors, made by the native ingest in memory that is pinned at once."""

    def __init__(self, target: Target, preprocessor: Preprocessor, reading: ReadOptions, size: int):
        """A batch of at most `size` images."""
        self._target, self._preprocessor, self._reading = target, preprocessor, reading
        color, _ = target.taken.from_pixels
        self._fallback = PixelFallback(reading.fallback, color, max_pixels=reading.max_pixels)
        shape = (size, *preprocessor.shape)
        self._memory = torch.empty(shape, dtype=reading.dtype, pin_memory=reading.pin)
        self._rows: NDArray[Any] = self._memory.numpy()
        self._count = 0

    def add(self, sources: Sequence[ImageSource]) -> Errors:
        """See `Filling`."""
        start = self._count
        batch = self._preprocessor.read(sources, self._rows[start : start + len(sources)])
        errors: Errors = {}
        for place in range(len(sources)):
            error = batch.errors.get(place)
            if error is not None:
                try:
                    self._rows[start + place] = self._instead(
                        sources[place], by_itself(error, sources, place)
                    )
                except (ImageError, AccessError) as refusal:
                    errors[place] = refusal
                    continue
                self.pixel_fallbacks += 1
            if self._count != start + place:
                self._rows[self._count] = self._rows[start + place]
            self._count += 1
        return errors

    def inputs(self) -> Tensor:
        """Tensors [N, ...] as the target says."""
        return self._memory[: self._count]

    def _instead(self, source: ImageSource, error: Error) -> NDArray[np.float32]:
        if isinstance(error, AccessError):
            raise error
        image = self._fallback.instead(source, error)
        taken = self._target.taken
        check_usable(image.frame, taken, None, source_name([source], 0))
        return network_tensor(image, taken, self._target.block)


class CoefficientFilling(Filling):
    """The inputs of a model for coefficients."""

    def __init__(self, target: Target, frame: Frame, reading: ReadOptions):
        """A batch of files of `frame`, that of a compiled model."""
        self._target, self._frame, self._reading = target, frame, reading
        self._images: list[Coefficients] = []

    def add(self, sources: Sequence[ImageSource]) -> Errors:
        """See `Filling`."""
        errors: Errors = {}
        together = self._read(sources)
        for place, source in enumerate(sources):
            try:
                image = together[place] if together else self._read_alone(source)
                self._require_fitting(image, source)
                self._images.append(image)
            except (ImageError, AccessError) as error:
                errors[place] = error
        return errors

    def inputs(self) -> Inputs:
        """Tensors by the names of inputs, or packed arrays."""
        feeds = _feeds(self._images, self._frame)
        if self._target.form == "packed":
            return PackedBatch.of(feeds, self._reading.threads)
        tensors = {name: torch.from_numpy(values) for name, values in feeds.items()}
        if self._reading.pin:
            return {name: values.pin_memory() for name, values in tensors.items()}
        return tensors

    def _read(self, sources: Sequence[ImageSource]) -> list[Coefficients]:
        """All of the images; none if one of them cannot be read."""
        reading = self._reading
        try:
            return read_coefficients_many(
                sources, threads=reading.threads, max_pixels=reading.max_pixels
            )
        except (ImageError, AccessError):
            return []

    def _read_alone(self, source: ImageSource) -> Coefficients:
        reading = self._reading
        return read_coefficients_many(
            [source], threads=1, tolerant=reading.tolerant, max_pixels=reading.max_pixels
        )[0]

    def _require_fitting(self, image: Coefficients, source: ImageSource) -> None:
        taken, name = self._target.taken, source_name([source], 0)
        check_usable(image.frame, taken, self._frame, name)
        if not fits_inputs(image.frame, self._frame, taken):
            found = subsampling_of(image.frame) or image.color_space
            raise ImageError(
                f"{name}: is {found} but the model is compiled for {subsampling_of(self._frame)};"
                " use form tensor"
            )


def by_itself(error: Error, sources: Sequence[ImageSource], place: int) -> Error:
    """The error of one of several sources, as if that were the only one."""
    reason = str(error).removeprefix(f"{source_name(sources, place)}: ")
    return type(error)(f"{source_name([sources[place]], 0)}: {reason}")


def _feeds(images: Sequence[Coefficients], frame: Frame) -> dict[str, NDArray[np.generic]]:
    if images:
        return coefficient_feeds(images, frame)
    empty: Mapping[str, tuple[int, int]] = {
        name: frame.block_counts(index)
        for index, name in enumerate((LUMA, CHROMA)[: len(frame.sampling)])
    }
    feeds: dict[str, NDArray[np.generic]] = {
        name: np.empty((0, 1 if name == LUMA else 2, *blocks, 8, 8), np.int16)
        for name, blocks in empty.items()
    }
    feeds[QUANTIZATION] = np.empty((0, len(frame.sampling), 8, 8), np.uint16)
    return feeds
