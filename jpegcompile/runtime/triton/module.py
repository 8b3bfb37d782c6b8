"""Compiled models as modules of PyTorch."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jpegcompile.errors import ImageError, UsageError
from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.packed import PackedBatch
from jpegcompile.jpeg.pixel_image import ReadImage, coefficients_of
from jpegcompile.jpeg.read import ImageSource, source_name
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.kernels.ingest.launch import Ingest
from jpegcompile.metadata import CompiledInfo
from jpegcompile.network_input import NetworkInput
from jpegcompile.precision import Precision, precision_of
from jpegcompile.processors import available_processors
from jpegcompile.runtime.batch import fill
from jpegcompile.runtime.image_runner import ImageRunner, Shared, listed
from jpegcompile.runtime.inputs import coefficient_feeds, ingested, original_input
from jpegcompile.runtime.outputs import joined, require_rows
from jpegcompile.runtime.triton.kernel import KernelModule
from jpegcompile.runtime.triton.launching import DTYPES
from jpegcompile.runtime.triton.maps import from_graph, to_graph
from jpegcompile.runtime.triton.packed import unpacked_on

_MOST_FRAMES = 16
_BATCH = 32


class IngestModule(nn.Module):
    """From the coefficients of files to the image that the network takes.

    Files of other sampling than the model is compiled for have an ingest of their own, made when
    the first of them comes.

    Attributes:
        layout: of the image.
    """

    def __init__(
        self, y: MapLayout, frame: Frame, taken: NetworkInput, precision: Precision
    ) -> None:
        """The ingest of files of `frame`; see `Ingest`."""
        super().__init__()
        self._frame, self._taken, self._precision = frame, taken, precision
        self.layout = y
        self.written = self._of(frame)
        self._others: OrderedDict[Frame, KernelModule] = OrderedDict()

    def _of(self, frame: Frame) -> KernelModule:
        spec = Ingest(self.layout, frame, self._taken)
        module = KernelModule(spec, self._precision)
        # Made once here: `torch.compile` traces launches, and no NumPy in them.
        spec.windows  # noqa: B018
        for name, values in spec.tensors.items():
            module.register_buffer(name, torch.from_numpy(values.copy()), persistent=False)
        return module

    def forward(self, **coefficients: Tensor) -> Tensor:
        """The image [N, *y.shape] of files of the frame that the model is compiled for."""
        return self.written(**coefficients)

    if TYPE_CHECKING:

        def __call__(self, **coefficients: Tensor) -> Tensor:
            """See `forward`."""

    def for_frame(self, frame: Frame) -> KernelModule:
        """The ingest of files of any frame of the network's size."""
        if frame == self._frame:
            return self.written
        if frame not in self._others:
            device = next(self.written.buffers()).device
            self._others[frame] = self._of(frame).to(device)
            self._others[frame].use(self.written.tiling)
            if len(self._others) > _MOST_FRAMES:
                self._others.popitem(last=False)
        self._others.move_to_end(frame)
        return self._others[frame]

    def _apply(self, fn: Any, recurse: bool = True) -> IngestModule:
        self._others.clear()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


@dataclass(frozen=True)
class ModuleExecution:
    """What runs the nodes of a module.

    Attributes:
        kernels: calls of GPU kernels.
        torch_operators: how many nodes operators of PyTorch run, by operator.
        precision: of maps and products.
        device: where they run.
    """

    kernels: int
    torch_operators: Mapping[str, int]
    precision: str
    device: str

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return asdict(self)

    def __str__(self) -> str:
        """One line for people."""
        others = ", ".join(f"{count} {op}" for op, count in self.torch_operators.items())
        text = f"{self.kernels} GPU kernels in {self.precision} on {self.device}"
        return f"{text}; by operators of PyTorch: {others}" if others else text


