"""What the C++ of a folder may include: the SIMD library of tiles knows no runtime."""

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
    "ort": {"tiles", "work"},
    "common": {"tiles", "work", "ort"},
}
# Of the adapter to ONNX Runtime kernels see this alone.
FOR_KERNELS = "ort/kernel.h"


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
    assert {path for path in paths if path.startswith("ort/")} == {FOR_KERNELS}


def test_paths_begin_at_the_one_include_root() -> None:
    for folder in [*KERNELS.iterdir(), ROOT / "jpegcompile/jpeg"]:
        assert all("/" in path and ".." not in path for path in included(folder)), folder
