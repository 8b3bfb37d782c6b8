"""A small model for `--target triton`, which Triton's interpreter runs in moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from support.graphs import Graph
from support.images import make_jpeg
from torch import Tensor

import jpegcompile
from jpegcompile.evaluation.gpu_check.networks import Network
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.runtime.triton.kernel import KernelModule

# Two equal convolutions, one in groups, and a pool.
SMALL = Graph(
    "(T[N,3,4,4] x) => (T[] y) {"
    " a = Conv(x, first)"
    " b = Relu(a)"
    " c = Conv(b, second)"
    " d = Relu(c)"
    " e = Conv(d, third)"
    " f = Relu(e)"
    " g = Conv<group=2, pads=[1,1,1,1]>(f, grouped)"
    " h = GlobalAveragePool(g)"
    " y = Flatten(h)"
    "}",
    {"first": (8, 3, 1, 1), "second": (8, 8, 1, 1), "third": (8, 8, 1, 1), "grouped": (8, 4, 3, 3)},
)


def small_folder(path: Path, *, batch: str = "N") -> Path:
    """The folder of `SMALL` at `path`; it takes the image as a tensor, of any batch or of one."""
    graph = replace(SMALL, text=SMALL.text.replace("N,", f"{batch},"))
    compiled = jpegcompile.compile(graph.model("float"), input="tensor", target="triton")
    compiled.save(path)
    return path


def small_network(folder: Path, batch: int = 2) -> Network:
    """`SMALL` for images of 8x8, with two of them, in `folder`."""
    graph = replace(SMALL, text=SMALL.text.replace("3,4,4", "3,8,8"))
    images = folder / "images"
    images.mkdir()
    for quality in (75, 90):
        file = make_jpeg(8, 8, quality=quality)
        (images / f"{quality}.jpg").write_bytes(file)
    onnx.save(graph.model("float"), folder / "small.onnx")
    return Network("small", folder / "small.onnx", preprocess_of("unit"), images, batch)


def plant(
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[Tensor], Tensor],
    is_meant: Callable[[KernelModule], bool] = lambda module: True,
) -> None:
    """Have kernels make something else."""
    forward = KernelModule.forward

    def faulty(self: KernelModule, **maps: Tensor) -> Tensor:
        made = forward(self, **maps)
        return fault(made) if is_meant(self) else made

    monkeypatch.setattr(KernelModule, "forward", faulty)
