"""Folders of many formats on the command line: --fallback, counts and lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.codes import code_in
from support.commands import fails, few_images, refuses, run_json, run_text
from support.mixed_files import jpeg_file, mixed_file
from support.tiers import thorough

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.jpeg.pixel_fallback import ADVICE

MODEL = str(model_path())
FORMATS = ("png", "webp", "bmp")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "digits.jpeg.onnx"
    jpegcompile.compile(MODEL, preprocess=preprocess_path()).save(path)
    return path


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first file of each class of the demo in another format, and a damaged one in class 7."""
    folder = few_images(tmp_path_factory.mktemp("mixed"))
    for index, group in enumerate(sorted(folder.iterdir())):
        first = min(group.iterdir())
        Image.open(first).save(first.with_suffix(f".{FORMATS[index % 3]}"), lossless=True)
        first.unlink()
    png = next(folder.rglob("*.png")).read_bytes()
    (folder / "7" / "x.png").write_bytes(png[: len(png) // 2])
    return folder


def command(verb: str, compiled: Path, folder: Path, output: Path) -> tuple[object, ...]:
    quick = ("--batches", 2, "--threads", 1, "--rounds", 1, "--seconds", 0)
    compiling = ("compile", MODEL, "--preprocess", preprocess_path(), "-o", output)
    searching = ("--max-drop", 20, "--cache", output.parent / "cache", "--images", folder)
    lines: dict[str, tuple[object, ...]] = {
        "run": ("run", compiled, folder),
        "compare": ("compare", MODEL, compiled, "--images", folder),
        "verify": ("verify", MODEL, compiled, "--images", folder),
        "bench": ("bench", MODEL, compiled, "--images", folder, *quick),
        "compile": (*compiling, "--frequencies", "auto", *searching),
        "compile at a resolution": (*compiling, "--resolution", "auto", *searching),
    }
    return lines[verb]


@pytest.mark.parametrize(
    "verb",
    [
        *("run", "compare", "verify"),
        *(
            pytest.param(verb, marks=thorough)
            for verb in ("bench", "compile", "compile at a resolution")
        ),
    ],
)
def test_every_command_takes_mixed_folders(
    verb: str, compiled: Path, mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = command(verb, compiled, mixed, tmp_path / "out.onnx")
    lost = str(mixed / "7" / "x.png")
    data = run_json(capsys, *line, "--fallback", "pixels", "--on-error", "skip")
    assert [one["file"] for one in data["skipped"]] == [lost]
    # A model for coefficients of one size is not timed with pixels.
    assert data["pixel_fallbacks"] == (0 if verb == "bench" else 10)
    plain = run_json(capsys, *line)
    assert (plain["pixel_fallbacks"], plain["skipped"]) == (0, [])
    if verb == "bench":
        assert (data["left_out"], data["left_out_pixels"], plain["left_out"]) == (4, 4, 0)
        text = run_text(capsys, *line, "--fallback", "pixels", "--on-error", "skip")
        assert "of other samplings" not in text
        assert "left out: 4 files without readable coefficients" in text
    if verb in ("run", "compare"):
        text = run_text(capsys, *line, "--fallback", "pixels", "--on-error", "skip")
        assert "\n10 files went through the pixel fallback\n" in text
        message = fails(capsys, 4, *line, "--fallback", "pixels")
        assert message.startswith(f"{lost}: Pillow cannot decode it: ")


def test_accuracy_is_that_of_the_same_images(
    compiled: Path, mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = run_json(capsys, *command("compare", compiled, few_images(tmp_path), tmp_path))
    other = run_json(
        capsys,
        *command("compare", compiled, mixed, tmp_path),
        *("--fallback", "pixels", "--on-error", "skip"),
    )
    for figure in ("images", "before", "after", "agreement"):
        assert other[figure] == good[figure]
    # Only the decoding of JPEG files differs.
    assert other["conversion"]["largest"] < 1e-4 < other["decoder"]["largest"]


@pytest.mark.thorough
def test_models_for_tensors_are_timed_with_pixels(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tensor.onnx"
    jpegcompile.compile(MODEL, preprocess=preprocess_path(), input="tensor").save(path)
    line = command("bench", path, mixed, tmp_path)
    data = run_json(capsys, *line, "--fallback", "pixels", "--on-error", "skip")
    assert (data["files"], data["left_out"], data["pixel_fallbacks"]) == (16, 0, 4)


def test_advice_comes_with_the_error(
    compiled: Path, mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    png = next(mixed.rglob("*.png"))
    assert f", {ADVICE}" in fails(capsys, 4, "run", compiled, png)
    assert "'resize' is not one of 'none', 'pixels'" in fails(
        capsys, 2, "run", compiled, png, "--fallback", "resize"
    )
    line = ("compile", MODEL, "-o", "o.onnx", "--preprocess", "unit", "--fallback", "pixels")
    message = refuses(capsys, 2, "search-option-without-search", *line)
    assert message.startswith("--fallback ")


def test_folders_without_files(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_bytes(mixed_file("png", 32, 32))
    message = fails(capsys, 5, "run", compiled, tmp_path)
    assert "JPEG files (.jpg, " in message
    assert code_in(message) == "images-folder-empty"
    (tmp_path / "a.png").rename(tmp_path / "a.txt")
    message = fails(capsys, 5, "run", compiled, tmp_path, "--fallback", "pixels")
    assert "image files (.jpg, " in message
    assert code_in(message) == "images-folder-empty"


def thousand_files(folder: Path, labelled: bool) -> tuple[list[str], int]:
    """Write 1,000 of the demo's images: every fourth as PNG, and 20 damaged.

    Returns:
        Sorted paths of the damaged files, and the number of good files without coefficients.
    """
    images = sorted(images_path().rglob("*.jpg"))
    damaged, by_pixels = [], 0
    for index in range(1000):
        image = images[index % len(images)]
        group = folder / image.parent.name if labelled else folder
        group.mkdir(exist_ok=True)
        path, data = group / f"{index:04}.jpg", image.read_bytes()
        if index % 4 == 0:
            path = path.with_suffix(".png")
            Image.open(image).save(path)
            data = path.read_bytes()
        if index % 50 == 7 * (index // 50) % 50:
            # Some files are truncated, and some are not images.
            data = data[: len(data) // 2] if index % 3 else b"<html>404"
            damaged.append(str(path))
        else:
            by_pixels += path.suffix == ".png"
        path.write_bytes(data)
    return sorted(damaged), by_pixels


@thorough
@pytest.mark.parametrize("labelled", [True, False])
def test_a_thousand_files_of_which_some_are_damaged(
    labelled: bool, compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged, by_pixels = thousand_files(tmp_path, labelled)
    assert len(damaged) == 20
    assert 200 < by_pixels < 250
    line = command("compare", compiled, tmp_path, tmp_path)
    arguments = [*map(str, line), "--fallback", "pixels", "--on-error", "report"]
    assert run_command([*arguments, "--json"]) == 4
    captured = capsys.readouterr()
    data: Any = json.loads(captured.out)
    assert captured.err.startswith("jpegcompile: 20 files were unusable; the first is ")
    assert [one["file"] for one in data["skipped"]] == damaged
    assert (data["images"], data["pixel_fallbacks"]) == (980, by_pixels)
    assert data["agreement_exact"] == 1
    assert data["conversion"]["largest"] < 1e-4
    assert (data["before"] is not None) == labelled
    if labelled:
        assert data["after"]["top1"] > 0.9
    assert run_command(arguments) == 4
    text = capsys.readouterr().out
    assert f"\n{by_pixels} files went through the pixel fallback\n" in text
    assert "\nskipped 20 unusable files:\n" in text
    # Without the fallback, all JPEG files are still used.
    assert run_command([*map(str, line), "--on-error", "report", "--json"]) == 4
    plain: Any = json.loads(capsys.readouterr().out)
    lost = [file for file in damaged if file.endswith(".jpg")]
    assert [one["file"] for one in plain["skipped"]] == lost
    assert plain["images"] == 750 - len(lost)


@pytest.fixture(scope="module")
def of_any_size(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for photographs of any size."""
    path = tmp_path_factory.mktemp("any") / "any.onnx"
    numbers = json.loads(Path(preprocess_path()).read_text())
    jpegcompile.compile(MODEL, preprocess={**numbers, "resize": 36, "crop": "center"}).save(path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six files of other formats and six of JPEG, of many sizes."""
    folder = tmp_path_factory.mktemp("photos")
    for seed, kind in enumerate(("png", "webp", "tiff", "gif", "cmyk.jpg", "chroma.jpg")):
        (folder / f"{seed}.{kind}").write_bytes(mixed_file(kind, 40 + seed, 70, seed))
        (folder / f"{seed}.plain.jpg").write_bytes(jpeg_file(50 + seed, 60, seed))
    return folder


def test_photographs_are_compared_without_labels(
    of_any_size: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = of_any_size, photos
    line = ("compare", MODEL, path, "--images", folder, "--fallback", "pixels")
    data = run_json(capsys, *line)
    assert (data["images"], data["pixel_fallbacks"]) == (12, 6)
    assert data["agreement_exact"] == 1
    assert data["conversion"]["largest"] < 1e-4
    verified = run_json(capsys, "verify", MODEL, path, "--images", folder, "--fallback", "pixels")
    assert (verified["passed"], verified["inputs"], verified["pixel_fallbacks"]) == (True, 12, 6)


@thorough
def test_photographs_of_many_formats_are_timed(
    of_any_size: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both sides read PNG files, sequentially and pipelined."""
    line = ("bench", MODEL, of_any_size, "--images", photos, "--rivals", "pillow-box")
    quick = ("--batches", 4, "--threads", 2, "--rounds", 1, "--seconds", 0)
    data = run_json(capsys, *line, *quick, "--fallback", "pixels")
    assert (data["files"], data["left_out"], data["pixel_fallbacks"]) == (12, 0, 6)
    (cell,) = data["cells"]
    assert cell["sides"]["compiled"]["check"]["passed"]
    (found,) = cell["sides"]["pillow-box"]["differences"]
    # Pillow's rounding, where another image in its place would differ by as much as there is.
    assert found["difference"] < 0.05 * found["largest"]
    assert ADVICE in fails(capsys, 4, *line, *quick)
