"""The experiments of the paper on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support.codes import code_in
from support.commands import fails, few_images, require_schema, run_json, run_text
from support.tiers import thorough

from jpegcompile.digits import model_path, preprocess_path

MODEL = str(model_path())


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_images(tmp_path_factory.mktemp("images"))


def command(images: Path, output: Path) -> tuple[object, ...]:
    arguments = ("paper", MODEL, "--images", images, "--preprocess", preprocess_path())
    return (*arguments, "--blocks", 1000, "--limit", 20, "-o", output)


@thorough
def test_paper(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = run_text(capsys, *command(images, tmp_path))
    for line in (
        "mean RMSE of ReLU over 1,000 random blocks",
        "digits_resnet.onnx on 20 images, all 15 frequencies:",
        "coefficients, compiled model   ",
        "top-1 by frequencies, without retraining",
        "images a second, ",
    ):
        assert line in text
    files = list(tmp_path.iterdir())
    assert len(files) == 7
    assert {str(file) for file in files} == set(text.splitlines()[-len(files) :])
    require_schema("paper", json.loads((tmp_path / "paper.json").read_text(encoding="utf-8")))


@thorough
def test_json(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything except times is the same in every run."""
    first, second = (run_json(capsys, *command(images, tmp_path / name)) for name in "ab")
    assert second == json.loads((tmp_path / "b" / "paper.json").read_text(encoding="utf-8"))
    assert {**first, "throughput": None} == {**second, "throughput": None}


def test_paper_usage(
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "results"
    assert fails(capsys, 2, "paper") == (
        "Missing option '-o' / '--output'; see 'jpegcompile paper --help' [parameter-missing]"
    )
    assert code_in(fails(capsys, 2, "paper", MODEL, "-o", folder)) == "paper-images-missing"
    file = tmp_path / "file"
    file.write_bytes(b"")
    message = fails(capsys, 5, "paper", "-o", file)
    assert message.startswith(f"{file}: ")
    assert code_in(message) == "paper-output-not-a-folder"
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    message = fails(capsys, 5, "paper", "-o", folder)
    assert "pip install 'jpegcompile[paper]'" in message
    assert code_in(message) == "matplotlib-not-installed"
    assert list(tmp_path.iterdir()) == [file]
