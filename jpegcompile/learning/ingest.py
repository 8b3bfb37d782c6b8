"""The ingest as a PyTorch module: quantized coefficients to a network's input.

    x = D_b (M (R_k C_k S_k) + offset)      design.md section 2; `dct/ingest.py`

C_k are the dequantized coefficients of component k, R_k and S_k the matrices of rows and columns,
which include the block DCT D_b of the result, and M mixes components into normalized channels. The
module is linear in coefficients, mixing and offset, and differentiable in all of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jpegcompile.dct.blocks import dct_matrix
from jpegcompile.dct.color import mixing_matrix
from jpegcompile.dct.ingest import fill_offset, ingest_operators
from jpegcompile.errors import UsageError
from jpegcompile.interface import AXIS_INPUTS, CHROMA, LEVEL, LUMA, QUANTIZATION
from jpegcompile.jpeg.frame import Frame
from jpegcompile.learning.maps import without_autocast
from jpegcompile.messages import Message
from jpegcompile.network_input import NetworkInput


class JpegIngest(nn.Module):
    """Turns coefficients into a network's input [N, C, H, W], in the JPEG domain.

    The arithmetic keeps the type of the matrices, float32 as a rule, also under autocast and after
    `half()` or `bfloat16()`.

    Attributes:
        block: block size of the result; 1 for pixels.
    """

    transform: Tensor

    def __init__(self, block: int = 8, tables: Mapping[str, Tensor] | None = None) -> None:
        """Create an ingest.

        Args:
            block: block size of the result, the same as that of the matrices.
            tables: inputs that are the same in every batch, by name; see `for_frame`.
        """
        super().__init__()
        self.block = block
        tables = tables or {}
        self._names = tuple(tables)
        for name, values in tables.items():
            self.register_buffer(name, values, persistent=False)
        self.register_buffer(
            "transform", torch.tensor(dct_matrix(block), dtype=torch.float64), persistent=False
        )

    @classmethod
    def for_frame(cls, frame: Frame, taken: NetworkInput, block: int | None = None) -> JpegIngest:
        """Return the ingest for files of one size and sampling, without augmentation.

        Its inputs are `luma`, `chroma` (unless the files are gray) and `quantization`, as
        `Session.feeds` returns them.

        Args:
            frame: frame of the files.
            taken: image input of the network.
            block: block size of the result. Default: the largest that divides the network's size.

        Raises:
            ImageError: as `ingest_operators`.
            UsageError: as `ingest_operators`; or if EXIF turns the files by 90 degrees.
        """
        made = ingest_operators(frame, taken, block)
        if made.is_transposed:
            raise UsageError(
                Message(
                    "learning-frame-turned",
                    f"orientation {frame.orientation} turns these files by 90 degrees, and"
                    " one pair of matrices cannot do that; use the batches of ImageDataset",
                )
            )
        tables = {"mixing": made.mixing[None], "offset": made.offset[None]}
        for component, (rows, columns) in enumerate(AXIS_INPUTS.values()):
            if component < len(frame.sampling):
                tables[rows] = made.rows[component].dense()[None]
                tables[columns] = made.columns[component].dense().T[None]
        if made.level is not None:
            tables[LEVEL] = made.level[None]
        return cls(made.block, _singles(tables))

    @classmethod
    def for_model(cls, path: str | os.PathLike[str]) -> JpegIngest:
        """Return the ingest of a compiled model for coefficients.

        Its inputs are those of the model, or a batch of `ImageDataset` with that model and form
        "coefficients", which contains matrices for each image if the model accepts any size.

        Args:
            path: path of the compiled model.

        Raises:
            AccessError, UnsupportedModelError: if the model cannot be read.
            UsageError: if the model accepts tensors.
        """
        from jpegcompile.data.target import Target, target_of

        target = target_of(path, "coefficients", None, None, None)
        assert isinstance(target, Target)
        info = target.info
        assert info is not None
        assert info.frame is not None
        taken, block = info.input, info.ingest_block
        if not taken.is_preprocessed:
            return cls.for_frame(info.frame, taken, block)
        color, affine = taken.from_pixels
        may_fill = taken.geometry.may_fill(taken.size)
        offset = fill_offset(taken) if may_fill else 128.0 * affine.scale + affine.shift
        mixing = mixing_matrix(info.frame.color_space, color) * affine.scale[:, None]
        return cls(block, _singles({"mixing": mixing[None], "offset": offset[None]}))

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the network's input, [N, C, H, W].

        Args:
            inputs: a batch of `ImageDataset` with form "coefficients" (`docs/augmentation.md`).
                Coefficients may also be floating-point tensors, which get gradients.
        """
        given = {**{name: getattr(self, name) for name in self._names}, **inputs}
        with without_autocast(given[LUMA]):
            return self._ingest(given)

    if TYPE_CHECKING:

        def __call__(self, inputs: Mapping[str, Tensor]) -> Tensor:
            """See `forward`."""

    def _apply(self, fn: Any, recurse: bool = True) -> JpegIngest:
        """Move buffers, but keep their precision: `network.half()` is not for the ingest."""
        before = dict(self.named_buffers(recurse=False))
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, values in before.items():
            moved: Tensor = getattr(self, name)
            if moved.dtype.itemsize < values.dtype.itemsize:
                setattr(self, name, values.to(moved.device))
        return self

    def _ingest(self, given: Mapping[str, Tensor]) -> Tensor:
        dtype = given[AXIS_INPUTS[LUMA][0]].dtype
        planes = [_resampled(given, LUMA, 0, dtype)]
        if CHROMA in given and AXIS_INPUTS[CHROMA][0] in given:
            planes.append(_resampled(given, CHROMA, 1, dtype))
        used = sum(plane.shape[1] for plane in planes)
        count, _, height, width = planes[0].shape
        offset = given["offset"].to(dtype)
        if "contrast" in given:
            # A DC coefficient is block times the mean of its tile.
            means = [plane[..., :: self.block, :: self.block].mean((2, 3)) for plane in planes]
            of_mean = given["contrast"].to(dtype)[..., :used] / self.block
            offset = offset + (of_mean @ torch.cat(means, 1)[..., None])[..., 0]
        factors = [given["mixing"].to(dtype)[..., :used], offset[..., None]]
        # Constants are more planes of the same product, which needs fewer passes over the result.
        planes.append(self._ones(height, width, planes[0]).expand(count, 1, height, width))
        level = given.get(LEVEL)
        if level is not None and level.dim() == 2:
            factors.append(level.to(dtype)[..., None])
            planes.append(_shown(given, dtype))
        mixed = torch.cat(factors, 2) @ torch.cat(planes, 1).flatten(2)
        result = mixed.reshape(*mixed.shape[:2], height, width)
        if level is not None and level.dim() == 4:
            result = result + level.to(dtype)
        if "cutout_rows" in given:
            result = result - self._square(result, given["cutout_rows"], given["cutout_columns"])
        return result

    def _ones(self, height: int, width: int, like: Tensor) -> Tensor:
        """Return the block DCT [height, width] of a map of ones: block at every DC."""
        rows, columns = (
            (torch.arange(side, device=like.device) % self.block == 0).to(like.dtype)
            for side in (height, width)
        )
        return torch.outer(rows * self.block, columns)

    def _square(self, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Return what a map shows inside of squares: D diag(m) D^T on every tile of both axes.

        Args:
            x: [N, C, H, W] in the JPEG domain.
            rows: [N, H], 1 in the square and 0 elsewhere.
            columns: [N, W].
        """
        down, across = self._masked(rows, x.dtype), self._masked(columns, x.dtype)
        count, channels, height, width = x.shape
        b = self.block
        tiles = x.reshape(count, channels, height // b, b, width // b, b)
        return torch.einsum("nruv,ncrvsw,nswx->ncrusx", down, tiles, across).reshape(x.shape)

    def _masked(self, mask: Tensor, dtype: torch.dtype) -> Tensor:
        """Return D diag(m) D^T of every tile of an axis, [N, tiles, block, block]."""
        transform = self.transform.to(dtype)
        tiles = mask.to(dtype).reshape(len(mask), mask.shape[1] // self.block, 1, self.block)
        return torch.matmul(transform * tiles, transform.T)


def _singles(arrays: Mapping[str, NDArray[np.float64]]) -> dict[str, Tensor]:
    return {name: torch.tensor(values, dtype=torch.float32) for name, values in arrays.items()}


def _resampled(given: Mapping[str, Tensor], name: str, first: int, dtype: torch.dtype) -> Tensor:
    """Return the components [N, 1 or 2, H, W] of a plane at the network's size."""
    blocks = given[name]
    tables = given[QUANTIZATION][:, first : first + blocks.shape[1], None, None]
    dequantized = blocks.to(dtype) * tables.to(dtype)
    count, components, high, wide = blocks.shape[:4]
    plane = dequantized.transpose(3, 4).reshape(count, components, 8 * high, 8 * wide)
    rows, columns = (_of_images(given, axis) for axis in AXIS_INPUTS[name])
    return rows @ plane @ columns


def _of_images(given: Mapping[str, Tensor], name: str) -> Tensor:
    """Return the matrices of all images, [N, 1, ...], or the only matrix [...] of a batch."""
    table = given[name]
    if table.shape[0] == 1:
        return table[0]
    index = given.get(f"{name}_index")
    return (table if index is None else table[index])[:, None]


def _shown(given: Mapping[str, Tensor], dtype: torch.dtype) -> Tensor:
    """Return the block DCT [N, 1, H, W] of maps that are 1 where they show the image."""
    rows, columns = given["level_rows"].to(dtype), given["level_columns"].to(dtype)
    return (rows[:, :, None] * columns[:, None, :])[:, None]
