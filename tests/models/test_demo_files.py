"""The files of the demo, and errors of the script that makes them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.codes import refused

from jpegcompile import digits
from jpegcompile.digits import train
from jpegcompile.errors import AccessError


def test_the_files_exist() -> None:
    assert digits.model_path().is_file()
    assert digits.preprocess_path().is_file()
    assert len(list(digits.images_path().rglob("*.jpg"))) == 200


def test_a_missing_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(digits, "files", lambda _: tmp_path)
    with refused("demo-file-missing", AccessError) as caught:
        digits.model_path()
    assert str(caught.value).startswith(str(tmp_path / digits.MODEL_NAME))


def test_training_without_a_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(digits, "digits", raising=False)
    monkeypatch.delitem(sys.modules, "jpegcompile.digits.digits", raising=False)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with refused("demo-training-module-missing", AccessError) as caught:
        train.make_demo(1, 0, tmp_path)
    assert "sklearn" in str(caught.value)
    assert train.main(["--output", str(tmp_path)]) == AccessError.exit_code
    assert "sklearn" in capsys.readouterr().err


def test_a_folder_that_is_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    image = SimpleNamespace(digit=3, data=b"")
    model = SimpleNamespace(SerializeToString=lambda **_: b"")
    network: dict[str, Any] = {
        "fit": lambda *_: None,
        "accuracy": lambda *_: 1.0,
        "PIXEL_SCALE": 1.0,
        "PIXEL_MEAN": 0.0,
        "PIXEL_DEVIATION": 1.0,
    }
    for name, members in (
        ("digits", {"make_digits": lambda *_, **__: [image]}),
        ("export", {"to_onnx": lambda _: model}),
        ("network", network),
    ):
        monkeypatch.setattr(digits, name, SimpleNamespace(**members), raising=False)
    output = tmp_path / "file"
    output.write_bytes(b"")
    with refused("demo-not-written", AccessError) as caught:
        train.make_demo(1, 0, output)
    assert str(caught.value).startswith(f"{output}: ")
    train.make_demo(1, 0, tmp_path)
    assert (tmp_path / "images" / "3" / "00.jpg").is_file()
