"""The ingest of a module of PyTorch, for files of every frame."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from jpegcompile.gpu.layout import MapLayout
from jpegcompile.jpeg.frame import Frame
from jpegcompile.kernels.ingest.launch import Ingest
from jpegcompile.network_input import NetworkInput
from jpegcompile.precision import Precision
from jpegcompile.runtime.triton.kernel import KernelModule

_MOST_FRAMES = 16


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
        self.layout = y
        self._y, self._frame, self._taken, self._precision = y, frame, taken, precision
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
        """The ingest of files of any frame that comes to the network's size."""
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
