"""Errors a user can cause: one line on stderr, the documented exit code, nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from support.codes import code_in
from support.commands import fails, refuses
from support.images import make_jpeg

from jpegcompile import cli
from jpegcompile.cli import run_command
from jpegcompile.digits import images_path, model_path

MODEL = str(model_path())


def test_a_missing_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.onnx"
    message = fails(capsys, 5, "inspect", path)
    assert message.startswith(f"{path}: cannot read: No such file or directory;")
    assert code_in(message) == "compiled-model-unreadable"


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "nowhere" / "out.onnx"
    message = fails(capsys, 5, "compile", MODEL, "-o", output, "--preprocess", "unit")
    assert message.startswith(f"{output}: cannot write: No such file or directory;")
    assert code_in(message) == "output-not-writable"


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    # A limit on the file size makes write() fail like a full disk.
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "from jpegcompile.cli import run_command\n"
        "sys.exit(run_command(sys.argv[1:]))\n"
    )
    output = tmp_path / "out.onnx"
    output.write_bytes(b"what was there before")
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            script,
            "compile",
            MODEL,
            "-o",
            str(output),
            "--preprocess",
            "unit",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5
    assert done.stderr.startswith(f"jpegcompile: {output}: cannot write: File too large;")
    assert code_in(done.stderr) == "output-write-failed"
    assert [path.name for path in tmp_path.iterdir()] == ["out.onnx"]
    assert output.read_bytes() == b"what was there before"


def test_what_is_not_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = images_path() / "0" / "00.jpg"
    line = ("compile", image, "-o", tmp_path / "o.onnx", "--preprocess", "unit")
    assert refuses(capsys, 3, "model-not-onnx", *line).startswith(f"{image}: ")
    assert not list(tmp_path.iterdir())


def test_strict_refuses_what_stays_spatial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["a"], "first"),
        helper.make_node("LRN", ["a"], ["b"], "norm", size=3),
        helper.make_node("Relu", ["b"], ["c"], "last"),
    ]
    weights = [
        helper.make_tensor("w", TensorProto.FLOAT, [4, 3, 1, 1], [0.5] * 12),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 16, 16])],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, ["N", 4, 16, 16])],
        weights,
    )
    source, output = tmp_path / "model.onnx", tmp_path / "out.onnx"
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), source)
    arguments = ("compile", source, "-o", output, "--preprocess", "unit")
    message = refuses(capsys, 3, "strict-node-kept", *arguments, "--strict")
    assert message.startswith(f"{source}: LRN 'norm' would stay spatial: ")
    assert not output.exists()
    assert run_command([str(a) for a in arguments]) == 0
    assert "kept spatial: LRN 'norm': " in capsys.readouterr().out


def test_bad_images(compiled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truncated = tmp_path / "truncated.jpg"
    truncated.write_bytes((images_path() / "0" / "00.jpg").read_bytes()[:-40])
    message = fails(capsys, 4, "run", compiled, truncated)
    assert message.startswith(f"{truncated}: damaged: Premature end of JPEG file;")
    assert "(--tolerant, or tolerant=True in Python)" in message
    assert code_in(message) == "jpeg-damaged"
    larger = tmp_path / "larger.jpg"
    larger.write_bytes(make_jpeg(33, 32))
    message = fails(capsys, 4, "run", compiled, larger)
    assert message.startswith(f"{larger}: is 33x32 but the model takes 32x32;")
    assert code_in(message) == "image-size-mismatch"
    missing = tmp_path / "missing.jpg"
    message = fails(capsys, 5, "run", compiled, missing)
    assert message.startswith(f"{missing}: cannot read: No such file or directory;")
    assert code_in(message) == "image-unreadable"
    assert code_in(fails(capsys, 4, "run", compiled, compiled)) == "jpeg-not-recognized"


def test_folders_without_images(
    compiled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    message = fails(capsys, 5, "verify", MODEL, compiled, "--images", empty)
    assert message.startswith(f"{empty}: ")
    assert "(.jpg, .jpeg, .jpe, .jfif)" in message
    assert code_in(message) == "images-folder-empty"
    message = fails(capsys, 5, "verify", MODEL, compiled, "--images", tmp_path / "none")
    assert code_in(message) == "images-folder-missing"
    message = fails(capsys, 5, "compare", MODEL, compiled, "--images", tmp_path / "none")
    assert message.startswith(f"{tmp_path / 'none'}: ")
    assert code_in(message) == "class-folders-missing"


def test_debug_shows_the_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--debug", "inspect", str(tmp_path / "none.onnx")]) == 5
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "exit_code", "code"),
    [
        (MemoryError(), 5, "out-of-memory"),
        (OSError(36, "File name too long", "x" * 300), 5, "system-error"),
        (RuntimeError("two\nlines"), 70, "internal-error"),
    ],
)
def test_errors_that_nothing_expects(
    error: Exception,
    exit_code: int,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def raising(*_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "command_of", raising)
    assert code_in(fails(capsys, exit_code, "inspect", MODEL)) == code
