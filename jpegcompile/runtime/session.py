"""Run a compiled model on image files with ONNX Runtime."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from jpegcompile.errors import UsageError
from jpegcompile.jpeg.pixel_image import PixelImage, ReadImage
from jpegcompile.jpeg.read import ImageSource
from jpegcompile.jpeg.unusable import ImageReader
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo
from jpegcompile.options import running as option
from jpegcompile.progress import Progress, no_progress
from jpegcompile.runtime.batch import images_at_once
from jpegcompile.runtime.compiled_file import CompiledFile
from jpegcompile.runtime.feeds import file_feeds, image_feeds
from jpegcompile.runtime.image_runner import ImageRunner, Shared
from jpegcompile.runtime.input_tensors import ingested
from jpegcompile.runtime.native import Execution
from jpegcompile.runtime.outputs import joined
from jpegcompile.runtime.preprocessor import Preprocessor
from jpegcompile.runtime.providers import Asked
from jpegcompile.runtime.tensor_reader import usable_tensors
from jpegcompile.target.base import Target


class Session(ImageRunner):
    """A compiled model, ready to run.

    Several threads may use a session. A session pickles by its path.

    A session reads image files itself. For a model with `--input jpeg` it therefore runs only the
    nodes after JpegDecode or JpegIngestFile. This allows reading a batch with several threads,
    running a whole batch at once, files of any sampling, and running without native kernels.

    Attributes:
        path: path of the compiled model.
        info: metadata of the compiled model.
        target: target that the model is compiled for.
        execution: number of nodes that native kernels and function bodies run.
        execution_providers: execution providers that were requested. `providers` has those in use.
        model: the compiled ONNX model without JpegDecode or JpegIngestFile. Large external weights
            stay in their file.
        folder: folder of the compiled model.
        output_names: names of the source model's outputs, in its order.
        fixed_batch: fixed batch size of the model; None for a dynamic batch.
        batch_size: number of images that `run` passes to ONNX Runtime at once.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        threads: int | None = option.SESSION_THREADS.default,
        native: bool = option.NATIVE.default,
        arena: bool = option.ARENA.default,
        providers: Asked = option.PROVIDERS.default,
        progress: Progress = no_progress,
    ) -> None:
        """Open a compiled model. `jpegcompile.load` also opens models for `--target triton`.

        Args:
            path: path of the compiled model.
            threads: number of threads for reading files, and ONNX Runtime's intra-op number.
                Default: one thread per processor of this process for reading, and one per core for
                ONNX Runtime.
            native: as for `jpegcompile.load`.
            arena: whether ONNX Runtime keeps the memory of a run for the next run.
            providers: as for `jpegcompile.load`.
            progress: as for `jpegcompile.load`.

        Raises:
            AccessError, UsageError, UnsupportedModelError: as `jpegcompile.load`.
        """
        self.path = os.fspath(path)
        self.threads = threads
        self._native, self._arena, self._asked = native, arena, providers
        self._file = file = CompiledFile(
            path, threads, native=native, arena=arena, providers=providers, progress=progress
        )
        self.info: CompiledInfo = file.info
        self.target: Target = file.target
        self.execution: Execution = file.execution
        self.execution_providers = file.providers
        self.model = file.model
        self.folder = file.folder
        self.output_names = file.output_names
        self.fixed_batch = file.fixed_batch
        self.batch_size = images_at_once(self.fixed_batch, self.info.views)
        info = self.info
        self._is_preprocessed = info.input_mode != "tensor" and info.input.is_preprocessed
        self._preprocessors: dict[bool, Preprocessor] = {}
        self._lock = threading.Lock()
        self._process = os.getpid()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by path: another process opens the file again."""
        path = os.path.abspath(self.path)
        return Session, (path, self.threads, self._native, self._arena, self._asked)

    @property
    def providers(self) -> list[str]:
        """Execution providers of ONNX Runtime in use, the preferred one first."""
        names: list[str] = self._file.session.get_providers()
        return names

    @property
    def inference_session(self) -> ort.InferenceSession:
        """The ONNX Runtime session of the whole file. `feeds` returns its inputs.

        Raises:
            UsageError: if the model was compiled with `--input jpeg`, which requires native
                kernels, and there are none.
        """
        return self._file.whole()

    def feeds(
        self, images: Sequence[ImageSource], view: int | None = None
    ) -> dict[str, NDArray[np.generic]]:
        """Return the inputs of `inference_session` for one batch of files.

        A model with `--input jpeg` accepts one file per run. Its input is the bytes of the file,
        which this method does not check.

        Args:
            images: paths or bytes.
            view: index of the view, for a model with several views of each image. Average the
                outputs over the views. Leave it out for models that average the views themselves
                (`CompiledInfo.averages_views`).

        Returns:
            The inputs by name, each [N, ...].

        Raises:
            ImageError: if a file is damaged, or its size or sampling does not fit the model.
                (`run` accepts files of any sampling.)
            AccessError: if a file cannot be read.
            UsageError: if there are no images, several images for a model that accepts one, or
                `view` is missing, not needed or out of range.
        """
        return file_feeds(self, images, view)

    def batches(
        self, sources: Sequence[ImageSource], reader: ImageReader, shared: Shared | None = None
    ) -> Iterator[tuple[list[int], list[NDArray[Any]]]]:
        """See `ImageRunner`. Files of any size are read ahead while earlier ones are computed."""
        if not self._is_preprocessed:
            yield from super().batches(sources, reader, shared)
            return
        preprocessor = self.preprocessor(tolerant=reader.tolerant)
        for used, image in usable_tensors(
            preprocessor, sources, reader, self.batch_size, lambda image: ingested(image, self.info)
        ):
            yield used, self.run_image(image, shared)

    def run_read(
        self,
        sources: Sequence[ImageSource],
        images: Sequence[ReadImage],
        *,
        tolerant: bool = False,
    ) -> list[NDArray[Any]]:
        """See `ImageRunner`."""
        if not self._is_preprocessed:
            return super().run_read(sources, images, tolerant=tolerant)
        batch = self.preprocessor(tolerant=tolerant).read(sources)
        for place, error in batch.errors.items():
            image = images[place]
            if not isinstance(image, PixelImage):
                raise error
            batch.tensor[place] = ingested(image, self.info)
        return self.run_image(batch.tensor)

    def preprocessor(self, *, tolerant: bool = False) -> Preprocessor:
        """Return the preprocessor that turns files of any size into images for `run_image`.

        Args:
            tolerant: as for `run`.

        Raises:
            UsageError: if the model was compiled for tensors.
        """
        with self._lock:
            if tolerant not in self._preprocessors:
                taken = replace(self.info.input, layout="NCHW")
                self._preprocessors[tolerant] = Preprocessor(
                    taken,
                    self.info.ingest_block,
                    threads=self.threads,
                    tolerant=tolerant,
                )
            return self._preprocessors[tolerant]

    def run_coefficients(
        self, images: Sequence[ReadImage], shared: Shared | None = None
    ) -> list[NDArray[Any]]:
        """See `ImageRunner`."""
        self.require_process()
        direct, others = self._apart(images)
        results: list[tuple[list[int], list[NDArray[Any]]]] = []
        if direct:
            feeds = image_feeds(self, [images[i] for i in direct])
            results.append((direct, self._file.run_images(self._file.session, feeds, shared)))
        if others:
            batch = np.stack([ingested(images[i], self.info) for i in others])
            assert self.info.ingest_output is not None
            feeds = {self.info.ingest_output: batch}
            outputs = self._file.run_images(self._file.network(), feeds, shared)
            results.append((others, outputs))
        if len(results) == 1:
            return results[0][1]
        order = np.argsort(np.concatenate([indices for indices, _ in results]))
        parts = [outputs for _, outputs in results]
        return [rows[order] for rows in joined(self.output_names, parts, len(images))]

    def run_feeds(self, feeds: dict[str, NDArray[np.generic]]) -> list[NDArray[Any]]:
        """Run the inputs of one batch, as `feeds` returns them.

        A smaller batch is padded to a fixed batch size. A model with `--input jpeg` runs with
        JpegDecode or JpegIngestFile. If the inputs are for one of several views, the outputs are
        for that view, too.

        Args:
            feeds: inputs by name.

        Returns:
            The outputs, each [N, ...].

        Raises:
            UsageError: if the process was forked after opening, if the model has inputs besides the
                image, and as `inference_session`.
        """
        self.require_process()
        if self.info.input_mode == "jpeg" or self._file.begins_at_image:
            return self._file.run(self._file.whole(), {}, feeds)
        name = self.info.input.name
        if not self.info.input.has_batch and name in feeds and feeds[name].ndim == 3:
            feeds = {**feeds, name: feeds[name][None]}
        return self._file.run(self._file.session, feeds)

    def image_of(self, images: Sequence[ReadImage]) -> NDArray[Any]:
        """Return the network's input for `run_image`: an image in the JPEG domain, or a tensor.

        Args:
            images: images that were read. This method does not check their sizes.

        Returns:
            [N, C, H, W], or the layout of the model's input; [N, views, ...] if the model has
            several views of each image.
        """
        if self.info.input_mode == "tensor":
            (values,) = image_feeds(self, images).values()
            inputs = self._file.session.get_inputs()
            kind = next(i for i in inputs if i.name == self.info.input.name)
            return values.astype(np.float16) if kind.type == "tensor(float16)" else values
        return np.stack([ingested(image, self.info) for image in images])

    def run_image(self, image: NDArray[Any], shared: Shared | None = None) -> list[NDArray[Any]]:
        """Run a batch of network inputs; average the outputs over the views of each image.

        Args:
            image: result of `image_of` or of `preprocessor`.
            shared: inputs besides the image, by name; they are the same for all images.

        Returns:
            The outputs, each [N, ...].

        Raises:
            UsageError: if the process was forked after opening, an input besides the image is
                missing, or the views are missing.
        """
        self.require_process()
        info = self.info
        if info.input_mode == "tensor":
            return self._file.run_images(self._file.session, {info.input.name: image}, shared)
        assert info.ingest_output is not None
        return self._file.run_images(self._file.network(), {info.ingest_output: image}, shared)

    def require_process(self) -> None:
        """Raise an error if the process was forked after the session was opened.

        Raises:
            UsageError: if the process was forked.
        """
        # A child process has no threads of ONNX Runtime and would wait for them forever.
        if self._process != os.getpid():
            raise UsageError(
                Message(
                    "session-opened-before-fork",
                    f"{self.path}: the session was opened before a fork; load it again",
                )
            )

    def _apart(self, images: Sequence[ReadImage]) -> tuple[list[int], list[int]]:
        """Split indices: images for the whole model, and images for the model after its ingest."""
        is_tensor = self.info.input_mode == "tensor"
        direct = [i for i, image in enumerate(images) if is_tensor or self.fits(image)]
        return direct, [i for i in range(len(images)) if i not in set(direct)]
