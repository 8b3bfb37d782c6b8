"""Compiled models as PyTorch modules."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jpegcompile.errors import UsageError
from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.packed import PackedBatch
from jpegcompile.jpeg.pixel_image import ReadImage, coefficients_of
from jpegcompile.jpeg.read import ImageSource
from jpegcompile.jpeg.unusable import ImageReader
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo
from jpegcompile.precision import precision_of
from jpegcompile.processors import available_processors
from jpegcompile.runtime.batch import fill, images_at_once
from jpegcompile.runtime.image_runner import ImageRunner, Shared
from jpegcompile.runtime.input_tensors import coefficient_feeds, ingested_at, original_input
from jpegcompile.runtime.outputs import joined, require_rows
from jpegcompile.runtime.preprocessor import Preprocessor
from jpegcompile.runtime.tensor_reader import usable_tensors
from jpegcompile.runtime.triton.call_inputs import read_for_call
from jpegcompile.runtime.triton.execution import ModuleExecution
from jpegcompile.runtime.triton.ingest import IngestModule
from jpegcompile.runtime.triton.kernel import KernelModule
from jpegcompile.runtime.triton.launching import DTYPES
from jpegcompile.runtime.triton.maps import from_graph, to_graph
from jpegcompile.runtime.triton.packed import unpacked_on
from jpegcompile.runtime.triton.photographs import is_for_device, is_for_host
from jpegcompile.runtime.views import over_views


class CompiledModule(nn.Module, ImageRunner):
    """A compiled model: the base of the class `Model` in every emitted `model.py`.

    Call it with the tensors that `feeds` returns. It returns the output of the source model, or a
    tuple if there are several. `run` accepts files. A module pickles by its path.

    Attributes:
        path: path of the folder.
        info: metadata of the model.
        precision: precision of maps and products.
        output_names: names of the source model's outputs, in its order.
        torch_operators: number of nodes that operators of PyTorch run, by operator.
        fixed_batch: fixed batch size of the model; None for a dynamic batch.
        batch_size: number of images that `run` computes at once.
        packed: whether `run` sends packed coefficients to the device; None means only to a GPU.
    """

    packed: bool | None = None

    def __init__(
        self,
        info: CompiledInfo,
        *,
        precision: str,
        outputs: Sequence[str],
        fixed_batch: int | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Initialize the base of `Model`. `jpegcompile.load` loads the weights afterwards.

        Args:
            info: metadata of the model.
            precision: precision of maps and products.
            outputs: names of the outputs.
            fixed_batch: fixed batch size of the model; None for a dynamic batch.
            parameters: parameters of `forward` by the names of inputs, if the names differ.
        """
        super().__init__()
        self.info = info
        self.path = ""
        self.torch_operators: dict[str, int] = {}
        self.precision = precision_of(precision)
        self.output_names = list(outputs)
        self.fixed_batch = fixed_batch
        self.batch_size = images_at_once(self.fixed_batch, info.views)
        self._argument_names = dict(parameters or {})
        self._process = os.getpid()
        self._preprocessors: dict[bool, Preprocessor] = {}
        self._inputs_made: Counter[str] = Counter()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by path: another process opens the folder again."""
        from jpegcompile.runtime.triton.load import load_module

        return load_module, (os.path.abspath(self.path), str(self.device))

    @property
    def execution(self) -> ModuleExecution:
        """How the nodes of the model run."""
        kernels = [m for m in self.modules() if isinstance(m, KernelModule)]
        return ModuleExecution(
            len(kernels),
            self.torch_operators,
            self.precision.name,
            str(self.device),
            dict(sorted(self._inputs_made.items())),
        )

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.buffers()).device

    def kernel(self, kernel: Kernel) -> KernelModule:
        """Return a module that calls a kernel."""
        return KernelModule(kernel, self.precision)

    def ingest(self, y: MapLayout) -> IngestModule:
        """Return the ingest for files of the frame that the model is compiled for."""
        assert self.info.frame is not None
        return IngestModule(y, self.info.frame, self.info.input, self.precision)

    def to_map(self, values: Tensor, layout: MapLayout, *, coefficients: bool = False) -> Tensor:
        """Convert a tensor of the graph to the form that kernels read; see `from_graph`."""
        kind = DTYPES[self.precision.storage]
        return from_graph(values, layout, kind, coefficients=coefficients)

    def from_map(self, values: Tensor, layout: MapLayout, *, coefficients: bool = False) -> Tensor:
        """Convert the result of a kernel to a tensor of the graph; see `to_graph`."""
        return to_graph(values, layout, coefficients=coefficients)

    def network(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the outputs for an input of the first kernel; `Model` implements this."""
        raise NotImplementedError

    def feeds(self, images: Sequence[ImageSource], *, packed: bool = False) -> dict[str, Tensor]:
        """Return the arguments of a call for one batch of files.

        Args:
            images: paths or bytes.
            packed: whether to pack coefficients on the host and unpack them on the device. The
                result is the same, but fewer bytes are sent (`docs/packed_batches.md`).

        Returns:
            Tensors on the device by the names of parameters.

        Raises:
            ImageError: if a file is damaged, or its size or sampling does not fit the model. (`run`
                accepts files of any sampling.)
            AccessError: if a file cannot be read.
            UsageError: if there are no images, the model sees several views of an image, or
                `packed` is set for a model for tensors.
        """
        read = read_for_call(self, images, packed=packed)
        return self._on_device(self._inputs(read), packed=packed)

    def _inputs(self, images: Sequence[ReadImage]) -> dict[str, NDArray[np.generic]]:
        if self.info.frame is not None:
            return coefficient_feeds(coefficients_of(images), self.info.frame)
        batch = [original_input(image, self.preprocess, self.info.input) for image in images]
        return {self.info.input.name: np.stack(batch)}

    def require_process(self) -> None:
        """Raise an error if the process was forked after the module was opened.

        Raises:
            UsageError: if the process was forked.
        """
        if self._process != os.getpid():
            raise UsageError(
                Message(
                    "module-opened-before-fork",
                    f"{self.path}: the module was opened before a fork; load it again",
                )
            )

    @property
    def _is_preprocessed(self) -> bool:
        return self.info.input_mode != "tensor" and self.info.input.is_preprocessed

    def batches(
        self, sources: Sequence[ImageSource], reader: ImageReader, shared: Shared | None = None
    ) -> Iterator[tuple[list[int], list[NDArray[Any]]]]:
        """See `ImageRunner`. Preprocesses files on the host or the device to send fewer bytes."""
        if not self._is_preprocessed:
            yield from super().batches(sources, reader, shared)
            return
        self._require_image_alone(shared)
        preprocessor = self.preprocessor(tolerant=reader.tolerant)
        pixels = partial(ingested_at, taken=self.info.input, block=1)
        for start in range(0, len(sources), self.batch_size):
            some = sources[start : start + self.batch_size]
            if not is_for_host(some, self.info.input):
                found = reader.read(some, start)
                if found:
                    yield (
                        [item.index for item in found],
                        self.run_coefficients([item.image for item in found]),
                    )
                continue
            for used, image in usable_tensors(preprocessor, some, reader, len(some), pixels, start):
                yield used, self.run_image(self.from_pixels(image))

    def preprocessor(self, *, tolerant: bool = False) -> Preprocessor:
        """Return the preprocessor that turns files of any size into pixels for `from_pixels`."""
        if tolerant not in self._preprocessors:
            taken = replace(self.info.input, layout="NCHW")
            half = np.float32 if self.precision.storage == "float32" else np.float16
            self._preprocessors[tolerant] = Preprocessor(
                taken, 1, dtype=half, threads=self.threads, tolerant=tolerant
            )
        return self._preprocessors[tolerant]

    def from_pixels(self, pixels: NDArray[Any]) -> Tensor:
        """Convert pixels from the host to the input of the first kernel.

        Args:
            pixels: [N, C, H, W]; with several views [N, views, C, H, W].
        """
        self._inputs_made["on the host"] += len(pixels)
        rows = pixels.reshape(-1, *pixels.shape[-3:])
        there = torch.from_numpy(np.ascontiguousarray(rows)).to(self.device)
        image = self.to_map(there.float(), self._ingest.layout)
        return image.reshape(*pixels.shape[:-3], *image.shape[1:])

    @property
    def _ingest(self) -> IngestModule:
        return next(m for m in self.children() if isinstance(m, IngestModule))

    def _require_image_alone(self, shared: Shared | None) -> None:
        if shared:
            raise UsageError(
                Message(
                    "module-shared-inputs",
                    f"{self.path}: has no inputs besides the image; leave the other inputs out",
                )
            )

    def run_coefficients(
        self, images: Sequence[ReadImage], shared: Shared | None = None
    ) -> list[NDArray[Any]]:
        """See `ImageRunner`. Files of each frame have their own ingest kernels."""
        self.require_process()
        self._require_image_alone(shared)
        if self.info.frame is None:
            ((name, tensors),) = self._inputs(images).items()
            return self._over_views(tensors, lambda rows: self.run_feeds({name: rows}))
        groups: dict[Frame | None, list[int]] = {}
        for index, read in enumerate(images):
            frame = read.frame if isinstance(read, Coefficients) else None
            groups.setdefault(frame, []).append(index)
        parts = []
        for frame, indices in groups.items():
            parts.append(self.run_image(self.image_of([images[i] for i in indices], frame)))
        order = np.argsort(np.concatenate(list(groups.values())))
        if len(parts) == 1:
            return parts[0]
        return [rows[order] for rows in joined(self.output_names, parts, len(images))]

    def image_of(self, images: Sequence[ReadImage], frame: Frame | None) -> Tensor:
        """Return a batch of images as input of the first kernel, for `run_image`.

        Args:
            images: images that were read.
            frame: frame of the coefficients, which may differ from the frame that the model is
                compiled for; None if all images are pixels.

        Returns:
            A tensor on the device. Its computation may still be in progress.
        """
        taken, is_preprocessed = self.info.input, self._is_preprocessed
        if frame is None or (is_preprocessed and not is_for_device(frame, taken)):
            return self.from_pixels(np.stack([ingested_at(image, taken, 1) for image in images]))
        coefficients = coefficients_of(images)
        packed = self.device.type == "cuda" if self.packed is None else self.packed
        if is_preprocessed:
            self._inputs_made["on the device"] += len(images)
        feeds = self._on_device(coefficient_feeds(coefficients, frame), packed=packed)
        return self._ingest.for_frame(frame)(**feeds)

    def run_feeds(self, feeds: dict[str, NDArray[np.generic]]) -> list[NDArray[Any]]:
        """See `ImageRunner`."""
        self.require_process()
        count = len(next(iter(feeds.values()))) if self.info.input.has_batch else 1
        filled = self._on_device(fill(feeds, self.fixed_batch))
        return self._arrays(lambda: self(**filled), count)

    def run_image(self, image: Tensor) -> list[NDArray[Any]]:
        """Run a batch of inputs of the first kernel; average the outputs over views.

        Args:
            image: result of `image_of` or `from_pixels`.
        """
        return self._over_views(image, self._run_image)

    def _over_views(self, images: Any, run: Any) -> list[NDArray[Any]]:
        if self.info.views == 1:
            return list(run(images))
        return over_views(self.output_names, images, run, self.fixed_batch)

    def _run_image(self, image: Tensor) -> list[NDArray[Any]]:
        count = len(image)
        missing = (self.fixed_batch or 0) - count
        if missing > 0:
            image = torch.cat([image, image[-1:].repeat(missing, 1, 1, 1)])
        return self._arrays(lambda: self.network(image), count)

    def _on_device(
        self, feeds: dict[str, NDArray[np.generic]], *, packed: bool = False
    ) -> dict[str, Tensor]:
        if packed:
            batch = PackedBatch.of(feeds, self.threads or available_processors())
            there = unpacked_on(batch, self.device)
        else:
            there = {n: torch.from_numpy(v).to(self.device) for n, v in feeds.items()}
        return {self._argument_names.get(name, name): values for name, values in there.items()}

    def _arrays(self, compute: Any, count: int) -> list[NDArray[Any]]:
        with torch.inference_mode():
            made = compute()
        outputs = [t.cpu().numpy() for t in (made if isinstance(made, tuple) else (made,))]
        total = self.fixed_batch or count
        require_rows(self.output_names, outputs, total)
        return [output[:count] for output in outputs] if total > 1 else outputs
