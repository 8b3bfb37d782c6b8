"""The headers that each folder may include: SIMD and CUDA code does not use ONNX Runtime."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KERNELS = ROOT / "kernels"
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
# What each folder may include besides its own headers; other folders are operators.
LAYERS = {
    "tiles": set(),
    "work": {"tiles"},
    "cuda": {"tiles"},
    "ort": {"tiles", "work", "cuda"},
    "common": {"tiles", "work", "cuda", "ort"},
}
# The only headers of the adapter to ONNX Runtime that kernels may include.
FOR_KERNELS = {"ort/kernel.h", "ort/cuda_kernel.h"}


def included(folder: Path) -> list[str]:
    files = sorted([*folder.glob("*.h"), *folder.glob("*.cc")])
    return [path for file in files for path in INCLUDE.findall(file.read_text())]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_includes_lower_layers_only(layer: str) -> None:
    paths = included(KERNELS / layer)
    assert paths
    assert {path.split("/")[0] for path in paths} <= {layer, "generated"} | LAYERS[layer]


def test_kernels_see_of_the_adapter_what_is_for_them() -> None:
    folders = [path for path in KERNELS.iterdir() if path.is_dir() and path.name != "ort"]
    paths = {path for folder in folders for path in included(folder)}
    assert {path for path in paths if path.startswith("ort/")} == FOR_KERNELS


def test_kernels_for_the_cpu_know_nothing_of_cuda() -> None:
    for folder in KERNELS.iterdir():
        if folder.name in ("cuda", "ort"):
            continue
        for file in [*folder.glob("*.h"), *folder.glob("*.cc")]:
            is_for_cuda = file.stem.startswith("cuda")
            paths = INCLUDE.findall(file.read_text())
            knows = {path for path in paths if "cuda" in path}
            assert is_for_cuda or not knows, file


def test_paths_begin_at_the_one_include_root() -> None:
    for folder in [*KERNELS.iterdir(), ROOT / "jpegcompile/jpeg"]:
        assert all("/" in path and ".." not in path for path in included(folder)), folder
