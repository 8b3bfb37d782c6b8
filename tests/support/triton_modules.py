"""A small network, written for --target triton and for ONNX Runtime, with files for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import jpegcompile
from jpegcompile.runtime.triton.module import CompiledModule

Array = NDArray[Any]
# float32 kernels and tf32x3 ones round differently from the CPU's, as a fraction of the logits.
AGREEMENT = 1e-4
PREPROCESS: dict[str, Any] = {"preprocess": "unit"}


@dataclass(frozen=True)
class Material:
    """A network, and files for it: of the sampling that it is compiled for, and one of another."""

    model: Path
    images: Path
    files: tuple[Path, ...]

    def write(self, folder: Path, **options: Any) -> CompiledModule:
        """The network for Triton."""
        jpegcompile.compile(self.model, target="triton", **PREPROCESS, **options).save(folder)
        return jpegcompile.load_module(folder)

    def meant(self, path: Path, **options: Any) -> list[Array]:
        """What the network says of all files on ONNX Runtime."""
        jpegcompile.compile(self.model, **PREPROCESS, **options).save(path)
        return list(jpegcompile.load(path).run(self.files))


@dataclass(frozen=True)
class Written:
    """A folder with its module."""

    folder: Path
    module: CompiledModule


def distance(made: Sequence[Any], expected: Sequence[Any], count: int | None = None) -> float:
    """The largest error of outputs for `count` files, as a fraction of the largest value."""
    pairs = zip(made, (values[:count] for values in expected), strict=True)
    return max(float(np.abs(m - e).max() / np.abs(e).max()) for m, e in pairs)
