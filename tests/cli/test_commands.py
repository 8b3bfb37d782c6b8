"""Each command on the demo's network: printed output and JSON."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.codes import code_in
from support.commands import run_json, run_text
from support.graphs import Graph
from support.tiers import thorough

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.metadata import FORMAT_VERSION


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "digits.jpeg.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(path)
    return path


def test_inspect_a_source(capsys: pytest.CaptureFixture[str]) -> None:
    data = run_json(capsys, "inspect", model_path())
    assert data["compiled"] is None
    report = data["report"]
    assert (report["kept"], report["casts"]) == (0, 0)
    # The 3x3 stem of 16 channels: 32 x 32 outputs, 27 multiply-adds each.
    stem = report["nodes"][0]
    assert stem["op"] == "Conv"
    assert stem["multiply_adds"] == 32 * 32 * 16 * 27
    # Two 8-point transforms for each input coefficient; the next ReLU reads the pixels.
    assert stem["transform_multiply_adds"] == 16 * 32 * 32 * 3
    assert (stem["input_block"], stem["output_block"]) == (8, 8)
    text = run_text(capsys, "inspect", model_path())
    assert "jpeg b=8" in text
    assert f"{report['lowered']} nodes lowered, 0 kept spatial, 0 casts" in text


def test_inspect_a_compiled_file(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = run_json(capsys, "inspect", compiled)
    record = data["compiled"]
    assert record["format_version"] == FORMAT_VERSION
    assert record["tool_version"] == jpegcompile.__version__
    assert (record["input_mode"], record["subsampling"]) == ("coefficients", "4:2:0")
    assert record["frame"]["sampling"] == [[2, 2], [1, 1], [1, 1]]
    assert [record[kind]["height"] for kind in ("frame", "input")] == [32, 32]
    assert record["input"]["color"] == "RGB"
    assert record["preprocess"]["color"] == "RGB"
    assert data["report"]["kept"] == 0
    text = run_text(capsys, "inspect", compiled)
    assert record["source_sha256"] in text
    assert "subsampling 4:2:0" in text
    # In the form of a file for --preprocess.
    (line,) = (line for line in text.splitlines() if line.startswith("preprocessing "))
    assert json.loads(line.removeprefix("preprocessing ")) == record["preprocess"]


@pytest.mark.parametrize(
    ("changed", "files"),
    [
        ({"resize": 36, "crop": "center"}, "files of any size and subsampling"),
        ({"decoder": "libjpeg-turbo"}, "files of any subsampling"),
    ],
)
def test_inspect_says_which_files_are_taken(
    changed: dict[str, Any], files: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "any.onnx"
    jpegcompile.compile(model_path(), preprocess={"preset": "unit", **changed}).save(path)
    assert run_json(capsys, "inspect", path)["compiled"]["subsampling"] == "any"
    text = run_text(capsys, "inspect", path)
    assert f" NCHW, {files}\n" in text
    assert "subsampling 4:2:0" not in text


def test_compile_writes_the_file_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.onnx"
    text = run_text(
        capsys, "compile", model_path(), "-o", output, "--preprocess", preprocess_path(), "--strict"
    )
    assert text.startswith(f"{output}: ")
    assert "0 kept spatial, 0 casts" in text
    assert [path.name for path in tmp_path.iterdir()] == ["out.onnx"]
    onnx.checker.check_model(str(output), full_check=True)
    data = run_json(
        capsys,
        "compile", model_path(), "-o", output, "--input", "tensor", "--target", "onnx",
    )  # fmt: skip
    assert data["output"] == str(output)
    assert data["report"]["casts"] == 1


def test_compile_for_little_memory_or_for_many_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = []
    for index, options in enumerate(([], ["--lean"], ["--batch", "32"])):
        output = tmp_path / f"{index}.onnx"
        arguments = [model_path(), "-o", output, "--preprocess", preprocess_path(), *options]
        report = run_json(capsys, "compile", *arguments)["report"]
        methods.append([node["method"] for node in report["nodes"]])
    assert methods[0] != methods[1]
    assert any(method and method.startswith("winograd") for method in methods[0])
    assert methods[2] != methods[1]
    for option in ("--batch", "0"), ("--batch", "many"):
        arguments = [model_path(), "-o", tmp_path / "no.onnx", "--preprocess", preprocess_path()]
        assert run_command(["compile", *map(str, arguments), *option]) == 2
        assert not (tmp_path / "no.onnx").exists()


@pytest.mark.parametrize(
    ("options", "batch", "lean", "words"),
    [
        ([], 1, False, "native kernels for 1 image at a time\n"),
        (["--batch", 32], 32, False, "native kernels for 32 images at a time\n"),
        (["--batch", 2, "--lean"], 2, True, "for 2 images at a time, with little memory\n"),
        (["--target", "onnx"], None, None, ""),
    ],
    ids=["default", "many", "lean", "no kernels"],
)
def test_what_kernels_are_for_is_shown_before_and_after(
    options: list[object],
    batch: int | None,
    lean: bool | None,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "compiled.onnx"
    given = ("--preprocess", preprocess_path(), *options)
    report = run_json(capsys, "compile", model_path(), "-o", path, *given)["report"]
    if "--target" not in options:
        assert run_json(capsys, "inspect", model_path(), *given)["report"] == report
        # For the small layers of the demo, the same kernels are fastest at every batch size.
        assert (run_json(capsys, "inspect", model_path())["report"] == report) == (not lean)
    data = run_json(capsys, "inspect", path)
    assert data["report"] == report
    assert (data["compiled"]["batch"], data["compiled"]["lean"]) == (batch, lean)
    text = run_text(capsys, "inspect", path)
    assert words in text
    assert ("native kernels for" in text) == bool(words)


def test_inspect_chooses_kernels_for_the_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With few pixels and many channels, the larger tile is faster only for large batches."""
    text = (
        "(T[N,3,14,14] x) => (T[] y) { a = Conv<strides = [2, 2]>(x, v)"
        "  y = Conv<pads = [1, 1, 1, 1]>(a, w) }"
    )
    path = tmp_path / "few.onnx"
    weights = {"v": (256, 3, 1, 1), "w": (256, 256, 3, 3)}
    onnx.save(Graph(text, weights).model("float"), path)
    methods = []
    for batch in (1, 32):
        data = run_json(capsys, "inspect", path, "--input", "tensor", "--batch", batch)
        methods.append(data["report"]["nodes"][-1]["method"])
    assert methods == ["winograd2", "winograd4"]