class CompiledModule(nn.Module, ImageRunner):
    """A compiled model: the base of the class `Model` in every emitted `model.py`.

    It is called with the tensors that `feeds` gives, and returns the output of the source model, or
    a tuple if there are several. `run` takes files. It pickles by its path.

    Attributes:
        path: of the folder.
        info: what the model says of itself.
        precision: of maps and products.
        output_names: of the source model, in its order.
        torch_operators: how many nodes operators of PyTorch run, by operator.
        fixed_batch: the batch that the model is bound to, None if any will do.
        batch_size: images that `run` computes at once.
        packed: whether `run` sends coefficients to the device packed; if None, it does so where the
            device is a GPU.
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
        """Called by `Model`; weights are loaded by `jpegcompile.load`.

        Args:
            info: what the model says of itself.
            precision: of maps and products.
            outputs: names of the outputs.
            fixed_batch: the batch that the model is bound to, None if any will do.
            parameters: the parameters of `forward` by the names of inputs, where they differ.
        """
        super().__init__()
        self.info = info
        self.path = ""
        self.torch_operators: dict[str, int] = {}
        self.precision = precision_of(precision)
        self.output_names = list(outputs)
        self.fixed_batch = fixed_batch
        self.batch_size = self.fixed_batch or _BATCH
        self._argument_names = dict(parameters or {})
        self._process = os.getpid()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by path: another process opens the folder for itself."""
        from jpegcompile.runtime.triton.load import load_module

        return load_module, (os.path.abspath(self.path), str(self.device))

    @property
    def execution(self) -> ModuleExecution:
        """What runs the nodes of the model."""
        kernels = [m for m in self.modules() if isinstance(m, KernelModule)]
        return ModuleExecution(
            len(kernels), self.torch_operators, self.precision.name, str(self.device)
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.buffers()).device

    def kernel(self, kernel: Kernel) -> KernelModule:
        """A call of a kernel."""
        return KernelModule(kernel, self.precision)

    def ingest(self, y: MapLayout) -> IngestModule:
        """The ingest of the files that the model is compiled for."""
        assert self.info.frame is not None
        return IngestModule(y, self.info.frame, self.info.input, self.precision)

    def to_map(self, values: Tensor, layout: MapLayout, *, coefficients: bool = False) -> Tensor:
        """A tensor of the graph as kernels read it; see `from_graph`."""
        kind = DTYPES[self.precision.storage]
        return from_graph(values, layout, kind, coefficients=coefficients)

    def from_map(self, values: Tensor, layout: MapLayout, *, coefficients: bool = False) -> Tensor:
        """What a kernel made as a tensor of the graph; see `to_graph`."""
        return to_graph(values, layout, coefficients=coefficients)

    def network(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The outputs for an image as the first kernel takes it; `Model` says how."""
        raise NotImplementedError

    def feeds(self, images: Sequence[ImageSource], *, packed: bool = False) -> dict[str, Tensor]:
        """The arguments of a call for one batch of files.

        Args:
            images: paths or bytes.
            packed: whether coefficients are packed on the host and unpacked on the device. Tensors
                are the same, and fewer bytes are sent (`docs/packed_batches.md`).

        Raises:
            ImageError: if a file is damaged, or its size or sampling is not the model's
                (`run` takes other samplings).
            AccessError: if a file cannot be read.
            UsageError: if there are no images, or the model takes tensors, which are not packed.
        """
        sources = listed(images)
        if packed and self.info.frame is None:
            raise UsageError(
                f"{self.path}: takes tensors, and only coefficients can be packed; leave packed out"
            )
        read = self.coefficients(sources)
        for index, image in enumerate(read):
            if not self.fits(image):
                found = subsampling_of(image.frame) or image.color_space
                raise ImageError(
                    f"{source_name(sources, index)}: is {found} but the model is compiled for"
                    f" {self.info.subsampling}; use run"
                )
        return self._on_device(self._inputs(read), packed=packed)

    def _inputs(self, images: Sequence[ReadImage]) -> dict[str, NDArray[np.generic]]:
        if self.info.frame is not None:
            return coefficient_feeds(coefficients_of(images), self.info.frame)
        batch = [original_input(image, self.preprocess, self.info.input) for image in images]
        return {self.info.input.name: np.stack(batch)}

    def require_process(self) -> None:
        """Refuse to run in a process that was forked since.

        Raises:
            UsageError: if it was.
        """
        if self._process != os.getpid():
            raise UsageError(f"{self.path}: this module was opened before a fork; load it again")

    def run_coefficients(
        self, images: Sequence[ReadImage], shared: Shared | None = None
    ) -> list[NDArray[Any]]:
        """See `ImageRunner`; files of every sampling are ingested by kernels of their own."""
        self.require_process()
        if shared:
            raise UsageError(f"{self.path}: takes the image alone; leave the other inputs out")
        if self.info.frame is None:
            return self.run_feeds(self._inputs(images))
        groups: dict[Frame | None, list[int]] = {}
        for index, image in enumerate(images):
            frame = image.frame if isinstance(image, Coefficients) else None
            groups.setdefault(frame, []).append(index)
        parts = []
        for frame, indices in groups.items():
            chosen = [images[i] for i in indices]
            if frame is None:
                parts.append(self.run_image(self._image_of_pixels(chosen)))
                continue
            parts.append(self.run_image(self.image_of(coefficients_of(chosen), frame)))
        order = np.argsort(np.concatenate(list(groups.values())))
        if len(parts) == 1:
            return parts[0]
        return [rows[order] for rows in joined(self.output_names, parts, len(images))]

    def image_of(self, images: Sequence[Coefficients], frame: Frame) -> Tensor:
        """A batch of images as the first kernel takes them, for `run_image`.

        Args:
            images: already read.
            frame: that they have, of the network's size. It need not be the one that the model is
                compiled for, which takes files.

        Returns:
            On the device, perhaps still being computed there.
        """
        packed = self.device.type == "cuda" if self.packed is None else self.packed
        feeds = self._on_device(coefficient_feeds(images, frame), packed=packed)
        ingest = next(m for m in self.children() if isinstance(m, IngestModule))
        return ingest.for_frame(frame)(**feeds)

    def _image_of_pixels(self, images: Sequence[ReadImage]) -> Tensor:
        """The same as `image_of` of images by Pillow's decode."""
        batch = np.stack([ingested(image, self.info) for image in images])
        ingest = next(m for m in self.children() if isinstance(m, IngestModule))
        coefficients = torch.from_numpy(batch).to(self.device)
        return self.to_map(coefficients, ingest.layout, coefficients=True)

    def run_feeds(self, feeds: dict[str, NDArray[np.generic]]) -> list[NDArray[Any]]:
        """Outputs for the inputs of one batch, as arrays.

        Raises:
            UsageError: after a fork.
        """
        self.require_process()
        count = len(next(iter(feeds.values()))) if self.info.input.has_batch else 1
        filled = self._on_device(fill(feeds, self.fixed_batch))
        return self._arrays(lambda: self(**filled), count)

    def run_image(self, image: Tensor) -> list[NDArray[Any]]:
        """Outputs for a batch of images as the first kernel takes them."""
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
