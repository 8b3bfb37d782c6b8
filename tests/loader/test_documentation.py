"""The examples of docs/data.md and docs/data_cache.md, as they stand there."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from support.mixed_files import jpeg_file, mixed_file
from support.pages import examples
from support.shard_files import write_shard

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.digits import model_path, preprocess_path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the examples run."""
    monkeypatch.chdir(tmp_path)
    numbers = json.loads(Path(preprocess_path()).read_text(encoding="utf-8"))
    preprocess = {**numbers, "resize": 36, "crop": "center"}
    jpegcompile.compile(model_path(), preprocess=preprocess).save("network.jpeg.onnx")
    Path("photos").mkdir()
    for index in range(10):
        Path(f"photos/{index}.jpg").write_bytes(jpeg_file(40, 50 + index, index))
    Path("photos/broken.jpg").write_bytes(jpeg_file(40, 50)[:-99])
    for shard in range(2):
        members = {f"{i:06}.jpg": jpeg_file(40, 41 + i, i) for i in range(3)}
        members |= {f"{i:06}.cls": b"%d" % i for i in range(3)}
        ordered = dict(sorted(members.items()))
        write_shard(Path(f"shard-00{shard}.tar"), ordered)
    return tmp_path


def test_python(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, *others = examples("data.md")
    assert len(others) == 4
    shared: dict[str, object] = {}
    exec(first, shared)
    assert capsys.readouterr().out.count("photos/broken.jpg damaged") == 2
    (project / "photos" / "broken.jpg").unlink()
    for code in others:
        exec(code, shared)
    assert shared["images"] == 10
    assert capsys.readouterr().out.count("tensor([0, 1, 2, 0, 1, 2])") == 1


def test_commands(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "photos" / "broken.jpg").unlink()
    (project / "photos" / "image.png").write_bytes(mixed_file("png", 40, 50))
    refused, taken = examples("data.md", "console")
    line, expected = refused.removeprefix("$ jpegcompile ").split("\n", 1)
    assert run_command(shlex.split(line)) == 4
    assert capsys.readouterr().err == expected
    assert run_command(shlex.split(taken.removeprefix("$ jpegcompile "))) == 0
    assert "\n1 file went through the pixel fallback\n" in capsys.readouterr().out


def test_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for index in range(10):
        group = Path(f"photos/{index % 2}")
        group.mkdir(parents=True, exist_ok=True)
        (group / f"{index}.jpg").write_bytes(jpeg_file(40, 50 + index, index))
    shared: dict[str, object] = {}
    for code in examples("data_cache.md"):
        exec(code, shared)
    assert shared["count"] == 2
