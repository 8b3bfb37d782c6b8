"""Plans of frequencies on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.codes import code_in
from support.commands import fails, run_json, run_text
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
    # The file itself says it, to us and in the text of its nodes.
    for shown in (run_text(capsys, "inspect", output), run_text(capsys, "inspect", MODEL, *plan)):
        assert f"{relu} 8/15, keeps 11/15" in shown
        # Windows are convolved on pixels, and 11 of 15 frequencies spare transforms nothing.
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
    plan = ("--frequencies-file", file)
    arguments = (*COMPILE, "-o", tmp_path / "m.onnx", *plan, "--save-frequencies", saved)
    report = run_json(capsys, *arguments)["report"]
    numbers = {n["name"]: (n["frequencies"], n["truncate"]) for n in masked(report)}
    assert numbers == {first: (7, 9), **dict.fromkeys(others, (12, 15))}
    # What was saved gives the same file again.
    run_text(capsys, *COMPILE, "-o", tmp_path / "n.onnx", "--frequencies-file", saved)
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
        assert fails(capsys, 2, *options, output, "--save-frequencies", saved) == (
            f"{saved}: is the model itself; give another --save-frequencies"
        )
    assert fails(capsys, 2, *options, output, "--save-frequencies", output) == (
        f"{output}: is --output too; give another --save-frequencies"
    )
    plan = tmp_path / "plan.json"
    plan.write_text('{"frequencies": 8}', encoding="utf-8")
    file = ("--frequencies-file", plan, "--save-frequencies", plan)
    assert fails(capsys, 2, *options, output, *file) == (
        f"{plan}: is the file of --frequencies-file; give another --save-frequencies"
    )
    assert fails(capsys, 2, "compile", model, "--preprocess", plan, "-o", plan) == (
        f"{plan}: is the file of --preprocess; give another --output"
    )
    image = next(iter(sorted(images_path().rglob("*.jpg"))))
    assert fails(capsys, 2, *options, image, *AUTO, images_path()) == (
        f"{image}: is in the folder of --images; give another --output"
    )
    assert model.read_bytes() == Path(MODEL).read_bytes()
    assert not output.exists()


def test_a_compiled_model_has_its_frequencies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "m.onnx"
    run_text(capsys, *COMPILE, "-o", output)
    assert fails(capsys, 2, "inspect", output, "--frequencies", 3) == (
        "the frequencies of a compiled model are fixed; leave options for them out, or inspect its"
        " source"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--frequencies", "16"],
            "Invalid value for '--frequencies': '16' is not a whole number from 1 to 15 or auto;"
            " see 'jpegcompile compile --help'",
        ),
        (
            ["--truncate", "auto"],
            "--truncate auto needs --max-drop POINTS, the loss of top-1 that is allowed, and"
            " --images DIR, a folder with one folder of JPEG files a class",
        ),
        (
            ["--truncate", "auto", "--frequencies", "8"],
            "--truncate auto leaves masks exact, or they are chosen, too, by --frequencies auto;"
            " leave --frequencies 8 out",
        ),
        (
            ["--frequencies", "8", "--max-drop", "1"],
            "--max-drop is for --frequencies auto, --truncate auto and"
            " --resolution auto; leave it out",
        ),
        (
            ["--images", "dir"],
            "--images is for --frequencies auto, --truncate auto and"
            " --resolution auto; leave it out",
        ),
        (
            ["--frequencies", "auto", "--max-drop", "1"],
            "--frequencies auto needs --max-drop POINTS, the loss of top-1 that is allowed, and"
            " --images DIR, a folder with one folder of JPEG files a class",
        ),
        (
            ["--frequencies", "auto", "--frequencies-file", "f.json"],
            "--frequencies auto makes what --frequencies-file gives; leave one out",
        ),
        (
            ["--frequencies", "8", "--frequencies-file", "f.json"],
            "--frequencies and --frequencies-file exclude each other; the file may say"
            ' "frequencies" for nodes that it does not name',
        ),
        (
            ["--frequencies", "auto", "--max-drop", "0", "--images", str(images_path())],
            "--max-drop is 0; give percentage points above 0 and below 100"
            " [search-max-drop-out-of-range]",
        ),
        (
            ["--frequencies", "auto", "--max-drop", "1", "--images", str(images_path())],
            "the search uses 100 of the images, but needs 268 to show a loss below 1 points;"
            " give 536 images or a --max-drop of 2.7 points [search-images-too-few]",
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
    assert fails(capsys, 2, *COMPILE, "-o", "out.onnx", *arguments) == message
    assert not list(tmp_path.iterdir())
