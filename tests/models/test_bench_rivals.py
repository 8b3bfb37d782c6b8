"""Readers of rivals, which `bench` compares with compiled models for images of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.bench_targets import LEVEL, SHORT, target_of
from support.codes import refused
from support.images import make_jpeg

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.benchmark.rivals.registry import RIVALS, chosen_rivals
from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.evaluation.pillow import pillow_input
from jpegcompile.messages import code_of
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.reading import preprocess_of

GEOMETRIES: list[dict[str, Any]] = [
    SHORT,
    {**SHORT, "crop": "bottom-right", "flip": True},
    {**SHORT, "orientation": True},
    {"resize": {"fit": "pad"}, "fill": 96},
    {"resize": {"fit": "exact", "filter": "bicubic"}, "color": "BGR"},
    {**SHORT, "views": "ten", "orientation": True},
]


def turned_jpeg(width: int, height: int, orientation: int = 6) -> bytes:
    """Return a file with an EXIF orientation, by default a rotation of 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return make_jpeg(width, height, exif=exif.tobytes(), quality=95)


def error(target: Target, name: str, file: bytes, folder: Path) -> float:
    """Return the largest difference from Pillow's decode and the resize of the preprocessing."""
    path = folder / "image.jpg"
    path.write_bytes(file)
    expected = pillow_input(path, target.preprocess, target.taken)
    actual = RIVALS[name].make(target)(file)
    assert actual.shape == expected.shape
    assert actual.dtype == np.float32
    return float(np.abs(actual - expected).max())


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize(("channels", "layout"), [(3, "NCHW"), (3, "NHWC"), (1, "NCHW")])
def test_readers_of_pillow(
    geometry: dict[str, Any], channels: int, layout: str, tmp_path: Path
) -> None:
    if channels == 1:
        geometry = {name: value for name, value in geometry.items() if name != "color"}
    target = target_of(geometry, channels, layout)
    file = turned_jpeg(60, 50)
    # The integers are equal; the normalization rounds in another order.
    assert error(target, "pillow", file, tmp_path) < 1e-5
    # Pillow rounds the ends of a box to a part of a pixel, and the result to integers.
    assert error(target, "pillow-box", file, tmp_path) < 1.01 * LEVEL


@pytest.mark.parametrize("orientation", [*range(1, 9), 9, 77])
def test_orientations(orientation: int, tmp_path: Path) -> None:
    """Invalid orientations do not rotate."""
    target = target_of({**SHORT, "orientation": True})
    for name in ("pillow", "pillow-box"):
        assert error(target, name, turned_jpeg(60, 50, orientation), tmp_path) < 1.01 * LEVEL


def test_a_reader_that_crops_elsewhere_is_told_from_one_that_does_not(tmp_path: Path) -> None:
    file = make_jpeg(60, 50, quality=95)
    path = tmp_path / "image.jpg"
    path.write_bytes(file)
    target, other = target_of(SHORT), target_of({**SHORT, "crop": [3, 6]})
    expected = pillow_input(path, target.preprocess, target.taken)
    for name in ("pillow", "pillow-box"):
        assert np.abs(RIVALS[name].make(target)(file) - expected).max() < 1.01 * LEVEL
        assert np.abs(RIVALS[name].make(other)(file) - expected).max() > 10 * LEVEL


def test_draft_changes_little(tmp_path: Path) -> None:
    """Pillow decodes at a reduced size, which changes smooth shapes little."""
    stream = tmp_path / "smooth.jpg"
    rows, columns = np.mgrid[:200, :260]
    waves = [100 * np.sin(rows / a + columns / b) for a, b in ((29, 45), (44, 37), (33, 51))]
    pixels = np.clip(128 + np.stack(waves, -1), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=95, subsampling="4:4:4")
    with Image.open(stream) as image:
        assert image.draft("RGB", (46, 36)) is not None
        assert image.size == (65, 50)
    target = target_of(SHORT)
    # The drafted image has a quarter of the size. Half of its pixel, at the steepest slope of the
    # waves (100 / 29 levels a pixel), is 7 levels.
    assert error(target, "pillow-box", stream.read_bytes(), tmp_path) < 7 * LEVEL
    expected = pillow_input(stream, target.preprocess, target.taken)
    moved = RIVALS["pillow-box"].make(target_of({**SHORT, "crop": [0, 7]}))(stream.read_bytes())
    assert np.abs(moved - expected).max() > 14 * LEVEL


@pytest.mark.parametrize(
    "geometry",
    [
        {"resize": {"size": 36, "library": "opencv"}, "crop": "center"},
        {"resize": {"size": 36, "library": "opencv", "filter": "area"}, "crop": "center"},
        {"resize": {"fit": "pad", "library": "opencv"}, "fill": 96, "color": "BGR"},
        {"resize": {"size": 36, "library": "opencv"}, "views": "five"},
    ],
)
@pytest.mark.parametrize(("channels", "layout"), [(3, "NCHW"), (3, "NHWC"), (1, "NCHW")])
def test_the_reader_of_opencv(
    geometry: dict[str, Any], channels: int, layout: str, tmp_path: Path
) -> None:
    pytest.importorskip("cv2", reason="needs opencv-python-headless")
    pytest.importorskip("simplejpeg", reason="needs simplejpeg")
    if channels == 1:
        geometry = {name: value for name, value in geometry.items() if name != "color"}
    target = target_of(geometry, channels, layout)
    # The reference resizes in real arithmetic; OpenCV's weights have 11 bits, and it rounds.
    assert error(target, "simplejpeg+opencv", make_jpeg(60, 50), tmp_path) < 1.6 * LEVEL


def test_which_rivals_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    # The test must not depend on installed packages.
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "cv2" else object()
    )
    monkeypatch.setattr("sys.executable", "false")
    geometry = preprocess_of("imagenet-bicubic").geometry
    chosen = chosen_rivals(None, geometry)
    assert chosen.rivals == {
        "pillow": "Pillow's BICUBIC",
        "pillow-box": "Pillow's BICUBIC of the crop, after draft",
    }
    missing = "not installed; pip install simplejpeg opencv-python-headless"
    assert {name: code_of(reason) for name, reason in chosen.left_out.items()} == {
        "simplejpeg+opencv": "rival-not-installed",
        "torchvision": "rival-import-failed",
    }
    assert chosen.left_out["simplejpeg+opencv"] == missing
    assert list(chosen_rivals(["pillow-box"], geometry).rivals) == ["pillow-box"]
    for names, code, word in (
        (["torchvision"], "rival-import-failed", "torchvision"),
        (["simplejpeg+opencv"], "rival-not-installed", "simplejpeg+opencv"),
        (["opencv"], "rival-unknown", "'opencv'"),
        ([], "rivals-missing", "rivals"),
    ):
        with refused(code, UsageError) as caught:
            chosen_rivals(names, geometry)
        assert word in str(caught.value)


def test_a_rival_that_does_not_turn_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr("sys.executable", "true")
    chosen = chosen_rivals(None, Geometry(orientation=True))
    reason = chosen.left_out["simplejpeg+opencv"]
    assert code_of(reason) == "rival-without-orientation"
    assert chosen.rivals["torchvision"] == ""
