"""The worked example of docs/finetune.md, on the demo's network and images without labels."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import onnx
import pytest
from support.pages import examples
from support.tiers import thorough

from jpegcompile.cli import run_command
from jpegcompile.digits import images_path, model_path, preprocess_path


def loss_of(printed: str, row: str) -> float:
    """The validation loss in a row: after the number of images, before top-1."""
    [line] = [line for line in printed.splitlines() if line.startswith(row)]
    return float(line.removeprefix(row).split()[-5])


@thorough
def test_the_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(model_path(), "resnet.onnx")
    shutil.copy(preprocess_path(), "preprocess.json")
    Path("photos").mkdir()
    for index, file in enumerate(sorted(images_path().rglob("*.jpg"))):
        shutil.copy(file, f"photos/{index}.jpg")
    [block] = examples("finetune.md", "console")
    printed = []
    for line in block.splitlines():
        assert run_command(shlex.split(line.removeprefix("$ jpegcompile "))) == 0
        printed.append(capsys.readouterr().out)
    assert len(printed) == 4
    plain = float(re.findall(r"the same prediction on ([\d.]+) %", printed[1])[0])
    assert plain < 100
    before, after = (loss_of(printed[2], row) for row in ("before learning", "after epoch"))
    assert after < before
    [learned] = re.findall(r"decode: ([\d.]+) %", printed[3])
    assert float(learned) > 75
    assert onnx.load("learned.onnx").graph.node == onnx.load("resnet.onnx").graph.node
