"""Frequencies on the command line: plans and the search."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.commands import drawn_on_a_terminal, fails, few_images, run_json, run_text
from support.tiers import thorough

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.commands import search as command
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.search.frequencies import FrequencySearch
from jpegcompile.search.interval import PairedCounts

MODEL = str(model_path())
COMPILE = ("compile", MODEL, "--preprocess", preprocess_path())
AUTO = ("--frequencies", "auto", "--max-drop", 15, "--images")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_images(tmp_path_factory.mktemp("images"))


def masked(report: Any) -> list[Any]:
    return [node for node in report["nodes"] if node["masking"] is not None]


def search_with(verification: PairedCounts) -> FrequencySearch:
    """A search with a budget of 15 points, and that outcome."""
    same = replace(verification, lost=0, gained=0)
    return FrequencySearch(jpegcompile.FrequencyPlan(), 15.0, same, verification, (), ())


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
    assert message.endswith(
        "; the model was compiled to approximate (--frequencies, --truncate): use compare"
    )


def test_auto(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, saved = tmp_path / "m.onnx", tmp_path / "plan.json"
    arguments = (*COMPILE, "-o", output, *AUTO, images, "--cache", tmp_path / "cache")
    text = run_text(capsys, *arguments, "--save-frequencies", saved)
    for line in ("of 15 decide a mask and", "search: top-1 ", "verification: top-1 "):
        assert line in text
    shown = run_text(capsys, "inspect", output)
    assert "frequencies chosen to lose 15 points of top-1 at most; verification: top-1 " in shown
    assert "on 20 images" in shown
    data = run_json(capsys, *arguments)
    evidence = json.loads(saved.read_text(encoding="utf-8"))["evidence"]
    assert evidence.items() >= data["search"].items()
    assert data["search"]["mean_frequencies"] < 13
    assert data["search"]["verification"]["images"] == 20
    # The saved plan, with what was measured of it, gives the same file again.
    again = (*COMPILE, "-o", tmp_path / "n.onnx", "--frequencies-file", saved)
    run_text(capsys, *again)
    assert (tmp_path / "n.onnx").read_bytes() == output.read_bytes()
    # Of another plan it measured nothing.
    assert "its evidence is of another plan" in run_text(capsys, *again, "--truncate", 9)
    assert "frequencies chosen" not in run_text(capsys, "inspect", tmp_path / "n.onnx")


def test_a_refuted_search_writes_nothing(
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = search_with(PairedCounts(1000, 800, 300, 0))
    monkeypatch.setattr(command, "choose_frequencies", lambda *_, **__: found)
    output, saved = tmp_path / "m.onnx", tmp_path / "plan.json"
    arguments = (*COMPILE, "-o", output, *AUTO, images, "--save-frequencies", saved)
    for more, shown in (((), "-30.00 points"), (("--json",), '"drop": 30.0')):
        assert run_command([str(a) for a in (*arguments, *more)]) == 1
        captured = capsys.readouterr()
        assert captured.err == (
            "jpegcompile: the images that verify lose 30.00 points of top-1, 15 are allowed, and"
            " chance does not explain it; nothing is written: search with more images\n"
        )
        assert shown in captured.out
        assert "chance may explain" not in captured.out
    assert not list(tmp_path.iterdir())


def test_a_verification_above_the_budget_is_said(
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = search_with(PairedCounts(20, 18, 4, 0))
    monkeypatch.setattr(command, "choose_frequencies", lambda *_, **__: found)
    text = run_text(capsys, *COMPILE, "-o", tmp_path / "m.onnx", *AUTO, images)
    assert text.endswith(
        "note: the verification drops by more than the 15 points that are allowed, which chance may"
        " explain; more images would tell\n"
    )


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
            "--max-drop is 0; give percentage points above 0 and below 100",
        ),
        (
            ["--frequencies", "auto", "--max-drop", "1", "--images", str(images_path())],
            "100 of the images search, but only 268 or more can show a loss below 1 points;"
            " give 536 images or a --max-drop of 2.7 points",
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


def test_other_options_are_checked_before_the_search(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "cache"
    arguments = (*COMPILE, "-o", tmp_path / "m.onnx", *AUTO, images, "--cache", cache)
    message = fails(capsys, 2, *arguments, "--subsampling", "4:1:0")
    assert message.startswith("subsampling is '4:1:0'; use one of ")
    assert not list(tmp_path.iterdir())


def test_files_that_cannot_be_written_come_out_before_the_search(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, file, absent = (tmp_path / name for name in ("m.onnx", "file", "none/f.json"))
    file.write_bytes(b"")
    search = (*AUTO, images, "--cache", tmp_path / "cache")
    for arguments, message in (
        (
            ("-o", absent),
            f"{absent}: cannot write: No such file or directory; make the folder first",
        ),
        (
            ("-o", good, "--save-frequencies", file / "f.json"),
            f"{file / 'f.json'}: cannot write: Not a directory; give another path",
        ),
        (
            ("-o", good, "--save-frequencies", tmp_path),
            f"{tmp_path}: is not a plain file; give another name",
        ),
    ):
        assert fails(capsys, 5, *COMPILE, *arguments, *search) == message
    assert list(tmp_path.iterdir()) == [file]


def test_an_interrupted_search_says_how_to_go_on(
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "choose_frequencies", interrupted)
    assert fails(capsys, 130, *COMPILE, "-o", tmp_path / "m.onnx", *AUTO, images) == (
        "interrupted; what was measured is kept, and the same command goes on from there"
    )


def test_wrong_labels_come_out(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the first class all numbers are off by one."""
    folder = tmp_path / "images"
    folder.mkdir()
    for group in range(1, 10):
        (folder / str(group)).symlink_to(images / str(group))
    arguments = (*COMPILE, "-o", tmp_path / "m.onnx", *AUTO, folder, "--cache", tmp_path / "c")
    message = fails(capsys, 2, *arguments)
    assert message.startswith("the exact model is right on ")
    assert message.endswith(
        " % of the images, no better than guessing; check --preprocess, and --labels: without it"
        " classes are numbered in the sorted order of the folder names"
    )
    assert not (tmp_path / "m.onnx").exists()


def test_auto_needs_to_know_the_normalisation(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "m.onnx"
    arguments = ("compile", MODEL, "-o", output, "--input", "tensor", *AUTO, images)
    assert fails(capsys, 2, *arguments) == (
        "--frequencies auto needs --preprocess, to run the model on JPEG files"
    )


def test_a_cache_that_cannot_be_written(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    arguments = (*COMPILE, "-o", tmp_path / "m.onnx", *AUTO, images, "--cache", file)
    message = fails(capsys, 5, *arguments)
    assert message == (
        f"{file}: cannot keep measurements: it is no folder;"
        " name a folder that can be written with --cache"
    )


@thorough
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_the_search_shows_its_progress(images: Path, tmp_path: Path) -> None:
    arguments = (*COMPILE, "-o", tmp_path / "m.onnx", *AUTO, images, "--cache", tmp_path)
    assert b"choosing frequencies" in drawn_on_a_terminal(*arguments)
