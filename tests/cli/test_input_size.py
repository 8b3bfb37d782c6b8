"""--input-size on the command line, with the demo's network at a dynamic image size."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from support.commands import few_images, refuses, run_json, run_text
from support.open_size import opened
from support.tiers import thorough

from jpegcompile.digits import model_path, preprocess_path

SIZE = ("--input-size", "32x32")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "open.onnx"
    onnx.save(opened(onnx.load(model_path()), 2, 3), path)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_images(tmp_path_factory.mktemp("images"))


def test_inspect(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run_json(capsys, "inspect", model, "--input-size", "64x48")["report"]
    assert report["nodes"][0]["output_shape"][2:] == [64, 48]
    message = refuses(capsys, 3, "image-size-dynamic", "inspect", model)
    assert message.startswith(f"{model}: input 'image' ")
    assert "(?x?)" in message
    assert "--input-size" in message


def test_compile_verify_compare_and_run(
    model: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "compiled.onnx"
    run_text(capsys, "compile", model, "-o", output, "--preprocess", preprocess_path(), *SIZE)
    assert "input coefficients for 'image' 3x32x32 NCHW" in run_text(capsys, "inspect", output)
    text = run_text(capsys, "verify", model, output, "--images", images)
    assert text.endswith("the same answers on 40 inputs\n")
    assert run_json(capsys, "compare", model, output, "--images", images)["agreement_exact"] == 1.0
    assert len(run_json(capsys, "run", output, images)["predictions"]) == 40


@thorough
def test_a_search(
    model: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = run_json(
        capsys,
        *("compile", model, "-o", tmp_path / "few.onnx", "--preprocess", preprocess_path(), *SIZE),
        *("--frequencies", "auto", "--max-drop", 15, "--images", images, "--truncate", 15),
        *("--cache", tmp_path),
    )
    assert data["search"]["mean_frequencies"] < 15


@thorough
def test_paper(
    model: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("paper", model, "--images", images, "--preprocess", preprocess_path())
    output = tmp_path / "results"
    run_json(capsys, *arguments, "-o", output, *SIZE, "--blocks", 1000, "--limit", 10)
    written = json.loads((output / "paper.json").read_text(encoding="utf-8"))
    assert written["images"] == 10
