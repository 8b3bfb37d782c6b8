"""Wrong arguments: one line on stderr says what to do, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from support.codes import code_in
from support.commands import fails, refuses, run_json, run_text
from support.tiny_residual import tiny_residual

from jpegcompile.cli import run_command
from jpegcompile.digits import images_path, model_path
from jpegcompile.preprocessing.presets import PRESETS

MODEL = str(model_path())


OUTPUT = ["-o", "out.onnx"]
UNIT = ["--preprocess", "unit"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "No such command 'frobnicate'; see 'jpegcompile --help'"),
        (
            ["compile", MODEL, *UNIT],
            "Missing option '-o' / '--output'; see 'jpegcompile compile --help'",
        ),
        (
            ["inspect", MODEL, "--batch", "0"],
            "Invalid value for '--batch': 0 is not in the range 1<=x<=2147483647;"
            " see 'jpegcompile inspect --help'",
        ),
    ],
)
def test_the_command_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fails(capsys, 2, *arguments) == message


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["compile", MODEL, *OUTPUT], "preprocess-missing", "--preprocess"),
        (
            ["compile", MODEL, *OUTPUT, *UNIT, "--subsampling", "4:1:0"],
            "subsampling-unknown",
            "4:1:0",
        ),
        (
            ["compile", MODEL, *OUTPUT, "--input", "tensor", "--subsampling", "gray"],
            "subsampling-without-files",
            "--subsampling",
        ),
        (["compile", MODEL, *OUTPUT, *UNIT, "--input-size", "32"], "size-unreadable", "'32'"),
        (["inspect", MODEL, "--input-size", "32x0"], "size-unreadable", "'32x0'"),
        (
            ["inspect", MODEL, "--input-size", "64x32"],
            "image-size-fixed",
            f"{MODEL}: input 'image'",
        ),
        (
            ["compile", MODEL, *OUTPUT, "--input", "tensor", "--decoder", "float"],
            "decoder-without-preprocess",
            "--decoder",
        ),
        (
            ["verify", MODEL, MODEL, "--images", ".", "--samples", "3"],
            "samples-with-images",
            "--samples",
        ),
    ],
)
def test_usage(
    arguments: list[str],
    code: str,
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert named in refuses(capsys, 2, code, *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--preprocess", "imagnet", f"'imagnet'; use one of {', '.join(PRESETS)}"),
        ("--image-input", "x", f"{MODEL}: has no input 'x'"),
    ],
)
def test_names_that_do_not_exist(
    option: str, value: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"--preprocess": "unit", option: value}
    arguments = [text for pair in given.items() for text in pair]
    output = tmp_path / "out.onnx"
    assert named in fails(capsys, 2, "compile", MODEL, "-o", output, *arguments)
    assert not output.exists()


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
        "bench --rounds 0",
        "bench --seconds nan",
        "bench --seconds -1",
        "bench --batches 65537",
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
    line = ("compile", source, "-o", source, "--preprocess", "unit")
    message = refuses(capsys, 2, "output-is-input", *line)
    assert message.startswith(f"{source}: is the model itself")
    assert source.read_bytes() == Path(MODEL).read_bytes()


def test_a_compiled_model_has_its_kernels(
    compiled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in (["--lean"], ["--batch", "1"]):
        message = refuses(capsys, 2, "option-of-compiling", "inspect", compiled, *option)
        assert message.startswith(option[0])


def test_a_compiled_model_has_its_options(
    compiled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {
        "--domain": "auto",
        "--subsampling": "gray",
        "--input": "tensor",
        "--preprocess": "unit",
        "--image-input": "image",
        "--decoder": "float",
        "--resolution": "64x64",
        "--target": "onnx",
        "--precision": "float32",
        "--gpu": "sm_90",
    }
    for option, value in options.items():
        message = refuses(capsys, 2, "option-of-compiling", "inspect", compiled, option, value)
        assert message.startswith(option)


def test_a_batch_that_the_model_is_not_bound_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "model.onnx", tmp_path / "out.onnx"
    onnx.save(tiny_residual(batch=2), source)
    compiling = ("compile", source, "-o", output, "--preprocess", "unit")
    for command in (compiling, ("inspect", source)):
        message = fails(capsys, 2, *command, "--batch", "3")
        assert message.startswith("--batch is 3 but input 'image' has the fixed batch size 2")
        note = "note: the batch size is fixed to 2: "
        assert note in run_text(capsys, *command)
        text = run_text(capsys, *command, "--batch", "2")
        (line,) = (line for line in text.splitlines() if line.startswith(note))
        assert line.endswith("--batch 2 has no effect")
    assert run_json(capsys, "inspect", output)["compiled"]["batch"] == 2


def test_models_that_do_not_belong_together(
    compiled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = onnx.load(MODEL)
    other.graph.name = "other"
    onnx.save(other, tmp_path / "other.onnx")
    message = fails(capsys, 2, "verify", tmp_path / "other.onnx", compiled, "--images", tmp_path)
    assert code_in(message) == "original-differs"
    assert "not written by jpegcompile" in fails(capsys, 3, "run", MODEL, tmp_path)


def test_verify_of_coefficients_needs_images(
    compiled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    message = fails(capsys, 2, "verify", MODEL, compiled)
    assert message.startswith(f"{compiled}: ")
    assert code_in(message) == "verify-without-images"


def test_labels_out_of_range(
    compiled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.json"
    arguments = ("compare", MODEL, compiled, "--images", images_path(), "--labels", labels)
    labels.write_text('{"1": 10}', encoding="utf-8")
    message = fails(capsys, 2, *arguments)
    assert "class 10 but the model has 10 classes" in message
    assert code_in(message) == "label-beyond-classes"
    labels.write_text('["1"]', encoding="utf-8")
    message = fails(capsys, 2, *arguments)
    assert message.startswith(f"{labels}: ")
    assert code_in(message) == "labels-not-an-object"
    labels.write_text('{"1": 1, "2": "x"}', encoding="utf-8")
    message = fails(capsys, 2, *arguments)
    assert f"{labels}: the class of '2' is \"x\"; " in message
    assert code_in(message) == "label-not-a-class"
    labels.write_text('{"none": 1}', encoding="utf-8")
    assert code_in(fails(capsys, 5, *arguments)) == "no-labelled-images"


def test_inspect_takes_the_decoder_of_compile(capsys: pytest.CaptureFixture[str]) -> None:
    line = ("inspect", MODEL, "--decoder", "libjpeg-turbo")
    report = run_json(capsys, *line)["report"]
    assert report["kept"] == 0
    message = refuses(capsys, 2, "decoder-needs-kernels", *line, "--target", "onnx")
    assert "--decoder libjpeg-turbo" in message
