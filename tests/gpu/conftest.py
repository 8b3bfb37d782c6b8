"""Fixtures: GPU kernels in Triton's interpreter, and a module that uses them."""

from __future__ import annotations

import onnx
import pytest
from support.coefficient_files import SAMPLINGS, random_file
from support.interpreter import speed_up
from support.tiny_residual import tiny_residual
from support.triton_modules import Array, Material, Written


@pytest.fixture(scope="session", autouse=True)
def fast_interpreter() -> None:
    speed_up()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("tiny")
    onnx.save(tiny_residual(height=8, width=16), folder / "tiny.onnx")
    images = folder / "images"
    images.mkdir()
    samplings = {"a": "4:2:0", "b": "4:2:0", "c": "4:4:4"}
    for name, sampling in samplings.items():
        content = random_file(SAMPLINGS[sampling], 16, 8)
        (images / f"{name}.jpg").write_bytes(content)
    return Material(folder / "tiny.onnx", images, tuple(sorted(images.iterdir())))


@pytest.fixture(scope="session")
def written(tiny: Material, tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("triton") / "tiny"
    return Written(folder, tiny.write(folder))


@pytest.fixture(scope="session")
def expected(tiny: Material, tmp_path_factory: pytest.TempPathFactory) -> list[Array]:
    return tiny.meant(tmp_path_factory.mktemp("ort") / "tiny.onnx")
