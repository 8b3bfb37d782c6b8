"""ImageNet-sized networks with random calibrated weights: errors, growth and memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from support.images import make_jpeg
from support.peak_memory import peak_memory
from support.tiers import thorough
from support.zoo import resnet50, with_random_weights

import jpegcompile

pytestmark = thorough

# Error of an output relative to its largest magnitude.
TOLERANCE = 1e-5
# Of a node: deep in a random network a branch is a small difference of large sums, and rounding
# that the output does not see is 1e-5 of it. A wrong lowering is off by orders of magnitude more.
NODE_TOLERANCE = 1e-4
GROWTH = 0.02
MEMORY_BYTES = 1.5e9


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for index, quality in enumerate((50, 75, 95)):
        (folder / f"{index}.jpg").write_bytes(make_jpeg(224, 224, quality=quality, subsampling=2))
    return folder


@pytest.fixture(scope="module")
def resnet50_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("resnet50") / "resnet50.onnx"
    onnx.save(resnet50(), path)
    return path


def _light(shared: Path) -> onnx.ModelProto:
    return with_random_weights(onnx.load(shared / "models" / "light_resnet50.onnx"))


def _ferroflow(shared: Path) -> onnx.ModelProto:
    path = shared / "models" / "ferroflow_resnet18_opset18_no_weights.onnx"
    return with_random_weights(onnx.load(path, load_external_data=False))


def _check(source: Path, photographs: Path, folder: Path) -> None:
    for mode, images in (("coefficients", photographs), ("tensor", None)):
        compiled = jpegcompile.compile(source, input=mode, preprocess="imagenet")  # type: ignore[arg-type]
        assert not compiled.report.kept
        assert compiled.report.casts == (1 if mode == "tensor" else 0)
        compiled.save(folder / "compiled.onnx")
        for native in (True, False):
            result = jpegcompile.verify(
                source,
                folder / "compiled.onnx",
                images,
                samples=2,
                node_inputs=1,
                absolute=0.0,
                native=native,
            )
            (output,) = result.outputs
            assert output.conversion <= TOLERANCE * output.largest
            assert result.nodes[0].relative < NODE_TOLERANCE


@pytest.mark.shared
@pytest.mark.parametrize("make", [_light, _ferroflow])
def test_third_party_structures_convert(
    make: Callable[[Path], onnx.ModelProto], shared: Path, photographs: Path, tmp_path: Path
) -> None:
    onnx.save(make(shared), tmp_path / "source.onnx")
    _check(tmp_path / "source.onnx", photographs, tmp_path)


def test_resnet50_converts(resnet50_file: Path, photographs: Path, tmp_path: Path) -> None:
    _check(resnet50_file, photographs, tmp_path)


@pytest.mark.parametrize("target", ["ort", "onnx"])
def test_resnet50_stays_small(resnet50_file: Path, target: str, tmp_path: Path) -> None:
    output = tmp_path / "compiled.onnx"
    command = [sys.executable, "-P", "-m", "jpegcompile", "compile", str(resnet50_file)]
    command += ["-o", str(output), "--preprocess", "imagenet", "--target", target]
    assert peak_memory(command) < MEMORY_BYTES
    assert output.stat().st_size <= (1 + GROWTH) * resnet50_file.stat().st_size
