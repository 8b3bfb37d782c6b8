"""The examples of docs/augmentation.md and docs/learning.md, as they stand there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from support.mixed_files import jpeg_file
from support.pages import examples
from support.tiers import thorough
from support.tiny_residual import tiny_residual


def test_augmentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for index in range(10):
        Path(f"photos/{index}.jpg").write_bytes(jpeg_file(32, 32, index))
    found = examples("augmentation.md")
    assert len(found) == 2
    shared: dict[str, object] = {}
    for code in found:
        exec(code, shared)
        assert len(shared["maps"]) == 2  # type: ignore[arg-type]


def test_modules() -> None:
    shared: dict[str, object] = {}
    exec(examples("learning.md")[0], shared)
    network = shared["network"]
    assert isinstance(network, torch.nn.Module)
    assert network(torch.randn(2, 3, 16, 16)).shape == (2, 16, 16, 16)


def test_from_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for index in range(10):
        folder = Path(f"photos/{index % 2}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{index}.jpg").write_bytes(jpeg_file(32, 32, index))
    shared: dict[str, Any] = {}
    exec(examples("learning.md")[1], shared)
    assert "4 in the JPEG domain" in capsys.readouterr().out
    assert len(shared["batch"]) == 2
    assert shared["network"][0].weight.grad.abs().max() > 0


@thorough
def test_from_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = tiny_residual()
    onnx.save(model, "resnet.onnx")
    *_, code = examples("learning.md")
    exec(code, {})
    assert onnx.load("learned.onnx").graph.node == model.graph.node
    assert Path("learned_jpeg.onnx").exists()
