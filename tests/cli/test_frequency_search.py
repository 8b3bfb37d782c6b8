"""The search for frequencies on the command line: files, printed output and errors."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.codes import code_in
from support.commands import drawn_on_a_terminal, fails, few_images, refuses, run_json, run_text
from support.frequency_commands import AUTO, COMPILE, MODEL
from support.tiers import thorough

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.commands import search as command
from jpegcompile.search.frequency_search import FrequencySearch
from jpegcompile.search.interval import PairedCounts


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_images(tmp_path_factory.mktemp("images"))


def search_with(verification: PairedCounts) -> FrequencySearch:
    """A search with a budget of 15 points, and that outcome."""
    same = replace(verification, lost=0, gained=0)
    return FrequencySearch(jpegcompile.FrequencyPlan(), 15.0, same, verification, (), ())


@thorough
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
    # The saved plan, with its evidence, produces the same file.
    again = (*COMPILE, "-o", tmp_path / "n.onnx", "--frequencies", saved)
    run_text(capsys, *again)
    assert (tmp_path / "n.onnx").read_bytes() == output.read_bytes()
    # The evidence does not apply to another plan.
    assert f"note: {saved}: its evidence" in run_text(capsys, *again, "--truncate", 9)
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
        assert "30.00 points" in captured.err
        assert captured.err.endswith("[search-budget-refuted]\n")
        assert shown in captured.out
        assert "is not significant" not in captured.out
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
        "note: the verification loses more than the allowed 15 points; the excess is not"
        " significant, and more images would decide\n"
    )


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
    for arguments, path, code in (
        (("-o", absent), absent, "output-not-writable"),
        (
            ("-o", good, "--save-frequencies", file / "f.json"),
            file / "f.json",
            "output-not-writable",
        ),
        (("-o", good, "--save-frequencies", tmp_path), tmp_path, "output-not-a-file"),
    ):
        message = fails(capsys, 5, *COMPILE, *arguments, *search)
        assert message.startswith(f"{path}: ")
        assert code_in(message) == code
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
    message = fails(capsys, 130, *COMPILE, "-o", tmp_path / "m.onnx", *AUTO, images)
    assert message.startswith("interrupted; ")
    assert "continues" in message


def test_wrong_labels_come_out(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the folder of the first class, all class numbers are off by one."""
    folder = tmp_path / "images"
    folder.mkdir()
    for group in range(1, 10):
        (folder / str(group)).symlink_to(images / str(group))
    arguments = (*COMPILE, "-o", tmp_path / "m.onnx", *AUTO, folder, "--cache", tmp_path / "c")
    message = fails(capsys, 2, *arguments)
    assert message.endswith("[search-model-guesses]")
    assert "--labels" in message
    assert not (tmp_path / "m.onnx").exists()


def test_auto_needs_to_know_the_normalization(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "m.onnx"
    arguments = ("compile", MODEL, "-o", output, "--input", "tensor", *AUTO, images)
    message = refuses(capsys, 2, "search-preprocess-missing", *arguments)
    assert message.startswith("--frequencies auto needs --preprocess")


def test_a_cache_that_cannot_be_written(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    arguments = (*COMPILE, "-o", tmp_path / "m.onnx", *AUTO, images, "--cache", file)
    message = fails(capsys, 5, *arguments)
    assert message.startswith(f"{file}: ")
    assert message.endswith("[search-cache-unwritable]")


@thorough
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_the_search_shows_its_progress(images: Path, tmp_path: Path) -> None:
    arguments = (*COMPILE, "-o", tmp_path / "m.onnx", *AUTO, images, "--cache", tmp_path)
    assert b"choosing frequencies" in drawn_on_a_terminal(*arguments)
