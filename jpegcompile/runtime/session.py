"""Run a compiled model on JPEG files of every sampling."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from jpegcompile.errors import ImageError, UnsupportedModelError, UsageError
from jpegcompile.interface import JPEG, LUMA
from jpegcompile.jpeg.pixel_image import PixelImage, ReadImage, coefficients_of
from jpegcompile.jpeg.read import ImageSource, image_bytes, source_name
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.jpeg.unusable import ImageReader
from jpegcompile.metadata import CompiledInfo
from jpegcompile.runtime import cuda
from jpegcompile.runtime.batch import run_batch
from jpegcompile.runtime.cut import begin_at, begin_behind_decode, preprocesses
from jpegcompile.runtime.image_runner import ImageRunner, Shared, listed
from jpegcompile.runtime.inputs import (
    coefficient_feeds,
    ingested,
    original_input,
)
from jpegcompile.runtime.native import Execution, execution_of
from jpegcompile.runtime.opening import inference_session, read_compiled, shared_weights
from jpegcompile.runtime.outputs import joined
from jpegcompile.runtime.placed import placed_feeds, takes_axes
from jpegcompile.runtime.preprocessor import Preprocessor
from jpegcompile.runtime.providers import Asked, Progress, providers_for
from jpegcompile.runtime.tensor_reader import usable_tensors
from jpegcompile.target.base import CUDA_PROVIDER, Target
from jpegcompile.target.registry import TARGETS
from jpegcompile.weights.read import load_weights

_BATCH = 32


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
        threads: int | None = None,
        native: bool = True,
        arena: bool = True,
        providers: Asked = "auto",
        progress: Progress = lambda done, total: None,
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
        model, info = read_compiled(path)
        if info is None:
            raise UnsupportedModelError(
                f"{path}: was not written by jpegcompile; give a compiled model here"
            )
        # `save` follows a link and writes the weights beside the file that it points to.
        file = Path(os.path.realpath(path) if os.path.islink(path) else path)
        load_weights(model, file)
        self.info = info
        self.target: Target = _target_of(info, self.path)
        self._file = file
        self.execution: Execution = execution_of(model, native).in_a_session()
        begin_behind_decode(model)
        self._begins_at_image = preprocesses(model)
        if self._begins_at_image:
            assert info.ingest_output is not None
            model = begin_at(model, info.ingest_output, info.input)
        self.model = model
        self._takes_axes = takes_axes(model)
        self._is_preprocessed = info.input_mode != "tensor" and info.input.is_preprocessed
        self._preprocessors: dict[bool, Preprocessor] = {}
        self.folder = file.parent
        self.threads = threads
        self._native = native
        self._arena = arena
        self._asked = providers
        has_kernels = self.execution.library is not None
        self.execution_providers = providers_for(
            providers, path, native=has_kernels, progress=progress
        )
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._network: ort.InferenceSession | None = None
        self._whole: ort.InferenceSession | None = None
        # Of a second session, for other samplings, nothing else is large.
        self._weights = {} if info.input_mode == "tensor" else shared_weights(model)
        self._session = self._open(model)
        self.execution_providers = self.execution_providers.as_used_by(self._session)
        if CUDA_PROVIDER in self.providers:
            operators = cuda.operators(self.execution_providers.kernel_files)
            self.execution = self.execution.on_cuda(operators)
        self.output_names: list[str] = [output.name for output in self._session.get_outputs()]
        image = info.input.name if info.input_mode == "tensor" else LUMA
        if self._begins_at_image:
            image = info.ingest_output or ""
        inputs = self._session.get_inputs()
        batch = next(value.shape[0] for value in inputs if value.name == image)
        if info.input_mode == "tensor" and not info.input.has_batch:
            batch = 1
        self.fixed_batch = batch if isinstance(batch, int) else None
        self.batch_size = self.fixed_batch or _BATCH

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by path: another process opens the file for itself."""
        path = os.path.abspath(self.path)
        return Session, (path, self.threads, self._native, self._arena, self._asked)

    @property
    def providers(self) -> list[str]:
        """The execution providers of ONNX Runtime that run the model, the preferred one first."""
        names: list[str] = self._session.get_providers()
        return names

    @property
    def inference_session(self) -> ort.InferenceSession:
        """The ONNX Runtime session of the whole file, to be fed as `feeds` says.

        Raises:
            UsageError: if the model takes the bytes of a file and there are no native kernels.
        """
        if self.info.input_mode != "jpeg" and not self._begins_at_image:
            return self._session
        with self._lock:
            if self._whole is None:
                self._whole = self._open_whole()
            return self._whole

    def feeds(self, images: Sequence[ImageSource]) -> dict[str, NDArray[np.generic]]:
        """Input dict of `inference_session` for one batch of files.

        A model for the bytes of a file takes one file a run: its bytes, which ONNX Runtime is the
        first to look into.

        Raises:
            ImageError: if a file is damaged, or its size or sampling is not the model's
                (`run` takes other samplings).
            AccessError: if a file cannot be read.
            UsageError: if there are no images, or several for a model that takes one.
        """
        sources = listed(images)
        takes_one = self.info.input_mode == "tensor" and not self.info.input.has_batch
        if takes_one and len(sources) > 1:
            raise UsageError(
                f"{self.path}: takes one image a run, without a batch, and {len(sources)} are"
                " given; call feeds for each, or Session.run for all"
            )
        if self.info.input_mode == "jpeg":
            return self._bytes(sources)
        coefficients = self.coefficients(sources)
        if self.info.input.is_preprocessed and self.info.frame is not None:
            return placed_feeds(coefficients, self.info, sources)
        for index, image in enumerate(coefficients):
            if not self.fits(image):
                found = subsampling_of(image.frame) or image.color_space
                raise ImageError(
                    f"{source_name(sources, index)}: is {found} but the model is compiled for"
                    f" {self.info.subsampling}; use Session.run"
                )
        feeds = self._direct(coefficients)
        return {name: values[0] for name, values in feeds.items()} if takes_one else feeds

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
            feeds = self._direct([images[i] for i in direct])
            results.append((direct, self._outputs(self._session, feeds, shared)))
        if others:
            batch = np.stack([ingested(images[i], self.info) for i in others])
            assert self.info.ingest_output is not None
            feeds = {self.info.ingest_output: batch}
            results.append((others, self._outputs(self._network_session(), feeds, shared)))
        if len(results) == 1:
            return results[0][1]
        order = np.argsort(np.concatenate([indices for indices, _ in results]))
        parts = [outputs for _, outputs in results]
        return [rows[order] for rows in joined(self.output_names, parts, len(images))]

    def run_feeds(self, feeds: dict[str, NDArray[np.generic]]) -> list[NDArray[Any]]:
        """Outputs for the inputs of one batch, as `feeds` makes them; a fixed batch is filled up.

        Of a model for the bytes of a file this runs all, JpegDecode included.

        Raises:
            UsageError: after a fork, for models with inputs besides the image, and as
                `inference_session`.
        """
        self.require_process()
        if self.info.input_mode == "jpeg" or self._begins_at_image:
            return self._outputs(self.inference_session, {}, feeds)
        name = self.info.input.name
        if not self.info.input.has_batch and name in feeds and feeds[name].ndim == 3:
            feeds = {**feeds, name: feeds[name][None]}
        return self._outputs(self._session, feeds)

    def image_of(self, images: Sequence[ReadImage]) -> NDArray[Any]:
        """What the network computes on: the image in the JPEG domain, or the tensor it takes.

        Args:
            images: already read; sizes are the caller's to check.

        Returns:
            [N, C, H, W], or as the input is; for `run_image`.
        """
        if self.info.input_mode == "tensor":
            (values,) = self._direct(images).values()
            kind = next(i for i in self._session.get_inputs() if i.name == self.info.input.name)
            return values.astype(np.float16) if kind.type == "tensor(float16)" else values
        return np.stack([ingested(image, self.info) for image in images])

    def run_image(self, image: NDArray[Any], shared: Shared | None = None) -> list[NDArray[Any]]:
        """Outputs for a batch of what `image_of` gives.

        Raises:
            UsageError: after a fork, or if an input besides the image is not given.
        """
        self.require_process()
        info = self.info
        if info.input_mode == "tensor":
            return self._outputs(self._session, {info.input.name: image}, shared)
        assert info.ingest_output is not None
        return self._outputs(self._network_session(), {info.ingest_output: image}, shared)

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

    def _direct(self, images: Sequence[ReadImage]) -> dict[str, NDArray[np.generic]]:
        if self.info.frame is not None:
            return coefficient_feeds(coefficients_of(images), self.info.frame)
        preprocess = self.preprocess
        batch = [original_input(image, preprocess, self.info.input) for image in images]
        return {self.info.input.name: np.stack(batch)}

    def _outputs(
        self,
        session: ort.InferenceSession,
        feeds: dict[str, NDArray[np.generic]],
        shared: Shared | None = None,
    ) -> list[NDArray[Any]]:
        given = {*feeds, *(shared or {})}
        missing = [i.name for i in session.get_inputs() if i.name not in given]
        if missing:
            raise UsageError(
                f"{self.path}: takes '{missing[0]}' besides the image;"
                " call Session.inference_session with Session.feeds and that input"
            )
        return run_batch(
            session,
            self.output_names,
            feeds,
            self.fixed_batch,
            shared,
            has_batch=self.info.input.has_batch,
        )

    def _network_session(self) -> ort.InferenceSession:
        """The model from the ingest's output on, made when it is first needed."""
        with self._lock:
            if self._begins_at_image:
                return self._session
            if self._network is None:
                assert self.info.ingest_output is not None
                network = begin_at(self.model, self.info.ingest_output, self.info.input)
                self._network = self._open(network)
                # The class of ONNX Runtime keeps them, weights and all, to move a session to other
                # devices.
                self._network._model_bytes = None
            return self._network

    def _bytes(self, sources: Sequence[ImageSource]) -> dict[str, NDArray[np.generic]]:
        if len(sources) > 1:
            raise UsageError(
                f"{self.path}: takes the bytes of one file a run, and {len(sources)} images are"
                " given; call feeds for each, or Session.run for all"
            )
        return {JPEG: np.frombuffer(image_bytes(sources[0]), np.uint8)}

    def _open_whole(self) -> ort.InferenceSession:
        if self.execution.library is None:
            raise UsageError(
                f"{self.path}: takes files in a form that only native kernels read, and here are"
                " none (--portable, native=False, or not installed); use Session.run, which reads"
                " files itself"
            )
        model, _ = read_compiled(self.path)
        load_weights(model, self._file)
        return self._open(model)

    def _open(self, model: onnx.ModelProto) -> ort.InferenceSession:
        return inference_session(
            model,
            self.threads,
            self.folder,
            native=self._native,
            weights=self._weights,
            arena=self._arena,
            providers=self.execution_providers,
        )


def _target_of(info: CompiledInfo, path: str) -> Target:
    if info.target not in TARGETS:
        raise UnsupportedModelError(
            f"{path}: is compiled for target '{info.target}', which this version does not know;"
            " upgrade jpegcompile"
        )
    return TARGETS[info.target]
