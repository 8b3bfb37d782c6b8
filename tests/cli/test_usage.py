"""Wrong arguments: one line on stderr that says what to give, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from support.codes import code_in
from support.commands import fails, run_json, run_text
from support.tiny_residual import tiny_residual

from jpegcompile.cli import run_command
from jpegcompile.digits import images_path, model_path
from jpegcompile.preprocessing.presets import PRESETS

MODEL = str(model_path())


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
            f"unknown preprocessing 'imagnet'; use one of {', '.join(PRESETS)},"
            " torchvision:NETWORK.WEIGHTS or a JSON file",
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


def test_a_compiled_model_has_its_kernels(
    compiled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in (["--lean"], ["--batch", "1"]):
        assert fails(capsys, 2, "inspect", compiled, *option) == (
            "the native kernels of a compiled model are fixed; leave --lean and --batch out, or"
            " inspect its source"
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
            f"{option} applies only when compiling, and the model is compiled already; leave the"
            " option out, or inspect the model's source"
        )


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
