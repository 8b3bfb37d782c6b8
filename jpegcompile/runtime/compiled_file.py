"""A compiled file and its sessions of ONNX Runtime."""

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
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo
from jpegcompile.progress import Progress
from jpegcompile.runtime import cuda
from jpegcompile.runtime.batch import run_batch
from jpegcompile.runtime.cut import begin_at, begin_behind_decode, preprocesses
from jpegcompile.runtime.native import Execution, execution_of
from jpegcompile.runtime.opening import (
    inference_session,
    read_compiled,
    require_compiled,
    shared_weights,
)
from jpegcompile.runtime.providers import Asked, providers_for
from jpegcompile.runtime.views import over_views
from jpegcompile.target.base import CUDA_PROVIDER, Target
from jpegcompile.target.registry import TARGETS
from jpegcompile.weights.read import load_weights

Feeds = Mapping[str, NDArray[np.generic]]


class CompiledFile:
    """A compiled file and its sessions. Sessions that not every caller needs are opened on demand.

    Several threads may use a compiled file.

    Attributes:
        info: metadata of the file.
        target: target that the file is compiled for.
        model: the compiled ONNX model without JpegDecode, and without an ingest that only native
            kernels can run. Large external weights stay in their file.
        folder: folder of the file.
        execution: number of nodes that native kernels and function bodies run.
        providers: execution providers of the sessions.
        begins_at_image: whether the input of `model` is the network's input.
        session: session of `model`.
        output_names: names of the source model's outputs, in its order.
        fixed_batch: fixed number of images, or of views, per run; None for a dynamic batch.
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
        """Open a file; the arguments are as for `Session`.

        Raises:
            AccessError, UnsupportedModelError: as `jpegcompile.load`.
        """
        self._path = os.fspath(path)
        model, info = read_compiled(path)
        self.info: CompiledInfo = require_compiled(info, self._path)
        # `save` follows a link and writes the weights to the folder of the linked file.
        self._file = Path(os.path.realpath(path) if os.path.islink(path) else path)
        self.folder = self._file.parent
        load_weights(model, self._file)
        self.target: Target = _target_of(self.info, self._path)
        self.execution: Execution = execution_of(model, native).in_a_session()
        begin_behind_decode(model)
        self.begins_at_image = preprocesses(model)
        if self.begins_at_image:
            assert self.info.ingest_output is not None
            model = begin_at(model, self.info.ingest_output, self.info.input)
        self.model = model
        self._threads, self._native, self._arena = threads, native, arena
        has_kernels = self.execution.library is not None
        self.providers = providers_for(providers, path, native=has_kernels, progress=progress)
        self._lock = threading.Lock()
        self._network: ort.InferenceSession | None = None
        self._whole: ort.InferenceSession | None = None
        # A second session, for other samplings, shares the weights to save memory.
        self._weights = {} if self.info.input_mode == "tensor" else shared_weights(model)
        self.session = self._open(model)
        self.providers = self.providers.as_used_by(self.session)
        if CUDA_PROVIDER in self.session.get_providers():
            self.execution = self.execution.on_cuda(cuda.operators(self.providers.kernel_files))
        self.output_names: list[str] = [output.name for output in self.session.get_outputs()]
        self.fixed_batch = self._batch()

    def network(self) -> ort.InferenceSession:
        """Return the session of the network after the ingest."""
        with self._lock:
            if self.begins_at_image:
                return self.session
            if self._network is None:
                assert self.info.ingest_output is not None
                network = begin_at(self.model, self.info.ingest_output, self.info.input)
                self._network = self._open(network)
                # ONNX Runtime keeps the model, including weights, to move it to other devices.
                self._network._model_bytes = None
            return self._network

    def whole(self) -> ort.InferenceSession:
        """Return the session of the whole file.

        Raises:
            UsageError: if the file requires native kernels and there are none.
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
        """Run a batch of images; average the outputs over the views of each image.

        Args:
            session: a session of the file.
            feeds: inputs of one batch. With several views, only the image [N, views, ...].
            shared: inputs besides the image; they are the same for all images.

        Raises:
            RowsError: if an output does not have one row per image or view.
            UsageError: if an input besides the image is missing, or the views are missing.
        """
        views = self.info.views
        if views == 1:
            return self.run(session, feeds, shared)
        ((name, images),) = feeds.items()
        if images.ndim != 5 or images.shape[1] != views:
            raise UsageError(
                Message(
                    "image-views-missing",
                    f"{self._path}: runs on {views} views of an image, [N, {views}, ...], but the"
                    f" image has shape {list(images.shape)}; create it by Session.image_of or"
                    " Session.preprocessor",
                )
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
        """Run a session once; the arguments are as for `run_batch`.

        Raises:
            RowsError, UnsupportedModelError: as `run_batch`.
            UsageError: if an input besides the image is missing.
        """
        given = {*feeds, *(shared or {})}
        missing = [i.name for i in session.get_inputs() if i.name not in given]
        if missing:
            raise UsageError(
                Message(
                    "shared-input-missing",
                    f"{self._path}: requires input '{missing[0]}' besides the image; run"
                    " Session.inference_session with Session.feeds and that input",
                )
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
                Message(
                    "native-kernels-required",
                    f"{self._path}: only native kernels can read its input, and there are none"
                    " (--no-native, native=False, or not installed); use Session.run, which reads"
                    " files itself",
                )
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
            Message(
                "compiled-target-unknown",
                f"{path}: is compiled for the unknown target '{info.target}'; upgrade jpegcompile",
            )
        )
    return TARGETS[info.target]
