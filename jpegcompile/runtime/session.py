"""Run a compiled model on JPEG files of every sampling."""

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
    """A compiled model, ready to run; may be used from several threads, pickles by its path.

    Of a model for the bytes of a file (`--input jpeg`) it runs what is behind JpegDecode or
    JpegIngestFile, and reads the files itself, with the same reader: so a batch is read by several
    threads and goes through the network at once, files of every sampling are taken, and native
    kernels are not needed.

    Attributes:
        path: of the compiled model.
        info: what the file says of itself.
        target: that the file is compiled for.
        execution: which nodes run by native kernels, and which by function bodies.
        execution_providers: what sessions of the model are asked to run on; `providers` says what
            they run on.
        model: the compiled ONNX model, behind JpegDecode or JpegIngestFile; large external weights
            stay in their file.
        folder: of that file.
        output_names: of the source model, in its order.
        fixed_batch: the batch that the model is bound to, None if any will do.
        batch_size: images that `run` gives ONNX Runtime at once.
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
        """Open `path`; see `jpegcompile.load`.

        Args:
            path: of the model.
            threads: read files, and are ONNX Runtime's intra-op number; by default they are as many
                as this process has processors, and cores.
            native: as for `jpegcompile.load`.
            arena: whether ONNX Runtime keeps the memory of a run for the next one.
            providers: as for `jpegcompile.load`.
            progress: as for `jpegcompile.load`.
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
        """Pickle by path: another process opens the file for itself."""
        path = os.path.abspath(self.path)
        return Session, (path, self.threads, self._native, self._arena, self._asked)

    @property
    def providers(self) -> list[str]:
        """The execution providers of ONNX Runtime that run the model, the preferred one first."""
        names: list[str] = self._file.session.get_providers()
        return names

    @property
    def inference_session(self) -> ort.InferenceSession:
        """The ONNX Runtime session of the whole file, to be fed as `feeds` says.

        Raises:
            UsageError: if the model takes the bytes of a file and there are no native kernels.
        """
        return self._file.whole()

    def feeds(
        self, images: Sequence[ImageSource], view: int | None = None
    ) -> dict[str, NDArray[np.generic]]:
        """Input dict of `inference_session` for one batch of files.

        A model for the bytes of a file takes one file a run: its bytes, which ONNX Runtime is the
        first to look into.

        Args:
            images: paths or bytes.
            view: of a model that sees several views of an image, the one that the run is for, from
                0 on; the outputs are then to be averaged over the views. Files that make all views
                themselves (`CompiledInfo.averages_views`) take none.

        Raises:
            ImageError: if a file is damaged, or its size or sampling is not the model's
                (`run` takes other samplings).
            AccessError: if a file cannot be read.
            UsageError: if there are no images, or several for a model that takes one, or the view
                is not given or is none of the model's.
        """
        return file_feeds(self, images, view)

    def batches(
        self, sources: Sequence[ImageSource], reader: ImageReader, shared: Shared | None = None
    ) -> Iterator[tuple[list[int], list[NDArray[Any]]]]:
        """See `ImageRunner`; files of any size are read while those before them are computed."""
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
        """What makes the tensor where the network begins, for `run_image`, of files of any size.

        Raises:
            UsageError: if the model takes tensors.
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
        """Outputs for one batch of images already read; sizes are the caller's to check.

        Raises:
            RowsError: if there are several images, and an output does not hold a row for each.
            UsageError: after a fork, or if an input besides the image is not given.
        """
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
        """Outputs for the inputs of one batch, as `feeds` makes them; a fixed batch is filled up.

        Of a model for the bytes of a file this runs all, JpegDecode included. Of inputs for one
        view of several, the outputs are for that view.

        Raises:
            UsageError: after a fork, for models with inputs besides the image, and as
                `inference_session`.
        """
        self.require_process()
        if self.info.input_mode == "jpeg" or self._file.begins_at_image:
            return self._file.run(self._file.whole(), {}, feeds)
        name = self.info.input.name
        if not self.info.input.has_batch and name in feeds and feeds[name].ndim == 3:
            feeds = {**feeds, name: feeds[name][None]}
        return self._file.run(self._file.session, feeds)

    def image_of(self, images: Sequence[ReadImage]) -> NDArray[Any]:
        """What the network computes on: the image in the JPEG domain, or the tensor it takes.

        Args:
            images: already read; sizes are the caller's to check.

        Returns:
            [N, C, H, W], or as the input is; [N, views, ...] where the model sees several views of
            an image. For `run_image`.
        """
        if self.info.input_mode == "tensor":
            (values,) = image_feeds(self, images).values()
            inputs = self._file.session.get_inputs()
            kind = next(i for i in inputs if i.name == self.info.input.name)
            return values.astype(np.float16) if kind.type == "tensor(float16)" else values
        return np.stack([ingested(image, self.info) for image in images])

    def run_image(self, image: NDArray[Any], shared: Shared | None = None) -> list[NDArray[Any]]:
        """Outputs for a batch of what `image_of` gives, averaged over the views of each image.

        Raises:
            UsageError: after a fork, if an input besides the image is not given, or views are not.
        """
        self.require_process()
        info = self.info
        if info.input_mode == "tensor":
            return self._file.run_images(self._file.session, {info.input.name: image}, shared)
        assert info.ingest_output is not None
        return self._file.run_images(self._file.network(), {info.ingest_output: image}, shared)

    def require_process(self) -> None:
        """Refuse to run in a process that was forked since.

        Raises:
            UsageError: if it was.
        """
        # The threads of ONNX Runtime are not there in the child: it would wait for them for ever.
        if self._process != os.getpid():
            raise UsageError(f"{self.path}: this session was opened before a fork; load it again")

    def _apart(self, images: Sequence[ReadImage]) -> tuple[list[int], list[int]]:
        """Places of the images that the whole model takes, and of those that begin behind it."""
        is_tensor = self.info.input_mode == "tensor"
        direct = [i for i, image in enumerate(images) if is_tensor or self.fits(image)]
        return direct, [i for i in range(len(images)) if i not in set(direct)]
