"""compare on photographs without labels: agreement and the two errors, without accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from support.codes import code_in, refused
from support.commands import run_json, run_text
from support.images import make_jpeg
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.errors import UsageError
from jpegcompile.evaluation.compare import require_drop
from jpegcompile.evaluation.comparison import Comparison
from jpegcompile.evaluation.comparison_evidence import ScoreError

SIZES = [(97, 61), (33, 130), (50, 40)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "source.onnx"
    onnx.save(tiny_residual(height=24, width=40), path)
    return path


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for index, (width, height) in enumerate(SIZES):
        (folder / f"{index}.jpg").write_bytes(make_jpeg(width, height))
    return folder


def compared(source: Path, photographs: Path, folder: Path, decoder: str) -> Comparison:
    path = folder / f"{decoder}.onnx"
    preprocess = {"preset": "unit", "resize": {"fit": "exact"}, "decoder": decoder}
    jpegcompile.compile(source, preprocess=preprocess).save(path)
    return jpegcompile.compare(source, path, photographs)


def test_the_two_errors(source: Path, photographs: Path, tmp_path: Path) -> None:
    result = compared(source, photographs, tmp_path, "float")
    assert (result.images, result.classes, result.decode) == (len(SIZES), {}, "float")
    assert (result.before, result.exact, result.after, result.drop) == (None, None, None, None)
    assert result.agreement_exact == 1.0
    assert 0 < result.conversion.largest < 1e-4 * result.conversion.scale
    # Pillow rounds pixels to 1/255.
    assert result.decoder.largest > 10 * result.conversion.largest
    assert result.decoder.mean <= result.decoder.largest


def test_the_decoder_makes_no_difference(source: Path, photographs: Path, tmp_path: Path) -> None:
    result = compared(source, photographs, tmp_path, "libjpeg-turbo")
    assert result.decode == "libjpeg-turbo"
    assert result.decoder.largest == 0.0
    assert result.agreement == 1.0
    assert result.changes == ()


def test_folders_can_be_without_labels(
    source: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compared(source, photographs, tmp_path, "float")
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / "x.jpg").write_bytes(make_jpeg(50, 40))
    files = (source, tmp_path / "float.onnx", "--images", tmp_path / "images")
    assert run_json(capsys, "compare", *files)["before"] is not None
    result = run_json(capsys, "compare", *files, "--unlabelled")
    assert (result["before"], result["images"]) == (None, 2)


def test_damaged_metadata_do_not_matter(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pillow raises an error for the first and warns about the second; the warning is not shown."""
    whole = Image.Exif()
    whole[0x0112] = 6
    head = b"Exif\0\0MM\0*\0\0\0\x08"
    damaged = [b"Exif\0\0II\0\0unreadable", head + b"\0\x01\x01\x12", whole.tobytes()]
    for index, exif in enumerate(damaged):
        (tmp_path / f"{index}.jpg").write_bytes(make_jpeg(50, 40, exif=exif, dpi=(72, 72)))
    preprocess = {
        "preset": "unit",
        "resize": {"fit": "exact"},
        "orientation": True,
        "decoder": "libjpeg-turbo",
    }
    jpegcompile.compile(source, preprocess=preprocess).save(tmp_path / "compiled.onnx")
    files = (source, tmp_path / "compiled.onnx", "--images", tmp_path)
    result = run_json(capsys, "compare", *files)
    assert (result["images"], result["decoder"]["largest"]) == (3, 0.0)
    run_text(capsys, "verify", *files)


def test_on_a_terminal(
    source: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compared(source, photographs, tmp_path, "float")
    text = run_text(capsys, "compare", source, tmp_path / "float.onnx", "--images", photographs)
    assert "top-1" not in text
    assert "3 images; the same prediction on" in text
    assert "conversion: against the original, float decode" in text
    assert "decoder: float decode against Pillow's" in text


def test_no_drop_without_labels(
    source: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = compared(source, photographs, tmp_path, "float")
    with refused("drop-without-labels", UsageError):
        require_drop(result, 1.0)
    files = [source, tmp_path / "float.onnx", "--images", photographs]
    assert run_command(["compare", *map(str, files), "--max-drop", "1"]) == 2
    assert code_in(capsys.readouterr().err) == "drop-without-labels"


def test_distances_of_scores() -> None:
    error = ScoreError.of(np.array([[1.0, 2.0]]), np.array([[1.5, -4.0]]))
    assert error == ScoreError(6.0, 3.25, 4.0)
