"""One call of a GPU kernel as a module of PyTorch."""

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

# Rows and channels of the interpreter's tiles.
_COARSE = 256

# A launch as text, what it reads and makes, and the shape of that: constants for `torch.compile`.
StepText = tuple[str, tuple[str, ...], str, tuple[int, ...]]


class KernelModule(nn.Module):
    """A kernel with its weights.

    Attributes:
        kernel: what is computed, with the layouts of all maps.
        precision: of maps and products.
        tiling: how the kernel divides its work.
    """

    def __init__(self, kernel: Kernel, precision: Precision, tiling: Tiling | None = None) -> None:
        """Make the transforms; weights are registered by `CompiledModule`.

        Args:
            kernel: what is computed.
            precision: of maps and products.
            tiling: of its launches; the default one if not given.
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
        """Divide the work of later launches in another way."""
        self.tiling = tiling
        self._steps.clear()

    @torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
    def steps(self, batch: int) -> tuple[StepText, ...]:
        """The launches for `batch` images."""
        if batch not in self._steps:
            made = steps_of(self.kernel, batch, self.precision, self.tiling)
            self._steps[batch] = tuple(map(_text_of, made))
        return self._steps[batch]

    def forward(self, **maps: Tensor) -> Tensor:
        """The map that the kernel makes of the maps that it reads.

        Args:
            maps: [N, *layout.shape], by role.

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
    """The default tiling; for the interpreter, to which each step costs the same, a coarse one."""
    tiling = kernel.default_tiling(precision)
    if not is_interpreted():
        return tiling
    # The weights of a convolution in groups are packed for its channels.
    is_packed = isinstance(kernel, Convolution) and kernel.group > 1
    channels = tiling.channels if is_packed else max(tiling.channels, _COARSE)
    return replace(tiling, rows=max(tiling.rows, _COARSE), channels=channels, depth=64)
