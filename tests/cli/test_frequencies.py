"""Plans of frequencies on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.codes import code_in
from support.commands import fails, refuses, run_json, run_text
from support.frequency_commands import AUTO, COMPILE, MODEL

from jpegcompile.digits import images_path


def masked(report: Any) -> list[Any]:
    return [node for node in report["nodes"] if node["masking"] is not None]


@pytest.mark.parametrize("relu", ["asm", "apx"])
def test_numbers(relu: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "m.onnx"
    plan = ("--frequencies", 8, "--relu", relu, "--truncate", 11)
    report = run_json(capsys, *COMPILE, "-o", output, *plan)["report"]
    assert masked(report)
    count = len(masked(report))
    assert (
        f"approximate: few frequencies decide the masks of {count} nodes, and {count} results are"
        " truncated"
    ) in run_text(capsys, *COMPILE, "-o", output, *plan)
    for node in masked(report):
        assert (node["masking"], node["frequencies"], node["truncate"]) == (relu, 8, 11)
    # The file records it in its metadata and in the attributes of its nodes.
    for shown in (run_text(capsys, "inspect", output), run_text(capsys, "inspect", MODEL, *plan)):
        assert f"{relu} 8/15, keeps 11/15" in shown
        # Convolutions run on pixels, and keeping 11 of 15 frequencies saves no transforms.
        assert "truncation: native kernels skip" not in shown
    few = run_text(capsys, "inspect", MODEL, "--truncate", 6)
    assert "truncation: native kernels skip 0 multiply-adds, and " in few
    assert masked(run_json(capsys, "inspect", output)["report"]) == masked(report)


def test_all_frequencies_write_the_exact_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "approximate" not in run_text(capsys, *COMPILE, "-o", tmp_path / "plain.onnx")
    run_text(capsys, *COMPILE, "-o", tmp_path / "all.onnx", "--frequencies", 15, "--truncate", 15)
    assert (tmp_path / "plain.onnx").read_bytes() == (tmp_path / "all.onnx").read_bytes()


def test_a_file_of_frequencies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, *others = [n["name"] for n in masked(run_json(capsys, "inspect", MODEL)["report"])]
    file, saved = tmp_path / "plan.json", tmp_path / "saved.json"
    file.write_text(
        json.dumps({"frequencies": 12, "nodes": {first: {"frequencies": 7, "truncate": 9}}}),
        encoding="utf-8",
    )
    plan = ("--frequencies", file)
    arguments = (*COMPILE, "-o", tmp_path / "m.onnx", *plan, "--save-frequencies", saved)
    report = run_json(capsys, *arguments)["report"]
    numbers = {n["name"]: (n["frequencies"], n["truncate"]) for n in masked(report)}
    assert numbers == {first: (7, 9), **dict.fromkeys(others, (12, 15))}
    # The saved plan produces the same file.
    run_text(capsys, *COMPILE, "-o", tmp_path / "n.onnx", "--frequencies", saved)
    assert (tmp_path / "m.onnx").read_bytes() == (tmp_path / "n.onnx").read_bytes()


def test_verify_says_that_a_model_approximates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.onnx"
    run_text(capsys, *COMPILE, "-o", path, "--frequencies", 6)
    message = fails(capsys, 1, "verify", MODEL, path, "--images", images_path() / "3", prints=True)
    assert message.startswith("output 'logits': conversion error ")
    assert "(--frequencies, --truncate): use compare" in message
    assert code_in(message) == "conversion-error-above-tolerance"


def test_files_that_would_be_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, output = tmp_path / "m.onnx", tmp_path / "o.onnx"
    model.write_bytes(Path(MODEL).read_bytes())
    (tmp_path / "link").symlink_to(model)
    options = ("compile", model, "--preprocess", "unit", "-o")
    for saved in (model, tmp_path / "link"):
        again = ("--save-frequencies", saved)
        message = refuses(capsys, 2, "output-is-input", *options, output, *again)
        assert str(saved) in message
        assert "the model" in message
    message = refuses(capsys, 2, "output-is-input", *options, output, "--save-frequencies", output)
    assert f"{output}: is --output" in message
    plan = tmp_path / "plan.json"
    plan.write_text('{"frequencies": 8}', encoding="utf-8")
    file = ("--frequencies", plan, "--save-frequencies", plan)
    message = refuses(capsys, 2, "output-is-input", *options, output, *file)
    assert f"{plan}: is the file of --frequencies" in message
    line = ("compile", model, "--preprocess", plan, "-o", plan)
    message = refuses(capsys, 2, "output-is-input", *line)
    assert f"{plan}: is the file of --preprocess" in message
    image = next(iter(sorted(images_path().rglob("*.jpg"))))
    message = refuses(capsys, 2, "output-is-input", *options, image, *AUTO, images_path())
    assert f"{image}: is in the folder of --images" in message
    assert model.read_bytes() == Path(MODEL).read_bytes()
    assert not output.exists()


def test_a_compiled_model_has_its_frequencies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "m.onnx"
    run_text(capsys, *COMPILE, "-o", output)
    for option, value in (("--frequencies", 3), ("--truncate", 9), ("--relu", "apx")):
        message = refuses(capsys, 2, "option-of-compiling", "inspect", output, option, value)
        assert message.startswith(option)
    run_text(capsys, "inspect", output, "--frequencies", 15, "--relu", "asm")


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("16", "a whole number from 1 to 15 or auto or a JSON file"),
        ("0.5", "a whole number from 1 to 15 or auto or a JSON file"),
        ("few", "a whole number from 1 to 15 or auto or a JSON file"),
    ],
)
def test_numbers_that_are_refused(
    value: str, known: str, capsys: pytest.CaptureFixture[str]
) -> None:
    message = fails(capsys, 2, *COMPILE, "-o", "out.onnx", "--frequencies", value)
    assert message.startswith(f"Invalid value for '--frequencies': '{value}' is not {known};")


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = fails(
        capsys, 5, *COMPILE, "-o", tmp_path / "out.onnx", "--frequencies", tmp_path / "few.json"
    )
    assert str(tmp_path / "few.json") in message


BUDGET = ["--max-drop", "1", "--images", str(images_path())]


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["--truncate", "auto"], "search-budget-missing", "--truncate auto"),
        (
            ["--truncate", "auto", "--frequencies", "8", *BUDGET],
            "truncate-auto-with-frequencies",
            "--frequencies 8",
        ),
        (
            ["--truncate", "auto", "--frequencies", "f.json", *BUDGET],
            "truncate-auto-with-frequencies",
            "--frequencies f.json",
        ),
        (
            ["--frequencies", "8", "--max-drop", "1"],
            "search-option-without-search",
            "--max-drop",
        ),
        (["--images", "dir"], "search-option-without-search", "--images"),
        (
            ["--frequencies", "auto", "--max-drop", "1"],
            "search-budget-missing",
            "--frequencies auto",
        ),
        (
            ["--frequencies", "auto", "--resolution", "auto", *BUDGET],
            "two-searches",
            "--resolution HxW",
        ),
        (
            ["--frequencies", "auto", "--domain", "auto", *BUDGET],
            "frequencies-in-spatial-domain",
            "--domain auto",
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
    assert named in refuses(capsys, 2, code, *COMPILE, "-o", "out.onnx", *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("drop", "named"), [("0", "--max-drop is 0"), ("1", "give 536 images or a --max-drop of 2.7")]
)
def test_budgets_that_are_refused(
    drop: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    searched = ("--frequencies", "auto", "--images", images_path(), "--max-drop", drop)
    assert named in fails(capsys, 2, *COMPILE, "-o", tmp_path / "out.onnx", *searched)
    assert not list(tmp_path.iterdir())
