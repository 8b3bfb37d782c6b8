"""The verbs with and without native kernels, and their reports of what runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.commands import fails, few_images, run_json, run_text

import jpegcompile
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.runtime import native
from jpegcompile.runtime.native import operators_of

IMAGE = images_path() / "0" / "00.jpg"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "digits.jpeg.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(path)
    return path


def test_run_says_what_runs(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    execution = jpegcompile.load(compiled).execution
    assert execution.native_nodes > 0
    assert run_text(capsys, "run", compiled, IMAGE).endswith(f"\n{execution}\n")
    assert run_json(capsys, "run", compiled, IMAGE)["execution"] == execution.to_json()


def test_run_without_native_kernels(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = jpegcompile.load(compiled, native=False).execution.body_nodes
    text = run_text(capsys, "run", compiled, IMAGE, "--no-native")
    assert text.endswith(f"\njpegcompile nodes: 0 by native kernels, {nodes} by function bodies\n")
    execution = run_json(capsys, "run", compiled, IMAGE, "--no-native")["execution"]
    assert (execution["library"], execution["native"]) == (None, {})
    assert execution["body_nodes"] == nodes


def test_inspect_says_what_runs(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    execution = jpegcompile.load(compiled).execution
    assert f"\nruns here: {execution}\n" in run_text(capsys, "inspect", compiled)
    assert run_json(capsys, "inspect", compiled)["execution"] == execution.to_json()
    assert run_json(capsys, "inspect", model_path())["execution"] is None


def test_a_damaged_library_is_one_line_and_exit_5(
    compiled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"damaged")
    monkeypatch.setattr(native, "custom_ops_library", lambda: broken)
    images = few_images(tmp_path)
    commands: tuple[tuple[object, ...], ...] = (
        ("run", compiled, IMAGE),
        ("verify", model_path(), compiled, "--images", images),
        ("compare", model_path(), compiled, "--images", images),
    )
    for command in (*commands, ("inspect", compiled)):
        message = fails(capsys, 5, *command)
        assert message.startswith(f"{broken}: cannot load the native kernels: ")
    operators_of.cache_clear()
    for command in commands:
        run_text(capsys, *command, "--no-native")
