"""Running a compiled model on files, whatever computes it: reading, batches, outputs."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import UsageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.pixel_fallback import Fallback, PixelFallback, checked_fallback
from jpegcompile.jpeg.pixel_image import PixelImage, ReadImage, coefficients_of
from jpegcompile.jpeg.read import ImageSource
from jpegcompile.jpeg.unusable import ImageReader, OnError
from jpegcompile.metadata import CompiledInfo
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.runtime.input_tensors import check_usable, fits_inputs, preprocess_in
from jpegcompile.runtime.outputs import Outputs, joined

# Inputs besides the image, by name; the same for every image.
Shared = Mapping[str, NDArray[np.generic]]


class ImageRunner(ABC):
    """A compiled model that takes files.

    Attributes:
        path: of the compiled model.
        info: what it says of itself.
        output_names: of the source model, in its order.
        fixed_batch: the batch that the model is bound to, None if any will do.
        batch_size: images that `run` computes at once.
        threads: that read files, and pack them; as many as this process has processors if None.
    """

    path: str
    info: CompiledInfo
    output_names: list[str]
    fixed_batch: int | None
    batch_size: int
    threads: int | None = None

    @property
    def preprocess(self) -> Preprocess:
        """From pixels to the input of the source model.

        Raises:
            UsageError: if the model carries none (compiled for tensors, without --preprocess).
        """
        return preprocess_in(self.info, self.path)

    def run(
        self,
        images: Sequence[ImageSource],
        shared: Shared | None = None,
        *,
        tolerant: bool = False,
        on_error: OnError = "stop",
        fallback: Fallback = "none",
    ) -> Outputs:
        """Outputs of the source model for any number of files, concatenated along the batch.

        The outputs for one file are as the model gives them, whatever their first axis is.

        Args:
            images: paths or bytes.
            shared: inputs besides the image, the same for every image.
            tolerant: whether to take what can be read of damaged files, as `read_coefficients`.
            on_error: what becomes of files that cannot be used: "stop" raises the error of the
                first; "skip" and "report" leave their rows out, and `Outputs` says which are left.
            fallback: "pixels" decodes files of which no coefficients are read (PNG, WebP, JPEG
                files in CMYK, ...) by Pillow; "none" leaves them unusable.

        Raises:
            ImageError: if a file is damaged or its size is not the model's; or none can be used.
            AccessError: if a file cannot be read.
            UsageError: after a fork, if there are no images, or if an input besides the image is
                not given.
        """
        self.require_process()
        sources = listed(images)
        reader = self.reader(on_error, tolerant=tolerant, fallback=fallback)
        used: list[int] = []
        batches: list[list[NDArray[Any]]] = []
        for indices, outputs in self.batches(sources, reader, shared):
            used += indices
            batches.append(outputs)
        reader.require_some(used)
        columns = joined(self.output_names, batches, len(used))
        return Outputs(columns, used, reader.skipped, reader.pixel_fallbacks)

    def batches(
        self, sources: Sequence[ImageSource], reader: ImageReader, shared: Shared | None = None
    ) -> Iterator[tuple[list[int], list[NDArray[Any]]]]:
        """Outputs for the files that can be used, `batch_size` files at a time, in their order.

        Args:
            sources: paths and bytes.
            reader: says what becomes of files that cannot be used.
            shared: as for `run`.

        Yields:
            Indices of the files among all, and the outputs for them.

        Raises:
            ImageError, AccessError: of the first file that cannot be used, if the reader stops
                there.
            UsageError: as `run`.
        """
        for start in range(0, len(sources), self.batch_size):
            found = reader.read(sources[start : start + self.batch_size], start)
            if found:
                outputs = self.run_coefficients([item.image for item in found], shared)
                yield [item.index for item in found], outputs

    def run_read(
        self,
        sources: Sequence[ImageSource],
        images: Sequence[ReadImage],
        *,
        tolerant: bool = False,
    ) -> list[NDArray[Any]]:
        """Outputs for one batch of files that can be used, by the way that `run` takes.

        Args:
            sources: paths and bytes.
            images: what was read of them.
            tolerant: as for `run`.

        Raises:
            RowsError: if there are several images, and an output does not hold a row for each.
            UsageError: as `run`.
        """
        return self.run_coefficients(images)

    def reader(
        self, on_error: OnError = "stop", *, tolerant: bool = False, fallback: Fallback = "none"
    ) -> ImageReader:
        """What reads files for `run_coefficients`; the arguments are those of `run`."""
        return ImageReader(
            self._check,
            on_error,
            tolerant=tolerant,
            threads=self.threads,
            fallback=self._pixel_fallback(checked_fallback(fallback)),
        )

    def coefficients(self, sources: Sequence[ImageSource]) -> list[Coefficients]:
        """The coefficients of files, all of which the model takes; for `feeds`.

        Raises:
            ImageError, AccessError: of the first file that cannot be used.
        """
        reader = ImageReader(self._check, threads=self.threads)
        return coefficients_of([item.image for item in reader.read(sources)])

    def _pixel_fallback(self, fallback: Fallback) -> PixelFallback | None:
        """None for models that take no files at all."""
        if self.info.input_mode != "tensor":
            return PixelFallback(fallback, self.info.input.from_pixels[0])
        if self.info.preprocess is None:
            return None
        color = self.preprocess.color_for(self.info.input.channels)
        return PixelFallback(fallback, color)

    def _check(self, image: ReadImage, name: str) -> None:
        info, color = self.info, None
        taken = info.input
        if info.input_mode == "tensor":
            color = self.preprocess.color_for(taken.channels)
            taken = taken.normalized(self.preprocess)
        check_usable(image.frame, taken, info.frame, name, color)

    def fits(self, image: ReadImage) -> TypeGuard[Coefficients]:
        """Whether the image can be fed as it is."""
        if isinstance(image, PixelImage):
            return False
        return fits_inputs(image.frame, self.info.frame, self.info.input)

    @abstractmethod
    def require_process(self) -> None:
        """Refuse to run where that cannot work.

        Raises:
            UsageError: after a fork.
        """

    @abstractmethod
    def run_coefficients(
        self, images: Sequence[ReadImage], shared: Shared | None = None
    ) -> list[NDArray[Any]]:
        """Outputs for one batch of images already read; sizes are the caller's to check.

        Raises:
            RowsError: if there are several images, and an output does not hold a row for each.
            UsageError: after a fork, or if an input besides the image is not given.
        """

    @abstractmethod
    def run_feeds(self, feeds: dict[str, NDArray[np.generic]]) -> list[NDArray[Any]]:
        """Outputs for the inputs of one batch, by the names of inputs.

        Raises:
            UsageError: after a fork, or if the model takes other inputs.
        """


def listed(images: Sequence[ImageSource]) -> list[ImageSource]:
    """The images as a list; one image alone would pass for a sequence of characters or bytes."""
    if isinstance(images, str | bytes | bytearray | memoryview | os.PathLike):
        raise UsageError("images are given as a list; wrap one image in a list")
    sources = list(images)
    if not sources:
        raise UsageError("no images to run; give one at least")
    return sources
