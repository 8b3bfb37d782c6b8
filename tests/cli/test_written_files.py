"""Files that `compile` writes besides the model: weights, and the graph after each pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.commands import refuses, run_json, run_text
from support.external_models import external_residual

from jpegcompile.digits import model_path, preprocess_path
from jpegcompile.pipeline import pass_names
from jpegcompile.target.ort import ORT

COMPILE = ("compile", model_path(), "--preprocess", preprocess_path(), "-o")


def test_external_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, output = tmp_path / "plain.onnx", tmp_path / "m.onnx"
    run_text(capsys, *COMPILE, plain)
    text = run_text(capsys, *COMPILE, output, "--external-data")
    data = tmp_path / "m.onnx.data"
    first, second, *_ = text.splitlines()
    assert first.startswith(f"{output}: ")
    assert first.endswith(f", {output.stat().st_size:,} bytes")
    assert second == f"{data}: its weights, {data.stat().st_size:,} bytes"
    assert output.stat().st_size < plain.stat().st_size < data.stat().st_size * 2
    assert run_json(capsys, *COMPILE, output, "--external-data")["weights"] == str(data)
    assert run_json(capsys, *COMPILE, plain)["weights"] is None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.onnx", data.name, "plain.onnx"]


def test_inputs_are_not_overwritten_by_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = external_residual(tmp_path)
    weights = tmp_path / "weights.bin"
    content = weights.read_bytes()
    options = ("compile", source, "--input", "tensor", "-o")
    code = "output-is-input"
    message = refuses(capsys, 2, code, *options, weights)
    assert f"{weights}: is a file of the model's weights" in message
    data = tmp_path / "m.onnx.data"
    data.symlink_to(weights)
    message = refuses(capsys, 2, code, *options, tmp_path / "m.onnx", "--external-data")
    assert f"{data}: is a file of the model's weights" in message
    plan = tmp_path / "plan.data"
    plan.write_text('{"frequencies": 8}', encoding="utf-8")
    file = ("--external-data", "--frequencies", plan)
    message = refuses(capsys, 2, code, *options, tmp_path / "plan", *file)
    assert f"{plan}: is the file of --frequencies" in message
    saved = ("--external-data", "--save-frequencies", tmp_path / "o.onnx.data")
    message = refuses(capsys, 2, code, *options, tmp_path / "o.onnx", *saved)
    assert f"{saved[2]}: is the weights of --output" in message
    assert weights.read_bytes() == content
    assert not (tmp_path / "m.onnx").exists()


def test_dump_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "passes"
    run_text(capsys, *COMPILE, tmp_path / "m.onnx", "--dump-passes", folder)
    assert len(list(folder.iterdir())) == len(pass_names(ORT)) + 2
    assert (folder / "00-source.onnx").exists()


def test_folders_of_passes_that_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    output = tmp_path / "m.onnx"
    message = refuses(capsys, 5, "dump-folder-is-file", *COMPILE, output, "--dump-passes", file)
    assert message.startswith(f"{file}: ")
    clash = tmp_path / "00-source.onnx"
    message = refuses(capsys, 2, "output-is-input", *COMPILE, clash, "--dump-passes", tmp_path)
    assert f"{clash}: is --output" in message
    assert "--dump-passes" in message
    assert not output.exists()
