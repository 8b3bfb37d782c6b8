"""--on-error and --tolerant on the command line: exit codes, tables, JSON, warnings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.codes import code_in
from support.commands import fails, few_images, refuses, run_json, run_text
from support.tiers import thorough
from support.unusable_files import DAMAGED, KINDS, spoiled

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.digits import model_path, preprocess_path

GOOD = 40
MODEL = str(model_path())


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "digits.jpeg.onnx"
    jpegcompile.compile(MODEL, preprocess=preprocess_path()).save(path)
    return path


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bad")
    for name in (".git", ".ipynb_checkpoints", "__MACOSX"):
        (folder / name).mkdir()
        (folder / name / "a.jpg").write_bytes(b"")
    return spoiled(folder)


def command(verb: str, compiled: Path, folder: Path, output: Path) -> tuple[object, ...]:
    """A command line that takes a folder of images."""
    quick = ("--batches", 2, "--threads", 1, "--rounds", 1, "--seconds", 0)
    search = ("--frequencies", "auto", "--max-drop", 20, "--cache", output.parent / "cache")
    lines: dict[str, tuple[object, ...]] = {
        "compare": ("compare", MODEL, compiled, "--images", folder),
        "verify": ("verify", MODEL, compiled, "--images", folder),
        "bench": ("bench", MODEL, compiled, "--images", folder, *quick),
        "run": ("run", compiled, folder),
        "compile": (
            *("compile", MODEL, "--preprocess", preprocess_path(), "-o", output),
            *(*search, "--images", folder),
        ),
    }
    return lines[verb]


@pytest.mark.parametrize(
    "verb", ["compare", "verify", "bench", "run", pytest.param("compile", marks=[thorough])]
)
def test_every_command_goes_on(
    verb: str,
    compiled: Path,
    bad: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, output = bad["cmyk"].parents[1], tmp_path / "out.onnx"
    line = command(verb, compiled, folder, output)
    first = min(bad.values())
    # Only some files are timed, and the first unusable one is a folder.
    message = fails(capsys, 5 if verb == "bench" else 4, *line)
    assert message.startswith(f"{bad['folder'] if verb == 'bench' else first}: ")
    assert not output.exists()
    data = run_json(capsys, *line, "--on-error", "skip")
    assert [one["file"] for one in data["skipped"]] == sorted(map(str, bad.values()))
    ignored = {str(folder / name): "hidden" for name in (".git", ".ipynb_checkpoints")}
    assert data["ignored"] == {**ignored, str(folder / "__MACOSX"): "left by a system"}
    if verb == "bench":
        return
    # A search with other images would take as long again.
    tolerant, taken = ([], 0) if verb == "compile" else (["--tolerant"], len(DAMAGED))
    assert run_command([*map(str, line), "--on-error", "report", *tolerant]) == 4
    captured = capsys.readouterr()
    count = len(KINDS) - taken
    assert captured.err.startswith(
        f"jpegcompile: {count} files were unusable; the first is {first}: "
    )
    assert captured.err.count("\n") == 1
    # The terminal shows ten files and the total number.
    assert f"skipped {count} unusable files:\n" in captured.out
    assert f"\n  {first}: " in captured.out
    assert f"\n  and {count - 10} more; --json lists all\n" in captured.out
    assert f"ignored 3 folders: {folder / '.git'} (hidden), " in captured.out
    assert output.exists() == (verb == "compile")


def test_figures_are_those_of_the_good_files(
    compiled: Path, bad: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = few_images(tmp_path)
    left = ("skipped", "ignored", "changes", "options", "inputs_digest")
    both = [
        run_json(capsys, *command("compare", compiled, folder, tmp_path), "--on-error", "report")
        if folder == good
        else run_json(capsys, *command("compare", compiled, folder, tmp_path), "--on-error", "skip")
        for folder in (good, bad["cmyk"].parents[1])
    ]
    first, second = ({k: v for k, v in data.items() if k not in left} for data in both)
    assert first == second
    assert first["images"] == GOOD
    assert first["before"]["top1"] > 0.9
    assert both[0]["skipped"] == []
    predictions = run_json(capsys, "run", compiled, bad["cmyk"].parents[1], "--on-error", "skip")[
        "predictions"
    ]
    right = sum(str(p["classes"][0]) == Path(p["file"]).parent.name for p in predictions)
    assert right / len(predictions) == first["before"]["top1"]


def test_a_failed_check_goes_before_what_was_skipped(
    compiled: Path, bad: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    line = command("verify", compiled, bad["cmyk"].parents[1], Path())
    strict = ("--absolute", "1e-9", "--relative", 0, "--on-error", "report")
    assert "conversion error" in fails(capsys, 1, *line, *strict, prints=True)


def test_only_some_of_the_arguments_are_bad(
    compiled: Path, bad: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(bad["cmyk"].parent.glob("0*.jpg"))
    missing = bad["cmyk"].parent / "missing.jpg"
    line = ("run", compiled, missing, *files, compiled, "--top", 1, "--on-error", "skip")
    text = run_text(capsys, *line)
    for file in files:
        assert f"{file}: 0 " in text
    assert f"  {missing}: cannot read: No such file or directory; check the path\n" in text
    assert f"  {compiled}: not a JPEG: " in text


@pytest.mark.parametrize("verb", ["compare", "verify", "run", "bench", "compile"])
def test_nothing_is_left(
    verb: str, compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "images"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        (folder / name / "1.jpg").write_text("no image")
    line = command(verb, compiled, folder, tmp_path / "out.onnx")
    assert fails(capsys, 4, *line, "--on-error", "skip").startswith(
        f"none of 2 files is usable; the first is {folder / 'a' / '1.jpg'}: not a JPEG: "
    )
    assert not (tmp_path / "out.onnx").exists()


def test_options_of_a_search_need_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ("compile", MODEL, "-o", tmp_path / "o.onnx", "--preprocess", "unit")
    for option in (("--on-error", "skip"), ("--tolerant",)):
        message = refuses(capsys, 2, "search-option-without-search", *line, *option)
        assert message.startswith(option[0])
    assert "'ignore' is not one of 'stop', 'skip', 'report'" in fails(
        capsys, 2, "run", MODEL, MODEL, "--on-error", "ignore"
    )


def test_shifted_labels_are_said_loudly(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few_images(tmp_path)
    (tmp_path / "0").rename(tmp_path.parent / f"{tmp_path.name}-0")
    arguments = [*map(str, command("compare", compiled, tmp_path, Path())), "--json"]
    assert run_command(arguments) == 0
    captured = capsys.readouterr()
    data: Any = json.loads(captured.out)
    assert captured.err == f"jpegcompile: warning: {data['warning']}\n"
    assert "no better than chance (11.11 %); check --preprocess, and --labels" in data["warning"]
    assert data["warning"].endswith(" (9 folders here, 10 classes in the model)")


def test_empty_folders_that_leave_classes_open(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    few_images(folder)
    for name in ("3x", "4x"):
        (folder / name).mkdir()
    assert "ignored 2 folders: " in run_text(capsys, *command("compare", compiled, folder, folder))
    (folder / "9").rename(tmp_path / "9")
    for verb in ("compare", "compile"):
        message = fails(capsys, 2, *command(verb, compiled, folder, tmp_path / "out.onnx"))
        assert "without a JPEG file (" in message
        assert code_in(message) == "classes-ambiguous"
