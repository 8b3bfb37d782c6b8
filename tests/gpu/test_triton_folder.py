"""The folder that --target triton writes, and loading it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx_graphsurgeon as gs
import pytest
import torch
from support.ahead_of_time import compiled
from support.codes import refused
from support.commands import run_json, run_text
from support.graphs import Graph
from support.processes import fresh, succeeds
from support.triton_modules import PREPROCESS, Material, Written

import jpegcompile
from jpegcompile.backends.triton.nodes import plain_nodes
from jpegcompile.cli import run_command
from jpegcompile.digits import model_path, preprocess_path
from jpegcompile.errors import AccessError, UnsupportedModelError, UsageError
from jpegcompile.gpu.folder import CUBINS, MANIFEST, MODEL, WEIGHTS
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.runtime.session import Session
from jpegcompile.runtime.triton import load


def test_writing_twice_gives_the_same_bytes(
    tmp_path: Path, tiny: Material, written: Written
) -> None:
    tiny.write(tmp_path / "again")
    for name in (MODEL, WEIGHTS, MANIFEST):
        assert (tmp_path / "again" / name).read_bytes() == (written.folder / name).read_bytes()


def test_the_source_is_clean(written: Written) -> None:
    root = Path(__file__).resolve().parents[2]
    check = [sys.executable, "-m", "ruff", "check", "--config", str(root / "pyproject.toml")]
    done = subprocess.run([*check, str(written.folder / MODEL)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    text = (written.folder / MODEL).read_text()
    assert "self.kernel(" in text
    assert str(written.folder) not in text


@pytest.mark.thorough
def test_the_source_has_types(written: Written) -> None:
    check = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    done = subprocess.run([*check, str(written.folder / MODEL)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.thorough
def test_a_fresh_process_imports_the_runtime_alone(tiny: Material, written: Written) -> None:
    code = """
import sys
import jpegcompile
module = jpegcompile.load(sys.argv[1])
assert module.run([sys.argv[2]])[0].shape == (1, 10)
unwanted = ("onnx_graphsurgeon", "jpegcompile.passes", "jpegcompile.ir", "jpegcompile.analysis",
            "jpegcompile.backends", "jpegcompile.frontend", "jpegcompile.cost")
found = [n for n in sys.modules for u in unwanted if n == u or n.startswith(u + ".")]
assert not found, found
"""
    succeeds(code, written.folder, tiny.files[0])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_refuses(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "is_interpreted", lambda: False)
    with refused("module-gpu-missing", AccessError) as caught:
        jpegcompile.load(written.folder)
    assert "TRITON_INTERPRET=1" in str(caught.value)


@pytest.mark.thorough
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_a_process_refuses(written: Written) -> None:
    code = """
import os, sys
os.environ.pop("TRITON_INTERPRET", None)
import jpegcompile
try:
    jpegcompile.load(sys.argv[1])
except jpegcompile.errors.AccessError as error:
    print(error.code, error)
