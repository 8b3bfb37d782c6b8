"""A call of a GPU kernel as a PyTorch module."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from jpegcompile.gpu.kernel import Kernel, Step, steps_of
from jpegcompile.gpu.launch import Tiling
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.precision import Precision
from jpegcompile.runtime.triton.launching import (
    DTYPES,
    inputs_of,
    is_interpreted,
    launch_op,
    launch_text,
)

# Rows and channels of tiles for the interpreter.
_COARSE = 256

# Launch as text, names of its inputs, name and shape of its result: constants for `torch.compile`.
StepText = tuple[str, tuple[str, ...], str, tuple[int, ...]]


class KernelModule(nn.Module):
    """A kernel with its weights.

    Attributes:
        kernel: the kernel with the layouts of all maps.
        precision: precision of maps and products.
        tiling: tiling of the kernel's launches.
    """

    def __init__(self, kernel: Kernel, precision: Precision, tiling: Tiling | None = None) -> None:
        """Create the module with its DCT matrices. `load_module` registers the weights.

        Args:
            kernel: the kernel with the layouts of all maps.
            precision: precision of maps and products.
            tiling: tiling of the launches. Default: the kernel's default tiling.
        """
        super().__init__()
        self.kernel = kernel
        self.precision = precision
        self.tiling = _tiling(kernel, precision) if tiling is None else tiling
        self._steps: dict[int, tuple[StepText, ...]] = {}
        kind = DTYPES[precision.storage]
        for name, matrix in kernel.matrices.items():
            values = torch.tensor(matrix.values(), dtype=kind).contiguous()
            self.register_buffer(f"{name}_matrix", values, persistent=False)

    if TYPE_CHECKING:

        def __call__(self, **maps: Tensor) -> Tensor:
            """See `forward`."""

    def use(self, tiling: Tiling) -> None:
        """Set the tiling of later launches."""
        self.tiling = tiling
        self._steps.clear()

    @torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
    def steps(self, batch: int) -> tuple[StepText, ...]:
        """Return the launches for `batch` images."""
        if batch not in self._steps:
            made = steps_of(self.kernel, batch, self.precision, self.tiling)
            self._steps[batch] = tuple(map(_text_of, made))
        return self._steps[batch]

    def forward(self, **maps: Tensor) -> Tensor:
        """Run the kernel.

        Args:
            maps: input maps [N, *layout.shape] by role.

        Returns:
            [N, *kernel.y.shape].
        """
        batch = len(next(iter(maps.values())))
        known = dict(self.named_buffers(recurse=False)) | maps
        known |= {name: known[f"{name}_matrix"] for name in self.kernel.matrices}
        for text, reads, makes, shape in self.steps(batch):
            tensors = [known[name] for name in reads]
            known[makes] = launch_op(tensors, text, list(shape))
        return known["y"]


def _text_of(step: Step) -> StepText:
    reads = tuple(step.reads.get(name, name) for name in inputs_of(step.launch))
    return launch_text(step.launch), reads, step.makes, step.shape


def _tiling(kernel: Kernel, precision: Precision) -> Tiling:
    """Return the default tiling; a coarse one for the interpreter, whose steps cost the same."""
    tiling = kernel.default_tiling(precision)
    if not is_interpreted():
        return tiling
    # The weights of a grouped convolution are packed for the channels of its tiling.
    is_packed = isinstance(kernel, Convolution) and kernel.group > 1
    channels = tiling.channels if is_packed else max(tiling.channels, _COARSE)
    return replace(tiling, rows=max(tiling.rows, _COARSE), channels=channels, depth=64)
