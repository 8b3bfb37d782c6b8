"""Files of JPEG coefficients as nodes take them that the native library runs on CUDA."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support.cuda_launches import Given
from support.gpu_maps import Doubles

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.ingest import ingest_operators
from jpegcompile.jpeg.frame import Frame
from jpegcompile.kernels.ingest.reference import jpeg_ingest
from jpegcompile.network_input import NetworkInput
from jpegcompile.operators.ingest import INGEST, INGEST_GRAY
from jpegcompile.operators.registry import OPERATORS

BATCH = 2
AFFINE = ChannelAffine(np.array([0.017, 0.018, 0.016]), np.array([-2.1, -2.0, -1.8]))


@dataclass(frozen=True)
class Files:
    """A batch of files of one frame, and the ingest of them.

    Attributes:
        frame: of the files.
        block: block size of the image.
        are_constant: whether the model holds matrices and mixing.
        tables: numbers of the tables of the components; all in order if there are none.
        are_dense: whether every pixel reads every coefficient of its row and column, by matrices
            that no file has; for block size 1.
    """

    frame: Frame
    block: int = 8
    are_constant: bool = True
    tables: tuple[int, ...] = ()
    are_dense: bool = False

    @property
    def has_color(self) -> bool:
        return len(self.frame.sampling) > 1

    @property
    def op(self) -> str:
        return INGEST if self.has_color else INGEST_GRAY

    @property
    def taken(self) -> NetworkInput:
        """What the network takes."""
        return NetworkInput("x", 3, *self.frame.size, "NCHW", color="RGB", affine=AFFINE)

    @cached_property
    def given(self) -> dict[str, NDArray[Any]]:
        """Inputs by name, as the compiler makes them."""
        generator = np.random.default_rng(7)
        operators = ingest_operators(self.frame, self.taken, self.block)
        used = self.tables or tuple(range(len(self.frame.sampling)))
        shape = (BATCH, max(used) + 1, 8, 8)
        values: dict[str, NDArray[Any]] = {
            "quantization": generator.integers(1, 30, shape).astype(np.uint16),
            "mixing": operators.mixing[:, :, None, None],
            "offset": operators.offset[:, None, None],
        }
        for name, index, count in (("luma", 0, 1), ("chroma", 1, 2))[: 1 + self.has_color]:
            blocks = (BATCH, count, *self.frame.block_counts(index), 8, 8)
            values |= {
                name: generator.integers(-60, 60, blocks).astype(np.int16),
                f"{name}_index": np.array(used[index : index + count]),
                f"{name}_rows": operators.rows[index].dense(),
                f"{name}_columns": operators.columns[index].dense().T,
            }
        if self.are_dense:
            sides = [name for name in values if name.endswith(("_rows", "_columns"))]
            values |= {name: generator.standard_normal(values[name].shape) for name in sides}
        return {
            name: value.astype(np.float32) if value.dtype.kind == "f" else value
            for name, value in values.items()
        }

    def inputs(self) -> list[str | Given]:
        """In the order of the operator. What function bodies alone read is not a number."""
        names = [operand.name for operand in OPERATORS[self.op].inputs]
        return [self._input(name) for name in names]

    def _input(self, name: str) -> str | Given:
        if name.endswith("shape"):
            return "index 1"
        if name not in self.given:
            return "input 1"
        is_file = name in ("luma", "chroma", "quantization")
        return Given(self.given[name], self.are_constant and not is_file)

    @property
    def on_device(self) -> dict[int, NDArray[Any]]:
        """Inputs that stay there, by their place."""
        names = [operand.name for operand in OPERATORS[self.op].inputs]
        return {
            place: self.given[name]
            for place, name in enumerate(names)
            if name in ("luma", "chroma", "quantization")
        }

    def meant(self, block: int | None = None) -> Doubles:
        """The image in float64 [N, 3, H, W], in blocks of the attribute or of `block`."""
        given = self.given
        used = self.tables or tuple(range(len(self.frame.sampling)))
        if self.are_dense:
            return self._by_matrices()
        return jpeg_ingest(
            given["luma"],
            given.get("chroma"),
            given["quantization"][:, list(used)],
            frame=self.frame,
            color="RGB",
            affine=AFFINE,
            block=self.block if block is None else block,
        )

    def _by_matrices(self) -> Doubles:
        """What the matrices of the node make."""
        given = {name: value.astype(float) for name, value in self.given.items()}
        components = []
        for name in ("luma", "chroma")[: 1 + self.has_color]:
            tables = given["quantization"][:, self.given[f"{name}_index"], None, None]
            batch, count, rows, columns, _, _ = given[name].shape
            in_place = (given[name] * tables).transpose(0, 1, 2, 4, 3, 5)
            plane = in_place.reshape(batch, count, 8 * rows, 8 * columns)
            components.append(given[f"{name}_rows"] @ plane @ given[f"{name}_columns"])
        mixed = np.einsum("ckij,nkhw->nchw", given["mixing"], np.concatenate(components, 1))
        return np.asarray(mixed + given["offset"])
