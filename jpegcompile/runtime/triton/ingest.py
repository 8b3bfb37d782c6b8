"""The ingest of a compiled module, for files of any frame."""

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
    """Turns coefficients of files into the network's input.

    Each frame that differs from the frame of the model gets its own ingest, created on first use.

    Attributes:
        layout: layout of the network's input.
    """

    def __init__(
        self, y: MapLayout, frame: Frame, taken: NetworkInput, precision: Precision
    ) -> None:
        """Create the ingest for files of `frame`; the arguments are as for `Ingest`."""
        super().__init__()
        self.layout = y
        self._y, self._frame, self._taken, self._precision = y, frame, taken, precision
        self.written = self._of(frame)
        self._others: OrderedDict[Frame, KernelModule] = OrderedDict()

    def _of(self, frame: Frame) -> KernelModule:
        spec = Ingest(self.layout, frame, self._taken)
        module = KernelModule(spec, self._precision)
        # Compute this property now, because `torch.compile` cannot trace its NumPy code.
        spec.windows  # noqa: B018
        for name, values in spec.tensors.items():
            module.register_buffer(name, torch.from_numpy(values.copy()), persistent=False)
        return module

    def forward(self, **coefficients: Tensor) -> Tensor:
        """Return the network's input [N, *y.shape] for files of the model's frame."""
        return self.written(**coefficients)

    if TYPE_CHECKING:

        def __call__(self, **coefficients: Tensor) -> Tensor:
            """See `forward`."""

    def for_frame(self, frame: Frame) -> KernelModule:
        """Return the ingest for files of any frame that preprocessing brings to the right size."""
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
