"""Launches of the ingest on GPUs, and the bands of its matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.banded import BandedOperator
from jpegcompile.dct.ingest import ingest_operators
from jpegcompile.gpu.launch import Launch, Tiling, storage_type
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.jpeg.frame import Frame
from jpegcompile.network_input import NetworkInput
from jpegcompile.precision import Precision

# Side in pixels of the square that a program computes, and the longest step along a row.
SIDE, MOST_STEP = 16, 32


@dataclass(frozen=True)
class Band:
    """A matrix [outputs, inputs] in which every 16 outputs read a narrow window of inputs.

    Attributes:
        values: float32 [outputs, window]; outputs are padded to a multiple of 16.
        starts: int32 [outputs / 16], the first input of every 16 outputs.
    """

    values: NDArray[np.float32]
    starts: NDArray[np.int32]

    @classmethod
    def of(cls, operator: BandedOperator) -> Band:
        """Return the band of an operator; the number of outputs of a tile must divide 16."""
        tiles, side, reach = operator.values.shape
        groups = -(-tiles * side // SIDE)
        per_group = SIDE // side
        first = operator.starts[::per_group]
        last = np.maximum.reduceat(operator.starts, np.arange(0, tiles, per_group))
        needed = int((last - first).max()) + reach
        window = max(SIDE, 1 << (needed - 1).bit_length())
        values = np.zeros((groups * per_group, side, window), np.float32)
        for tile, start in enumerate(operator.starts):
            place = int(start - first[tile // per_group])
            values[tile, :, place : place + reach] = operator.values[tile]
        return cls(values.reshape(-1, window), first.astype(np.int32))


@dataclass(frozen=True)
class Ingest:
    """The ingest of files with one frame.

    Attributes:
        y: the image, as pixels.
        frame: frame of the files.
        taken: the network's input.
    """

    y: MapLayout
    frame: Frame
    taken: NetworkInput

    @property
    def has_color(self) -> bool:
        """Whether files have chroma."""
        return len(self.frame.sampling) > 1

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """Empty: no tile is transformed."""
        return {}

    @cached_property
    def tensors(self) -> Mapping[str, NDArray[np.generic]]:
        """The tensors that the kernel reads besides the files, by argument name.

        Raises:
            ImageError: as `ingest_operators` does.
        """
        operators = ingest_operators(self.frame, self.taken, block=1)
        found: dict[str, NDArray[np.generic]] = {}
        for index, name in enumerate(self._planes):
            sides = ("row", operators.rows[index]), ("column", operators.columns[index])
            for side, operator in sides:
                band = Band.of(operator)
                found[f"{name}_{side}s"], found[f"{name}_{side}_starts"] = band.values, band.starts
        mixing = np.zeros((self.y.stored_channels, 4), np.float32)
        mixing[: self.taken.channels, : operators.mixing.shape[1]] = operators.mixing
        mixing[: self.taken.channels, 3] = operators.offset
        found["mixing"] = mixing
        return found

    @cached_property
    def windows(self) -> Mapping[str, int]:
        """Number of coefficients that 16 pixels need along an axis, by the name of its matrix."""
        read = {
            f"{name}_{side}s": self.tensors[f"{name}_{side}s"].shape[1]
            for name in self._planes
            for side in ("row", "column")
        }
        return dict.fromkeys(("chroma_rows", "chroma_columns"), SIDE) | read

    def _step(self, matrix: str) -> int:
        """Return how many coefficients of a window a step reads."""
        return min(self.windows[matrix], MOST_STEP) if matrix == "chroma_columns" else SIDE

    @property
    def _planes(self) -> tuple[str, ...]:
        return ("luma", "chroma") if self.has_color else ("luma",)

    def default_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling that spills no registers on any GPU."""
        del precision
        return Tiling(SIDE, SIDE, SIDE, 4, 1)

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """Return the launch for `batch` images."""
        types = {"mixing": "fp32"}
        for name in self._planes:
            for side in ("row", "column"):
                types |= {f"{name}_{side}s": "fp32", f"{name}_{side}_starts": "i32"}
        types |= dict.fromkeys(self._planes, "i16")
        types |= {"quantization": "u16", "y": storage_type(precision)}
        numbers = {
            "height": self.y.height,
            "width": self.y.width,
            "stored": self.y.stored_channels,
            "log_block": 0,
            "tables": len(self.frame.sampling),
            "luma_table": 0,
            "blue_table": 1 if self.has_color else 0,
            "red_table": 2 if self.has_color else 0,
        }
        for index, name in enumerate(("luma", "chroma")):
            blocks = self.frame.block_counts(index) if name in self._planes else (1, 1)
            numbers[f"{name}_blocks_y"], numbers[f"{name}_blocks_x"] = blocks
            for matrix, axis in ((f"{name}_rows", "h"), (f"{name}_columns", "w")):
                numbers[f"{name}_steps_{axis}"] = self.windows[matrix] // self._step(matrix)
        constants = {
            "COLOR": self.has_color,
            "PLANES": False,
            "CHROMA_WIDTH": self._step("chroma_columns"),
            "BM": SIDE,
            "BN": SIDE,
            "PRECISION": precision.product,
        }
        grid = -(-self.y.height // SIDE), -(-self.y.width // SIDE), batch
        return Launch("ingest.triton:ingest", grid, types, numbers, constants, tiling)
