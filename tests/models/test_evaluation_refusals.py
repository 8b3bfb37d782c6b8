"""Refusals of verify, compare and run: each by its code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser
from support.codes import code_in, refused
from support.commands import fails, few_images
from support.images import make_jpeg

import jpegcompile
from jpegcompile.digits import model_path, preprocess_path
from jpegcompile.errors import (
    AccessError,
    CheckFailedError,
    ImageError,
    UnsupportedModelError,
    UsageError,
)
from jpegcompile.evaluation.dataset import labelled_images
from jpegcompile.evaluation.meter import Meter, Variant, verification
from jpegcompile.evaluation.parts import Parts
from jpegcompile.evaluation.pillow import pillow_pixels
from jpegcompile.evaluation.shelf import Shelf
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.runtime.opening import inference_session


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "digits.jpeg.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(path)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_images(tmp_path_factory.mktemp("images"))


def test_outputs_that_do_not_exist(compiled: Path, images: Path) -> None:
    with refused("score-output-unknown", UsageError) as caught:
        jpegcompile.compare(model_path(), compiled, images, output_name="other")
    assert "'other'" in str(caught.value)
    assert "logits" in str(caught.value)


def test_numbers_of_classes(compiled: Path, images: Path) -> None:
    with refused("top-out-of-range", UsageError):
        jpegcompile.run(compiled, [images], top=0)


def test_a_folder_that_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path) -> list[str]:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr("jpegcompile.evaluation.dataset.os.listdir", gone)
    with refused("class-folders-unreadable", AccessError) as caught:
        labelled_images(tmp_path)
    assert "Input/output error" in str(caught.value)


def test_samples_and_images(
    compiled: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("verify", model_path(), compiled, "--images", images, "--samples", 3)
    assert code_in(fails(capsys, 2, *command)) == "samples-with-images"


def test_files_that_pillow_refuses() -> None:
    with refused("pillow-cannot-decode", ImageError) as caught:
        pillow_pixels(make_jpeg(16, 16)[:-200], "RGB")
    assert str(caught.value).startswith("bytes: ")


def test_a_part_that_fails(tmp_path: Path) -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 13]> g (float[N,4] x, float[M,4] z) => (float[N,4] y)'
        "{ y = Add(x, z) }"
    )
    parts = Parts(model, [["y"]], lambda part: inference_session(part, folder=tmp_path))
    held = Shelf(tmp_path, {"x": np.zeros((2, 4), "f4"), "z": np.zeros((3, 4), "f4")})
    with refused("traced-part-fails", UnsupportedModelError):
        parts.run(0, held)


def test_entries_that_jump() -> None:
    """Rounding explains one of two jumps."""
    expected = np.array([[1.0, 2.0, 3.0, 4.0]])
    actual, moved = expected.copy(), expected.copy()
    actual[0, :2] += 0.1
    moved[0, 0] += 0.1
    meter = Meter(Tolerance())
    meter.outputs(["y"], {"y": actual}, {"y": expected}, None, [Variant({"y": moved}, 1)], inputs=1)
    result = verification(meter)
    assert (result.outputs[0].jumps, result.outputs[0].own_jumps) == (2, 1)
    with refused("conversion-error-above-tolerance", CheckFailedError):
        require_passed(result)
    # Indices differ or do not.
    meter = Meter(Tolerance())
    numbers = {"y": np.array([[1, 2]])}
    meter.outputs(["y"], {"y": np.array([[1, 3]])}, numbers, None, inputs=1)
    with refused("conversion-error-above-tolerance", CheckFailedError):
        require_passed(verification(meter))
    # Of a network whose answers rounding moves, jumps say nothing.
    meter = Meter(Tolerance())
    meter.outputs(
        ["y"], {"y": actual}, {"y": expected}, None, [Variant({"y": 2 * expected}, 1)], inputs=1
    )
    with refused("output-jumps", CheckFailedError) as caught:
        require_passed(verification(meter))
    assert "2 of 4 entries" in str(caught.value)


def test_another_class() -> None:
    expected = np.array([[1.0, 2.0], [3.0, 1.0]])
    meter = Meter(Tolerance(absolute=10.0))
    meter.outputs(["y"], {"y": expected[:, ::-1]}, {"y": expected}, None, inputs=2)
    require_passed(verification(meter))
    meter = Meter(Tolerance(absolute=1.5, relative=0.0))
    meter.outputs(
        ["y"], {"y": expected - np.array([[0, 1.25], [0, 0]])}, {"y": expected}, None, inputs=2
    )
    require_passed(verification(meter))
    meter = Meter(Tolerance(absolute=1.5))
    actual = expected + np.array([[0, 0], [-1.5, 1.5]])
    meter.outputs(["y"], {"y": actual}, {"y": expected}, None, inputs=2)
    with refused("top1-differs", CheckFailedError) as caught:
        require_passed(verification(meter))
    assert "1 of 2 inputs" in str(caught.value)


def test_the_limit_of_a_jump_follows_all_inputs() -> None:
    """An error that jumps beside small values is a usual one once larger values are known."""
    small, large = np.array([[0.5, 0.25]]), np.array([[0.5, 800.0]])
    meter = Meter(Tolerance())
    meter.outputs(["y"], {"y": small + np.array([[0.01, 0.0]])}, {"y": small}, None, inputs=1)
    assert meter.result()[0].jumps == 1
    assert meter.result()[0].conversion == pytest.approx(0.01)
    meter.outputs(["y"], {"y": large}, {"y": large}, None, inputs=1)
    assert (meter.result()[0].jumps, meter.result()[0].entries) == (0, 4)
    assert meter.evidence().outputs[0].errors[0] == pytest.approx(0.01)


def test_model_of_another_source(compiled: Path, images: Path) -> None:
    other = onnx.load(model_path())
    other.graph.name = "other"
    with refused("original-differs", UsageError):
        jpegcompile.verify(other, compiled, images)