def test_verify(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = run_json(capsys, "verify", model_path(), compiled, "--images", images_path())
    assert data["passed"]
    assert data["inputs"] == 200
    (output,) = data["outputs"]
    assert 0 < output["conversion"] < 2e-4 < output["decoder"]
    assert output["same_top1"] == 200
    errors = [node["relative"] for node in data["nodes"]]
    assert errors == sorted(errors, reverse=True)
    text = run_text(
        capsys, "verify", model_path(), compiled, "--images", images_path() / "3", "--nodes", 2
    )
    assert text.startswith("worst 2 of ")
    assert text.endswith("the same answers on 20 inputs\n")


def test_verify_fails_with_exit_code_1(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", str(model_path()), str(compiled), "--images", str(images_path() / "3")]
    assert run_command([*arguments, "--absolute", "1e-9", "--relative", "0"]) == 1
    captured = capsys.readouterr()
    assert "NOT the same answers" in captured.out
    assert "conversion error" in captured.err
    assert captured.err.count("\n") == 1


def test_compare(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("compare", model_path(), compiled, "--images", images_path())
    data = run_json(capsys, *arguments, "--max-drop", 0.5)
    assert data["images"] == 200
    assert data["classes"] == {str(digit): digit for digit in range(10)}
    assert data["after"]["top1"] == data["exact"]["top1"] == pytest.approx(0.975)
    assert data["agreement_exact"] == 1.0
    assert "after:  coefficients, compiled model   97.50 %" in run_text(capsys, *arguments)


def test_compare_with_labels_and_limit(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text('{"1": 1, "2": 7}', encoding="utf-8")
    arguments = ["compare", model_path(), compiled, "--images", images_path(), "--labels", labels]
    data = run_json(capsys, *arguments)
    # Two folders of twenty images, one with a wrong class: at most half are predicted correctly.
    assert data["images"] == 40
    assert 0.4 < data["after"]["top1"] <= 0.5
    assert sum(data["unlabelled"].values()) == 160
    coarse = tmp_path / "coarse.onnx"
    jpegcompile.compile(model_path(), preprocess="unit", frequencies=1).save(coarse)
    arguments[2] = coarse
    # With one frequency, eight of the twenty images are classified as a one.
    labels.write_text('{"2": 2}', encoding="utf-8")
    assert run_command([*map(str, arguments), "--max-drop", "0"]) == 1
    message = capsys.readouterr().err
    assert re.search(r"top-1 dropped by [345]\d\.\d\d points, 0 are allowed", message)
    assert code_in(message) == "top1-dropped"


def test_run(compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [images_path() / "0" / "00.jpg", images_path() / "7"]
    data = run_json(capsys, "run", compiled, *files, "--top", 3)["predictions"]
    assert len(data) == 21
    assert data[0]["classes"][0] == 0
    assert data[0]["scores"] == sorted(data[0]["scores"], reverse=True)
    labels = tmp_path / "labels.json"
    labels.write_text('{"nought": 0}', encoding="utf-8")
    text = run_text(capsys, "run", compiled, files[0], "--top", 1, "--labels", labels)
    assert text.startswith(f"{files[0]}: nought ")


@pytest.mark.parametrize("mode", ["coefficients", "jpeg", "tensor"])
def test_run_takes_what_is_left_of_damaged_files(
    mode: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, cut, whole = tmp_path / "compiled.onnx", tmp_path / "cut.jpg", tmp_path / "whole.jpg"
    jpegcompile.compile(model_path(), input=mode, preprocess=preprocess_path()).save(path)
    data = (images_path() / "0" / "00.jpg").read_bytes()
    whole.write_bytes(data)
    cut.write_bytes(data[:-40])
    scores = []
    for file, options in ((cut, ["--tolerant"]), (whole, ["--tolerant"]), (whole, [])):
        (prediction,) = run_json(capsys, "run", path, file, *options)["predictions"]
        pairs = zip(prediction["classes"], prediction["scores"], strict=True)
        scores.append(dict(pairs))
    # Undamaged files give the same scores, and the damaged file gives other ones.
    assert scores[0] != scores[1] == scores[2]
    left = jpegcompile.read_coefficients(cut, tolerant=True)
    (expected,) = jpegcompile.load(path).run_coefficients([left])
    assert scores[0] == {index: pytest.approx(expected[0, index]) for index in scores[0]}


def test_demo(capsys: pytest.CaptureFixture[str]) -> None:
    data = run_json(capsys, "demo")
    assert data["kept"] == 0
    assert data["verification"]["passed"]


@thorough
def test_the_text_of_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    text = run_text(capsys, "demo")
    assert "before: Pillow decode, original model" in text
    assert "after:  coefficients, compiled model" in text


def test_the_compiled_file_needs_nothing_of_ours(compiled: Path, tmp_path: Path) -> None:
    session = jpegcompile.load(compiled, native=False)
    files = sorted((images_path() / "5").iterdir())
    np.savez(tmp_path / "feeds.npz", **session.feeds(files))  # type: ignore[arg-type]
    script = (
        "import sys, numpy, onnxruntime\n"
        "session = onnxruntime.InferenceSession(sys.argv[1])\n"
        "feeds = dict(numpy.load(sys.argv[2]))\n"
        "numpy.save(sys.argv[3], session.run(None, feeds)[0])\n"
        "assert not [name for name in sys.modules if name.startswith('jpegcompile')]\n"
    )
    arguments = [str(compiled), str(tmp_path / "feeds.npz"), str(tmp_path / "logits.npy")]
    subprocess.run([sys.executable, "-P", "-c", script, *arguments], check=True)
    assert np.array_equal(np.load(tmp_path / "logits.npy"), session.run(files)[0])
