"""The verb `bench`: printed output, JSON and errors. No test depends on measured times."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper
from support.bench_results import QUICK, STEPS, assert_times, steps_of
from support.codes import code_in
from support.commands import drawn_on_a_terminal, fails, few_images, run_json, run_text
from support.images import make_jpeg
from support.tiers import thorough
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.digits import model_path, preprocess_path
from jpegcompile.runtime import native
from jpegcompile.runtime.native import operators_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module")
def compiled(folder: Path) -> Path:
    path = folder / "digits.jpeg.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(path)
    return path


@pytest.fixture(scope="module")
def for_tensors(folder: Path) -> Path:
    path = folder / "digits.tensor.onnx"
    jpegcompile.compile(model_path(), input="tensor", preprocess=preprocess_path()).save(path)
    return path


@thorough
def test_json_of_a_model_for_coefficients(
    compiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--batches", "3,1", "--threads", "2", "--rounds", 2, "--seconds", 0)
    data = run_json(capsys, "bench", model_path(), compiled, *arguments)
    assert (data["mode"], data["rounds"], data["left_out"]) == ("coefficients", 2, 0)
    assert data["execution"] == jpegcompile.load(compiled).execution.to_json()
    assert list(data["inputs"]) == ["quality 75", "quality 90"]
    low, high = (data["inputs"][name] for name in data["inputs"])
    assert low["count"] == high["count"] == 16
    assert low["bytes"] < high["bytes"]
    assert [(c["batch"], c["threads"]) for c in data["cells"]] == [(3, 2), (1, 2)]
    assert_times(data, ["spatial", "compiled"])
    qualities = ("quality 75", "quality 90")
    wanted = [(s, None if s == "network" else q) for s in STEPS for q in qualities]
    for cell in data["cells"]:
        assert steps_of(cell) == list(dict.fromkeys(wanted))
        check = cell["sides"]["compiled"]["check"]
        # Only complete batches of the 16 inputs of each quality are used.
        assert check["inputs"] == (32 if cell["batch"] == 1 else 30)
        (output,) = check["outputs"]
        assert 0 < output["conversion"] < 2e-4 < output["decoder"]
        assert output["same_top1"] == check["inputs"]


@thorough
def test_with_the_function_bodies_and_single_nodes(
    compiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("bench", model_path(), compiled, *QUICK, "--portable", "--per-op")
    data = run_json(capsys, *arguments)
    assert_times(data, ["spatial", "compiled", "portable"])
    (cell,) = data["cells"]
    operators = {name: side["operators"] for name, side in cell["sides"].items()}
    # The profile lists native kernels by their names, and function bodies as the nodes inside.
    for op, count in data["execution"]["native"].items():
        assert operators["compiled"][op]["nodes"] == count
    assert not [op for op in operators["portable"] if op.startswith("Jpeg")]
    assert "Conv" in operators["spatial"]
    for side in cell["sides"].values():
        seconds = [node["seconds"] for node in side["nodes"]]
        assert seconds == sorted(seconds, reverse=True)
        sums = sum(operator["seconds"] for operator in side["operators"].values())
        assert sums == pytest.approx(sum(seconds))


def test_text(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = run_text(capsys, "bench", model_path(), compiled, *QUICK, "--portable", "--per-op")
    lines = text.splitlines()
    head = "batch threads step inputs spatial compiled ratio bodies ratio"
    assert lines[0].split() == head.split()
    assert lines[1].split()[:5] == ["1", "1", "decode", "quality", "75"]
    for step in (*STEPS, "peak memory", "  beyond the modules'", "session creation"):
        assert f"                {step}  " in text.replace("    1        1  ", 16 * " ")
    execution = jpegcompile.load(compiled).execution
    assert f"\ncompiled: {execution}\n" in text
    assert "\nthe same answers on 32 inputs in every process: the largest error is " in text
    assert "\nquality 90: 16 inputs, " in text
    for side in ("spatial", "compiled", "bodies"):
        (start,) = (i for i, line in enumerate(lines) if line.startswith(f"{side}, batch 1, 1 "))
        assert lines[start + 1].split() == ["node", "op", "ms", "of", "all"]
        rows = lines[start + 2 :]
        count = rows.index("") if "" in rows else len(rows)
        assert 10 < count <= 20


def test_a_model_for_tensors(for_tensors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = run_json(capsys, "bench", model_path(), for_tensors, *QUICK)
    assert_times(data, ["spatial", "compiled"])
    assert data["inputs"] == {"random tensors": {"count": 16, "bytes": None}}
    assert steps_of(data["cells"][0]) == [("network", None)]
    assert data["cells"][0]["sides"]["compiled"]["check"]["inputs"] == 16


@thorough
def test_images_of_the_user(
    compiled: Path, for_tensors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = few_images(tmp_path)
    arguments = (*QUICK, "--images", images)
    data = run_json(capsys, "bench", model_path(), compiled, *arguments)
    assert list(data["inputs"]) == ["images"]
    assert steps_of(data["cells"][0])[0] == ("decode", "images")
    data = run_json(capsys, "bench", model_path(), for_tensors, *arguments)
    assert data["inputs"] == {"images": {"count": 16, "bytes": None}}
    assert data["files"] == 16


def test_a_model_of_standard_operators_has_no_bodies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "standard.onnx"
    jpegcompile.compile(model_path(), preprocess="unit", target="onnx").save(path)
    message = fails(capsys, 2, "bench", model_path(), path, *QUICK, "--portable")
    assert message.startswith(f"{path}: ")
    assert code_in(message) == "bench-no-native-kernels"


def test_images_of_other_samplings_are_left_out(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gray.jpg").write_bytes(make_jpeg(32, 32, "L"))
    (tmp_path / "full.jpg").write_bytes(make_jpeg(32, 32, subsampling="4:4:4"))
    arguments = ("bench", model_path(), compiled, *QUICK, "--images", tmp_path)
    message = fails(capsys, 4, *arguments)
    assert message.startswith(f"{tmp_path}: ")
    assert "4:2:0" in message
    assert code_in(message) == "bench-no-image-of-sampling"
    (tmp_path / "usual.jpg").write_bytes(make_jpeg(32, 32, subsampling="4:2:0"))
    text = run_text(capsys, *arguments)
    assert "\nleft out: 2 files of other samplings\n" in text
    assert "\nimages: 1 file, run as 16 inputs, " in text
    (tmp_path / "large.jpg").write_bytes(make_jpeg(40, 32))
    assert "large.jpg: is 40x32 but the model takes 32x32" in fails(capsys, 4, *arguments)


@pytest.mark.parametrize(
    "portable", [pytest.param((), marks=[thorough]), pytest.param(("--portable",))]
)
def test_wrong_answers_are_not_timed(
    portable: tuple[str, ...], compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(compiled)
    weight = max(model.graph.initializer, key=lambda t: len(t.dims) == 4 and t.dims[0])
    values = numpy_helper.to_array(weight).copy()
    values *= 1.01
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    path = tmp_path / "wrong.onnx"
    onnx.save(model, path)
    message = fails(capsys, 1, "bench", model_path(), path, *QUICK, *portable)
    assert message.startswith("output 'logits': conversion error ")
    assert "run jpegcompile verify" in message
    assert code_in(message) == "conversion-error-above-tolerance"


@thorough
def test_a_model_that_approximates_is_timed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "few.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path(), frequencies=6).save(path)
    text = run_text(capsys, "bench", model_path(), path, *QUICK)
    assert "\nthe model was compiled to approximate: the largest error of its outputs is " in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--batches", "1,x"],
            "Invalid value for '--batches': '1,x' is not a list of whole numbers from 1 to 65536,"
            " such as 1,8; see 'jpegcompile bench --help' [parameter-malformed]",
        ),
        (
            ["--threads", "0"],
            "Invalid value for '--threads': '0' is not a list of whole numbers from 1 to 1024,"
            " such as 1,8; see 'jpegcompile bench --help' [parameter-malformed]",
        ),
    ],
)
def test_usage(
    arguments: list[str], message: str, compiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fails(capsys, 2, "bench", model_path(), compiled, *arguments) == message


@thorough
def test_a_model_of_a_fixed_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, path = tmp_path / "source.onnx", tmp_path / "compiled.onnx"
    onnx.save(tiny_residual(batch=2), source)
    jpegcompile.compile(source, input="tensor").save(path)
    message = fails(capsys, 2, "bench", source, path, *QUICK)
    assert message.startswith(f"{source}: ")
    assert code_in(message) == "bench-fixed-batch"
    data = run_json(capsys, "bench", source, path, *QUICK[2:])
    assert [cell["batch"] for cell in data["cells"]] == [2]


def test_models_that_do_not_belong_together(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.onnx"
    onnx.save(tiny_residual(), other)
    assert "was compiled from another model" in fails(capsys, 2, "bench", other, compiled)
    assert "was not written by jpegcompile" in fails(capsys, 3, "bench", other, other)


def test_a_sampling_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path(), subsampling="4:1:1").save(path)
    message = fails(capsys, 2, "bench", model_path(), path, *QUICK)
    assert "4:1:1" in message
    assert code_in(message) == "bench-sampling-not-generated"


def test_a_damaged_library(
    compiled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"damaged")
    monkeypatch.setattr(native, "custom_ops_library", lambda: broken)
    message = fails(capsys, 5, "bench", model_path(), compiled, *QUICK)
    assert message.startswith(f"{broken}: cannot load the native kernels: ")
    operators_of.cache_clear()


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_progress_is_drawn(for_tensors: Path) -> None:
    assert b"timing" in drawn_on_a_terminal("bench", model_path(), for_tensors, *QUICK)
