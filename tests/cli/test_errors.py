"""Errors a user can cause: one line on stderr, the documented exit code, nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from support.commands import drawn_on_a_terminal, fails, run_json, run_text
from support.images import make_jpeg
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.demo import images_path, model_path

MODEL = str(model_path())


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("compiled") / "digits.jpeg.onnx"
    jpegcompile.compile(MODEL, preprocess="unit").save(path)
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "No such command 'frobnicate'; see 'jpegcompile --help'"),
        (
            ["compile", MODEL, "--preprocess", "unit"],
            "Missing option '-o' / '--output'; see 'jpegcompile compile --help'",
        ),
        (
            ["compile", MODEL, "-o", "out.onnx", "--preprocess", "imagnet"],
            "unknown preprocessing 'imagnet'; use one of imagenet, cifar10, unit, none"
            " or a JSON file",
        ),
        (
            ["compile", MODEL, "-o", "out.onnx"],
            "--input coefficients needs --preprocess, the normalisation that the model was trained"
            " with: imagenet, cifar10, unit, none or a JSON file",
        ),
        (
            ["compile", MODEL, "-o", "out.onnx", "--preprocess", "unit", "--subsampling", "4:1:0"],
            "subsampling is '4:1:0'; use one of 4:4:4, 4:2:2, 4:4:0, 4:2:0, 4:1:1, gray",
        ),
        (
            ["compile", MODEL, "-o", "out.onnx", "--input", "tensor", "--subsampling", "gray"],
            "--subsampling is for --input coefficients and --input jpeg; leave it out",
        ),
        (
            ["compile", MODEL, "-o", "out.onnx", "--input", "tensor", "--image-input", "x"],
            f"{MODEL}: has no input 'x'; its inputs are image",
        ),
        (
            ["compile", MODEL, "-o", "out.onnx", "--preprocess", "unit", "--input-size", "32"],
            "--input-size is '32'; give HEIGHTxWIDTH in pixels, such as 224x224,"
            " each from 1 to 65535",
        ),
        (
            ["inspect", MODEL, "--batch", "0"],
            "Invalid value for '--batch': 0 is not in the range 1<=x<=2147483647;"
            " see 'jpegcompile inspect --help'",
        ),
        (
            ["inspect", MODEL, "--input-size", "32x0"],
            "--input-size is '32x0'; give HEIGHTxWIDTH in pixels, such as 224x224,"
            " each from 1 to 65535",
        ),
        (
            ["inspect", MODEL, "--input-size", "64x32"],
            f"{MODEL}: input 'image' is fixed to 32x32 but --input-size is 64x32;"
            " leave the option out, or export the model for that size",
        ),
    ],
)
def test_usage(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert fails(capsys, 2, *arguments) == message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        "verify --absolute nan",
        "verify --absolute inf",
        "verify --absolute -1",
        "verify --relative -1",
        "verify --relative nan",
        "verify --nodes -1",
        "verify --samples 0",
        "verify --seed -1",
        "compare --max-drop nan",
        "compare --max-drop -1",
        "compare --changes -1",
        "bench --repeats 0",
        "bench --seconds nan",
        "bench --seconds -1",
        "bench --batch 65537",
        "bench --threads 99999999999",
        "run --top 0",
        "compile --batch 99999999999999999999",
        "paper --blocks 1",
        "paper --seed -1",
        "paper --limit 0",
    ],
)
def test_numbers_out_of_range(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    verb, option, value = arguments.split()
    message = fails(capsys, 2, verb, "a.onnx", "b.onnx", option, value)
    assert message.startswith(f"Invalid value for '{option}': ")
    assert value in message


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([]) == 2
    assert "Exit codes" in capsys.readouterr().err


def test_the_model_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "model.onnx"
    source.write_bytes(Path(MODEL).read_bytes())
    message = fails(capsys, 2, "compile", source, "-o", source, "--preprocess", "unit")
    assert message == f"{source}: is the model itself; give another --output"
    assert source.read_bytes() == Path(MODEL).read_bytes()


def test_a_missing_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.onnx"
    message = fails(capsys, 5, "inspect", path)
    assert message == f"{path}: cannot read: No such file or directory; check the path"


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "nowhere" / "out.onnx"
    message = fails(capsys, 5, "compile", MODEL, "-o", output, "--preprocess", "unit")
    assert message == f"{output}: cannot write: No such file or directory; make the folder first"


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    # A limit on the size of files makes write() fail as a full disk does.
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
    assert done.stderr == f"jpegcompile: {output}: cannot write: File too large; nothing was kept\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out.onnx"]
    assert output.read_bytes() == b"what was there before"


def test_what_is_not_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = images_path() / "0" / "00.jpg"
    message = fails(capsys, 3, "compile", image, "-o", tmp_path / "o.onnx", "--preprocess", "unit")
    assert message == f"{image}: not an ONNX file, or a damaged one; give a .onnx model"
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
    assert fails(capsys, 3, *arguments, "--strict") == (
        f"{source}: LRN 'norm' would stay spatial: LRN has no JPEG-domain form; compile without"
        " --strict to keep it"
    )
    assert not output.exists()
    assert run_command([str(a) for a in arguments]) == 0
    assert "kept spatial: LRN 'norm': " in capsys.readouterr().out


def test_a_compiled_model_has_its_kernels(
    compiled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in (["--lean"], ["--batch", "1"]):
        assert fails(capsys, 2, "inspect", compiled, *option) == (
            "the model is compiled already, its native kernels are chosen; leave --lean and --batch"
            " out, or inspect its source"
        )


def test_a_compiled_model_has_its_options(
    compiled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {
        "--domain": "auto",
        "--subsampling": "gray",
        "--input": "tensor",
        "--preprocess": "unit",
        "--image-input": "image",
    }
    for option, value in options.items():
        assert fails(capsys, 2, "inspect", compiled, option, value) == (
            f"the model is compiled already, {option} was for that; leave it out, or inspect its"
            " source"
        )


def test_a_batch_that_the_model_is_not_bound_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "model.onnx", tmp_path / "out.onnx"
    onnx.save(tiny_residual(batch=2), source)
    compiling = ("compile", source, "-o", output, "--preprocess", "unit")
    for command in (compiling, ("inspect", source)):
        assert fails(capsys, 2, *command, "--batch", "3") == (
            "--batch is 3 but input 'image' stays bound to batch 2 (the model was exported for it);"
            " leave --batch out, or export the model with an open batch"
        )
        note = "note: batch stays 2: the model was exported for it"
        assert f"{note}\n" in run_text(capsys, *command)
        text = run_text(capsys, *command, "--batch", "2")
        assert f"{note}, and --batch 2 changes nothing\n" in text
    assert run_json(capsys, "inspect", output)["compiled"]["batch"] == 2


def test_bad_images(compiled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truncated = tmp_path / "truncated.jpg"
    truncated.write_bytes((images_path() / "0" / "00.jpg").read_bytes()[:-40])
    assert fails(capsys, 4, "run", compiled, truncated) == (
        f"{truncated}: damaged: Premature end of JPEG file; replace the file, or have what is left"
        " of it read (--tolerant, or tolerant=True in Python)"
    )
    larger = tmp_path / "larger.jpg"
    larger.write_bytes(make_jpeg(33, 32))
    assert fails(capsys, 4, "run", compiled, larger) == (
        f"{larger}: is 33x32 but the model takes 32x32; resizing is not supported,"
        " give images of that size"
    )
    missing = tmp_path / "missing.jpg"
    assert fails(capsys, 5, "run", compiled, missing) == (
        f"{missing}: cannot read: No such file or directory; check the path"
    )
    assert fails(capsys, 4, "run", compiled, compiled).endswith("; give a whole JPEG file")


def test_folders_without_images(
    compiled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert fails(capsys, 5, "verify", MODEL, compiled, "--images", empty) == (
        f"{empty}: holds no JPEG files (.jpg, .jpeg, .jpe, .jfif); give a folder with some"
    )
    assert fails(capsys, 5, "compare", MODEL, compiled, "--images", tmp_path / "none") == (
        f"{tmp_path / 'none'}: no such folder; give a folder with one folder a class"
    )


def test_models_that_do_not_belong_together(
    compiled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = onnx.load(MODEL)
    other.graph.name = "other"
    onnx.save(other, tmp_path / "other.onnx")
    message = fails(capsys, 2, "verify", tmp_path / "other.onnx", compiled, "--images", tmp_path)
    assert "was compiled from another model" in message
    assert "not written by jpegcompile" in fails(capsys, 3, "run", MODEL, tmp_path)


def test_verify_of_coefficients_needs_images(
    compiled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fails(capsys, 2, "verify", MODEL, compiled) == (
        f"{compiled}: takes JPEG files, so verify needs some: give --images FOLDER"
    )


def test_labels_out_of_range(
    compiled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.json"
    arguments = ("compare", MODEL, compiled, "--images", images_path(), "--labels", labels)
    labels.write_text('{"1": 10}', encoding="utf-8")
    assert fails(capsys, 2, *arguments) == (
        "a folder has class 10 but the model has 10 classes; map folders to classes with --labels"
    )
    labels.write_text('["1"]', encoding="utf-8")
    form = 'labels are a JSON object like {"folder": class index}, of whole numbers from 0 on'
    assert fails(capsys, 2, *arguments) == f"{labels}: is no object; {form}"
    labels.write_text('{"1": 1, "2": "x"}', encoding="utf-8")
    assert fails(capsys, 2, *arguments) == f"{labels}: the class of '2' is \"x\"; {form}"
    labels.write_text('{"none": 1}', encoding="utf-8")
    assert fails(capsys, 5, *arguments).endswith(
        "put the images of each class into a folder of its own"
    )


def test_debug_shows_the_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--debug", "inspect", str(tmp_path / "none.onnx")]) == 5
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-P", "-m", "jpegcompile", "inspect", MODEL, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait() == 0
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_progress_is_drawn_on_a_terminal_only(compiled: str) -> None:
    arguments = ("verify", MODEL, compiled, "--images", str(images_path()))
    command = [sys.executable, "-P", "-m", "jpegcompile", *arguments]
    plain = subprocess.run(command, capture_output=True, check=True)
    assert plain.stderr == b""
    assert b"verifying" in drawn_on_a_terminal(*arguments)


def test_what_was_made_on_the_way_is_gone_when_terminated(compiled: str, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "jpegcompile", "bench", MODEL, compiled]
    with subprocess.Popen(
        [*command, "--seconds", "60"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None and not list(tmp_path.glob("*/*.log")):
            time.sleep(0.05)
        process.terminate()
        _, text = process.communicate(timeout=60)
    assert process.returncode == 143
    assert text == "jpegcompile: terminated\n"
    assert not list(tmp_path.glob("jpegcompile-*"))
