"""The sessions of ONNX Runtime that one compiled file needs, and their runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.interface import LUMA
from jpegcompile.metadata import CompiledInfo
from jpegcompile.progress import Progress
from jpegcompile.runtime import cuda
from jpegcompile.runtime.batch import run_batch
from jpegcompile.runtime.cut import begin_at, begin_behind_decode, preprocesses
from jpegcompile.runtime.native import Execution, execution_of
from jpegcompile.runtime.opening import inference_session, read_compiled, shared_weights
from jpegcompile.runtime.providers import Asked, providers_for
from jpegcompile.runtime.views import over_views
from jpegcompile.target.base import CUDA_PROVIDER, Target
from jpegcompile.target.registry import TARGETS
from jpegcompile.weights.read import load_weights

Feeds = Mapping[str, NDArray[np.generic]]


class CompiledFile:
    """A compiled file and its sessions; those that not every caller needs are made when they are.

    Several threads may use it.

    Attributes:
        info: what the file says of itself.
        target: that the file is compiled for.
        model: the compiled ONNX model, behind JpegDecode or what makes the network's input by
            native kernels alone; large external weights stay in their file.
        folder: of that file.
        execution: which nodes run by native kernels, and which by function bodies.
        providers: what the sessions are asked to run on.
        begins_at_image: whether `model` takes the network's input.
        session: of `model`.
        output_names: of the source model, in its order.
        fixed_batch: images, or views of them, that a run is bound to; None if any number will do.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        threads: int | None,
        *,
        native: bool,
        arena: bool,
        providers: Asked,
        progress: Progress,
    ) -> None:
        """Open a file; the arguments are those of `Session`.

        Raises:
            AccessError, UnsupportedModelError: as `jpegcompile.load`.
        """
        self._path = os.fspath(path)
        model, info = read_compiled(path)
        if info is None:
            raise UnsupportedModelError(
                f"{path}: was not written by jpegcompile; give a compiled model here"
            )
        # `save` follows a link and writes the weights beside the file that it points to.
        self._file = Path(os.path.realpath(path) if os.path.islink(path) else path)
        self.folder = self._file.parent
        load_weights(model, self._file)
        self.info: CompiledInfo = info
        self.target: Target = _target_of(info, self._path)
        self.execution: Execution = execution_of(model, native).in_a_session()
        begin_behind_decode(model)
        self.begins_at_image = preprocesses(model)
        if self.begins_at_image:
            assert info.ingest_output is not None
            model = begin_at(model, info.ingest_output, info.input)
        self.model = model
        self._threads, self._native, self._arena = threads, native, arena
        has_kernels = self.execution.library is not None
        self.providers = providers_for(providers, path, native=has_kernels, progress=progress)
        self._lock = threading.Lock()
        self._network: ort.InferenceSession | None = None
        self._whole: ort.InferenceSession | None = None
        # Of a second session, for other samplings, nothing else is large.
        self._weights = {} if info.input_mode == "tensor" else shared_weights(model)
        self.session = self._open(model)
        self.providers = self.providers.as_used_by(self.session)
        if CUDA_PROVIDER in self.session.get_providers():
            self.execution = self.execution.on_cuda(cuda.operators(self.providers.kernel_files))
        self.output_names: list[str] = [output.name for output in self.session.get_outputs()]
        self.fixed_batch = self._batch()

    def network(self) -> ort.InferenceSession:
        """The session of the model from the ingest's output on."""
        with self._lock:
            if self.begins_at_image:
                return self.session
            if self._network is None:
                assert self.info.ingest_output is not None
                network = begin_at(self.model, self.info.ingest_output, self.info.input)
                self._network = self._open(network)
                # The class of ONNX Runtime keeps them, weights and all, to move a session to other
                # devices.
                self._network._model_bytes = None
            return self._network

    def whole(self) -> ort.InferenceSession:
        """The session of the whole file.

        Raises:
            UsageError: if the model takes the bytes of a file and there are no native kernels.
        """
        if self.info.input_mode != "jpeg" and not self.begins_at_image:
            return self.session
        with self._lock:
            if self._whole is None:
                self._whole = self._open_whole()
            return self._whole

    def run_images(
        self, session: ort.InferenceSession, feeds: Feeds, shared: Feeds | None
    ) -> list[NDArray[Any]]:
        """Outputs for images, averaged over their views if the network sees several.

        Args:
            session: one of the file's, which may begin where the network does.
            feeds: inputs of one batch. Where there are several views they are the image alone,
                [N, views, ...].
            shared: inputs besides the image, the same for every image.

        Raises:
            RowsError: if an output does not hold a row for each image, or for each view.
            UsageError: if an input besides the image is not given, or views are not.
        """
        views = self.info.views
        if views == 1:
            return self.run(session, feeds, shared)
        ((name, images),) = feeds.items()
        if images.ndim != 5 or images.shape[1] != views:
            raise UsageError(
                f"{self._path}: sees {views} views of an image, [N, {views}, ...], and is given"
                f" {list(images.shape)}; make them with Session.image_of or Session.preprocessor"
            )
        if self.info.averages_views:
            rows = images.reshape(-1, *images.shape[2:])
            return self.run(session, {name: rows}, shared, views=views)
        return over_views(
            self.output_names,
            images,
            lambda rows: self.run(session, {name: rows}, shared),
            self.fixed_batch,
        )

    def run(
        self,
        session: ort.InferenceSession,
        feeds: Feeds,
        shared: Feeds | None = None,
        *,
        views: int = 1,
    ) -> list[NDArray[Any]]:
        """Outputs of one run of a session; the arguments are those of `run_batch`.

        Raises:
            RowsError, UnsupportedModelError: as `run_batch`.
            UsageError: if an input besides the image is not given.
        """
        given = {*feeds, *(shared or {})}
        missing = [i.name for i in session.get_inputs() if i.name not in given]
        if missing:
            raise UsageError(
                f"{self._path}: takes '{missing[0]}' besides the image;"
                " call Session.inference_session with Session.feeds and that input"
            )
        return run_batch(
            session,
            self.output_names,
            feeds,
            self.fixed_batch,
            shared,
            has_batch=self.info.input.has_batch,
            views=views,
        )

    def _batch(self) -> int | None:
        info = self.info
        image = info.input.name if info.input_mode == "tensor" else LUMA
        if self.begins_at_image:
            image = info.ingest_output or ""
        batch = next(v.shape[0] for v in self.session.get_inputs() if v.name == image)
        if info.input_mode == "tensor" and not info.input.has_batch:
            return 1
        return batch if isinstance(batch, int) else None

    def _open_whole(self) -> ort.InferenceSession:
        if self.execution.library is None:
            raise UsageError(
                f"{self._path}: takes files in a form that only native kernels read, and here are"
                " none (--no-native, native=False, or not installed); use Session.run, which reads"
                " files itself"
            )
        model, _ = read_compiled(self._path)
        load_weights(model, self._file)
        return self._open(model)

    def _open(self, model: onnx.ModelProto) -> ort.InferenceSession:
        return inference_session(
            model,
            self._threads,
            self.folder,
            native=self._native,
            weights=self._weights,
            arena=self._arena,
            providers=self.providers,
        )


def _target_of(info: CompiledInfo, path: str) -> Target:
    if info.target not in TARGETS:
        raise UnsupportedModelError(
            f"{path}: is compiled for target '{info.target}', which this version does not know;"
            " upgrade jpegcompile"
        )
    return TARGETS[info.target]
