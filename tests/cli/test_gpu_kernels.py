"""The verb `gpu-kernels`, and `compile --aot` for ONNX Runtime."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.ahead_of_time import compiled
from support.codes import refused
from support.commands import fails, refuses, require_schema, run_json
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import AccessError, UsageError
from jpegcompile.gpu.cubin_file import read_cubins
from jpegcompile.gpu.library import build
from jpegcompile.gpu.library.files import cached_file

# Runs two commands. To save time, there is one kernel instead of all, and no processes.
FEW = """
import sys
from concurrent.futures import ThreadPoolExecutor
from jpegcompile.cli import run_command
from jpegcompile.gpu import compile_all
from jpegcompile.gpu.library import forms
everything = forms.library_launches
forms.library_launches = lambda precision: everything(precision)[-1:]
compile_all.ProcessPoolExecutor = lambda processes, mp_context: ThreadPoolExecutor(1)
gpu_kernels = ["gpu-kernels", "--gpus"]
assert run_command([*gpu_kernels, "sm_80,sm_90"]) == 0
assert run_command([*gpu_kernels, "sm_90", "-o", sys.argv[1], "--json"]) == 0
"""


def test_where_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    one = tmp_path / "one.cubins"
    files = [cached_file("sm_80"), cached_file("sm_90")]
    *lines, printed = compiled(FEW, one).split("\n", len(files))
    assert [line.partition(":")[0] for line in lines] == [str(file) for file in files]
    for gpu, file, line in zip((80, 90), files, lines, strict=True):
        cubins = read_cubins(file)
        assert {cubin.arch for cubin in cubins} == {gpu}
        assert len(cubins) == 1
        assert line == f"{file}: 1 kernel for sm_{gpu}, {file.stat().st_size:,} bytes"
    data = json.loads(printed)
    require_schema("gpu-kernels", data)
    assert data == {"files": [{"path": str(one), "gpus": ["sm_90"], "kernels": 1}]}
    assert one.read_bytes() == files[1].read_bytes()


def test_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = "use sm_80, sm_90, sm_100"
    message = fails(capsys, 2, "gpu-kernels", "--gpus", "sm_70")
    assert "'sm_70'" in message
    unknown, unwritable, missing_triton = (
        "architecture-unknown",
        "kernel-cache-unwritable",
        "triton-not-installed",
    )
    assert message.endswith(f"{known} [{unknown}]")
    missing = tmp_path / "none" / "x"
    assert fails(capsys, 5, "gpu-kernels", "-o", missing).startswith(f"{missing}: cannot write: ")
    with refused("kernels-interpreted", UsageError):
        jpegcompile.gpu_kernels(["sm_90"], tmp_path / "x")
    assert not (tmp_path / "x").exists()
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    text = fails(capsys, 5, "gpu-kernels")
    assert "Not a directory" in text
    assert text.endswith(f"[{unwritable}]")
    monkeypatch.setattr(build, "find_spec", lambda name: None)
    with refused("triton-not-installed", AccessError) as caught:
        jpegcompile.compile(tiny_residual(), preprocess="cifar10", aot=["sm_90"])
    assert str(caught.value).startswith("--aot ")
    message = fails(capsys, 5, "gpu-kernels")
    assert message.startswith("jpegcompile gpu-kernels ")
    assert message.endswith(f"[{missing_triton}]")


def test_the_report_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from jpegcompile.gpu.library import companion

    monkeypatch.setattr(companion, "companion", lambda model, archs, progress: b"kernels")
    source, output = tmp_path / "s.onnx", tmp_path / "m.onnx"
    source.write_bytes(tiny_residual().SerializeToString())
    arguments = ("compile", source, "-o", output, "--preprocess", "cifar10", "--aot", "sm_90")
    assert run_json(capsys, *arguments)["kernels"] == str(tmp_path / "m.cubins")
    assert (tmp_path / "m.cubins").read_bytes() == b"kernels"
    clash = tmp_path / "s.cubins"
    saved = ("--save-frequencies", tmp_path / "m.cubins")
    message = refuses(capsys, 2, "output-is-input", *arguments, *saved)
    assert f"{saved[1]}: is the GPU kernels of --output" in message
    assert not clash.exists()
