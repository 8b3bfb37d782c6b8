"""Run a compiled model on image files: the base of sessions and modules."""

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
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.runtime.input_tensors import check_usable, fits_inputs, preprocess_in
from jpegcompile.runtime.outputs import Outputs, joined

# Inputs besides the image, by name; they are the same for all images.
Shared = Mapping[str, NDArray[np.generic]]


class ImageRunner(ABC):
    """A compiled model that runs on image files.

    Attributes:
        path: path of the compiled model.
        info: metadata of the compiled model.
        output_names: names of the source model's outputs, in its order.
        fixed_batch: fixed batch size of the model; None for a dynamic batch.
        batch_size: number of images that `run` computes at once.
        threads: number of threads that read and pack files; None for one per processor of this
            process.
    """

    path: str
    info: CompiledInfo
    output_names: list[str]
    fixed_batch: int | None
    batch_size: int
    threads: int | None = None

    @property
    def preprocess(self) -> Preprocess:
        """The preprocessing that turns pixels into the source model's input.

        Raises:
            UsageError: if the model has none (compiled for tensors without --preprocess).
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
        """Run the model on any number of files.

        Args:
            images: paths or bytes.
            shared: inputs besides the image, by name; they are the same for all images.
            tolerant: whether to use the readable part of damaged files, as `read_coefficients`.
            on_error: what happens to unusable files: "stop" raises the error of the first one;
                "skip" and "report" leave out their rows and list them in `Outputs.skipped`.
            fallback: "pixels" decodes files without readable coefficients (such as PNG, WebP, and
                JPEG files in CMYK) with Pillow; "none" treats them as unusable.

        Returns:
            The outputs of the source model, each with one row per usable file, in their order. For
            a single file, outputs are returned as the model computes them, even without a batch
            axis.

        Raises:
            ImageError: if a file is damaged or its size does not fit the model and `on_error` is
                "stop"; or if no file is usable.
            AccessError: if a file cannot be read and `on_error` is "stop".
            UsageError: if the process was forked after opening, there are no images, or an input
                besides the image is missing.
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
        """Run the usable files in their order, `batch_size` files at a time.

        Args:
            sources: paths and bytes.
            reader: reads the files and handles unusable ones.
            shared: as for `run`.

        Yields:
            Indices of the usable files of a batch among all sources, and their outputs.

        Raises:
            ImageError, AccessError: for the first unusable file, if the reader's `on_error` is
                "stop".
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
        """Run one batch of usable files, computed exactly as by `run`.

        Args:
            sources: paths and bytes.
            images: the content of the sources.
            tolerant: as for `run`.

        Raises:
            RowsError: if there are several images and an output does not have one row per image.
            UsageError: as `run`.
        """
        return self.run_coefficients(images)

    def reader(
        self, on_error: OnError = "stop", *, tolerant: bool = False, fallback: Fallback = "none"
    ) -> ImageReader:
        """Return a reader of files for `run_coefficients`; the arguments are as for `run`."""
        return ImageReader(
            self._check,
            on_error,
            tolerant=tolerant,
            threads=self.threads,
            fallback=self._pixel_fallback(checked_fallback(fallback)),
        )

    def coefficients(self, sources: Sequence[ImageSource]) -> list[Coefficients]:
        """Read files that must all be usable, for `feeds`.

        Args:
            sources: paths and bytes.

        Raises:
            ImageError, AccessError: for the first unusable file.
        """
        reader = ImageReader(self._check, threads=self.threads)
        return coefficients_of([item.image for item in reader.read(sources)])

    def _pixel_fallback(self, fallback: Fallback) -> PixelFallback | None:
        """The pixel fallback; None for models that cannot run on files."""
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
        """Whether the model accepts an image's coefficients unchanged."""
        if isinstance(image, PixelImage):
            return False
        return fits_inputs(image.frame, self.info.frame, self.info.input)

    @abstractmethod
    def require_process(self) -> None:
        """Raise an error if the model cannot run in this process.

        Raises:
            UsageError: if the process was forked after opening.
        """

    @abstractmethod
    def run_coefficients(
        self, images: Sequence[ReadImage], shared: Shared | None = None
    ) -> list[NDArray[Any]]:
        """Run one batch of images that were read.

        Args:
            images: the images. This method does not check their sizes.
            shared: as for `run`.

        Raises:
            RowsError: if there are several images and an output does not have one row per image.
            UsageError: if the process was forked after opening, or an input besides the image is
                missing.
        """

    @abstractmethod
    def run_feeds(self, feeds: dict[str, NDArray[np.generic]]) -> list[NDArray[Any]]:
        """Run the inputs of one batch.

        Args:
            feeds: inputs by name.

        Raises:
            UsageError: if the process was forked after opening, or the model has other inputs.
        """


def listed(images: Sequence[ImageSource]) -> list[ImageSource]:
    """Return images as a list.

    Raises:
        UsageError: if `images` is empty, or one image instead of a sequence. (A str or bytes is
            also a sequence, but of characters or numbers.)
    """
    if isinstance(images, str | bytes | bytearray | memoryview | os.PathLike):
        raise UsageError(
            Message("images-not-a-sequence", "images is not a sequence; wrap one image in a list")
        )
    sources = list(images)
    if not sources:
        raise UsageError(Message("images-empty", "there are no images; give at least one"))
    return sources
