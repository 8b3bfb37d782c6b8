"""A batch in the making: images are added, and what cannot be used leaves no gap."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.data.target import Target
from jpegcompile.errors import AccessError, ImageError
from jpegcompile.jpeg.packed import PackedBatch
from jpegcompile.jpeg.pixel_fallback import Fallback, PixelFallback
from jpegcompile.jpeg.read import ImageSource, source_name
from jpegcompile.runtime.input_tensors import check_usable
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


def by_itself(error: Error, sources: Sequence[ImageSource], place: int) -> Error:
    """The error of one of several sources, as if that were the only one."""
    reason = str(error).removeprefix(f"{source_name(sources, place)}: ")
    return type(error)(f"{source_name([sources[place]], 0)}: {reason}")