"""
    said = fresh("import jpegcompile.errors" + code, written.folder).stdout
    assert said.split()[0] == "module-gpu-missing"
    assert "TRITON_INTERPRET=1" in said


def test_a_changed_file_is_refused(tmp_path: Path, tiny: Material) -> None:
    tiny.write(tmp_path / "m")
    weights = tmp_path / "m" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\0")
    with refused("module-file-changed", UnsupportedModelError) as caught:
        jpegcompile.load(tmp_path / "m")
    assert "weights.safetensors" in str(caught.value)
    weights.unlink()
    with refused("module-file-unreadable", AccessError):
        jpegcompile.load(tmp_path / "m")


def test_a_newer_format_is_refused(tmp_path: Path, tiny: Material) -> None:
    tiny.write(tmp_path / "m")
    manifest = json.loads((tmp_path / "m" / MANIFEST).read_text())
    (tmp_path / "m" / MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    with refused("manifest-too-new", UnsupportedModelError) as caught:
        jpegcompile.load(tmp_path / "m")
    assert "99" in str(caught.value)


def test_another_file_in_place_of_the_manifest(tmp_path: Path, tiny: Material) -> None:
    tiny.write(tmp_path / "m")
    (tmp_path / "m" / MANIFEST).write_text("{}")
    with refused("manifest-invalid", UnsupportedModelError) as caught:
        jpegcompile.load(tmp_path / "m")
    assert str(tmp_path / "m" / MANIFEST) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "code", "named"),
    [
        ({"target": "ort", "precision": "float16"}, "precision-not-in-target", "use float32"),
        ({"target": "triton", "precision": "int8"}, "precision-unknown", "'int8'; use float32"),
        ({"target": "triton", "gpu": "sm_1"}, "gpu-unknown", "use sm_80, sm_90, sm_100"),
        ({"target": "ort", "gpu": "sm_90"}, "gpu-without-layouts", "--gpu"),
        ({"target": "onnx", "aot": ["sm_90"]}, "aot-without-gpu-kernels", "--aot"),
        ({"target": "triton", "input": "jpeg"}, "jpeg-input-needs-kernels", "--target triton"),
        ({"target": "triton", "lean": True}, "kernel-options-without-kernels", "--lean"),
    ],
)
def test_what_a_target_has_not(options: dict[str, Any], code: str, named: str) -> None:
    with refused(code, UsageError) as caught:
        jpegcompile.compile(model_path(), preprocess=preprocess_path(), **options)
    assert named in str(caught.value)


def test_architectures_that_there_are_not() -> None:
    with refused("architecture-unknown", UsageError):
        jpegcompile.compile(
            model_path(), preprocess=preprocess_path(), target="triton", aot=["sm_1"]
        )


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from jpegcompile.target import triton as target

    monkeypatch.setattr(target, "find_spec", lambda name: None if name == "triton" else object())
    with refused("target-package-missing", AccessError) as caught:
        jpegcompile.compile(model_path(), target="triton", preprocess=preprocess_path())
    assert "requires triton," in str(caught.value)


def test_models_with_several_inputs_are_refused() -> None:
    text = "(T[N,3,16,16] x, T[1] z) => (T[N,3,16,16] y) { r = Relu(x)  y = Mul(r, z) }"
    model = Graph(text).model("float")
    with refused("triton-several-inputs", UnsupportedModelError) as caught:
        jpegcompile.compile(model, target="triton", **PREPROCESS)
    assert "'z'" in str(caught.value)


def test_nodes_without_a_meaning_for_pytorch_are_refused() -> None:
    foreign = gs.Node("Act", "a", domain="com.example")
    with refused("triton-operator-domain-unknown", UnsupportedModelError) as caught:
        list(plain_nodes(foreign, None, 17))
    assert "node 'a' is com.example::Act" in str(caught.value)
    decode = gs.Node("JpegDecode", "d", domain="jpegcompile")
    with refused("triton-without-function-body", UnsupportedModelError) as caught:
        list(plain_nodes(decode, OPERATORS["JpegDecode"], 17))
    assert "node 'd' (JpegDecode)" in str(caught.value)


def test_commands(tmp_path: Path, tiny: Material, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "m"
    common = ["--target", "triton", "--preprocess", "unit"]
    assert "JPEG-domain maps" in run_text(capsys, "compile", tiny.model, *common, "-o", folder)
    said = run_text(capsys, "inspect", folder)
    assert "Convolution" in said
    assert "GPU kernels in tf32x3" in said
    source = run_json(capsys, "inspect", tiny.model, "--target", "triton")
    assert source["report"]["calls"]
    run_text(capsys, "compile", tiny.model, *common, "-o", folder)
    said = run_text(capsys, "run", folder, tiny.files[0])
    assert "GPU kernels in tf32x3 on cpu" in said


def test_a_folder_that_cannot_be_written(tmp_path: Path, tiny: Material) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / MODEL).write_text("mine")
    model = jpegcompile.compile(tiny.model, target="triton", **PREPROCESS)
    with refused("triton-output-is-file", AccessError):
        model.save(tmp_path / "file")
    with refused("triton-output-has-other-files", AccessError):
        model.save(tmp_path / "notes")
    with refused("output-write-failed", AccessError):
        model.save(tmp_path / "none" / "m")
    assert (tmp_path / "notes" / MODEL).read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "notes"]
    options = ["--target", "triton", "--preprocess", "unit", "-o", str(tmp_path / "notes")]
    assert run_command(["compile", str(tiny.model), *options]) == 5


def test_a_write_that_fails_keeps_what_was_there(tmp_path: Path, tiny: Material) -> None:
    tiny.write(tmp_path / "m")
    before = {name: (tmp_path / "m" / name).read_bytes() for name in (MODEL, MANIFEST)}
    (tmp_path / "m" / WEIGHTS).unlink()
    (tmp_path / "m" / WEIGHTS).mkdir()
    model = jpegcompile.compile(tiny.model, target="triton", truncate=6, **PREPROCESS)
    with refused("output-not-a-file", AccessError):
        model.save(tmp_path / "m")
    assert (tmp_path / "m" / MODEL).read_bytes() == before[MODEL]
    assert (tmp_path / "m" / MANIFEST).read_bytes() == before[MANIFEST]


COMPILE = """
import json, sys
import jpegcompile
from jpegcompile.gpu.cubin_file import read_cubins
_, model, folder, again = sys.argv
for path in (folder, again):
    compiled = jpegcompile.compile(model, target="triton", preprocess="unit", aot=["sm_90"])
    compiled.save(path)
print(len(read_cubins(folder + "/kernels.cubins")))
"""


@pytest.mark.thorough
def test_kernels_compiled_ahead_of_time(tmp_path: Path, tiny: Material) -> None:
    folder, again = tmp_path / "m", tmp_path / "again"
    count = int(compiled(COMPILE, tiny.model, folder, again))
    for name in (MODEL, WEIGHTS, MANIFEST, CUBINS):
        assert (folder / name).read_bytes() == (again / name).read_bytes()
    records = json.loads((folder / MANIFEST).read_text())["cubins"]
    assert len(records) == count
    called = {call["attribute"] for record in records for call in record["calls"]}
    assert called == {"image", "r1", "r2", "sum", "r4", "pool"}
    assert all(record["stack"] == record["local_instructions"] == 0 for record in records)
    assert all(record["tensor_instructions"] for record in records if "conv" in record["kernel"])
    grids = {call["grid"] for record in records for call in record["calls"]}
    # The ingest has one program for each square of the image, a convolution one for each 64 pixels.
    assert {"1, 1, batch", "2 * batch, 1, 1"} <= grids
    # Compiling again without kernels removes the file.
    jpegcompile.compile(tiny.model, target="triton", **PREPROCESS).save(folder)
    assert not (folder / CUBINS).exists()


def test_an_interpreted_process_compiles_nothing(tiny: Material) -> None:
    with refused("kernels-interpreted", UsageError):
        jpegcompile.compile(tiny.model, target="triton", aot=["sm_80"], **PREPROCESS)


def test_what_takes_files_alone_says_so(written: Written) -> None:
    with refused("model-is-module-folder", UnsupportedModelError):
        Session(written.folder)
