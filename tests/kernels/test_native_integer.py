"""The native integer decode equals Pillow, bit for bit, on every instruction set."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.pillow_integers import (
    FILTERS,
    Case,
    by_pillow,
    channels_first,
    needs_pillow_13,
    no_fill,
    random_case,
    unlike_images,
    whole,
)
from support.processes import succeeds
from support.tiers import quick_of, thorough

from jpegcompile import _core
from jpegcompile.dct import integer_decode
from jpegcompile.dct.color import Color
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.preprocessing.geometry import AxisPlacement, Geometry, Placement
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.steps import Crop, Filter, Resize

NETWORK = (224, 224)
pytestmark = needs_pillow_13

COLORS: tuple[Color, ...] = ("RGB", "BGR", "L")


def assert_equals_pillow(case: Case) -> None:
    made = _core.decode_integers(case.data, case.placement, case.color, case.fill)
    expected = by_pillow(case.data, case.placement, case.color, case.fill)
    np.testing.assert_array_equal(made, expected, err_msg=str(case.placement))


def files(folder: Path) -> list[bytes]:
    """Return the files of a folder that both jpegcompile and Pillow can read."""
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.stem != "cmyk"]


@pytest.mark.shared
@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("folder", ["photos", "odd"])
def test_files_as_they_are(shared: Path, folder: str, color: Color) -> None:
    found = files(shared / "images" / folder)
    assert len(found) > 20
    for data in found:
        image = Image.open(io.BytesIO(data))
        assert_equals_pillow(Case(data, whole(*image.size), color, no_fill(color)))


GEOMETRIES = {
    **{name: PRESETS[name].geometry for name in ("imagenet", "imagenet-bicubic", "imagenet-v2")},
    **{
        f"{name} exact": Geometry(Resize("exact", NETWORK, filter=Filter(name))) for name in FILTERS
    },
    **{
        f"{name} in small": Geometry(
            Resize("short", 64, filter=Filter(name)),
            Crop((-3, 5)),
            flip=True,
            fill=(124.0, 117.0, 104.0),
        )
        for name in FILTERS
    },
    "lanczos, padded": Geometry(Resize("pad", filter=Filter("lanczos")), orientation=True),
}


@pytest.mark.sampled
@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "name"),
    [
        *(("odd", name) for name in GEOMETRIES),
        *quick_of((("photos", name) for name in GEOMETRIES), quick=2),
    ],
)
def test_files_resized(shared: Path, folder: str, name: str) -> None:
    geometry = GEOMETRIES[name]
    fill = tuple(int(value) for value in geometry.fill * (3 // len(geometry.fill)))
    for data in files(shared / "images" / folder):
        frame = read_coefficients(data).frame
        if frame.width > 100 * frame.height or frame.height > 100 * frame.width:
            continue
        assert_equals_pillow(Case(data, geometry.place(frame, NETWORK), "RGB", fill))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations(orientation: int) -> None:
    """Files are rotated before the resize, as by ImageOps.exif_transpose."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = make_jpeg(90, 61, exif=exif.tobytes(), subsampling=2)
    geometry = Geometry(Resize("short", 40), Crop(), orientation=True)
    frame = replace(read_coefficients(data).frame, orientation=orientation)
    placement = geometry.place(frame, (32, 36))
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    scale = 40 / min(turned.size)
    width, height = (int(side * scale) for side in turned.size)
    left, top = round((width - 36) / 2), round((height - 32) / 2)
    expected = turned.resize((width, height), Image.Resampling.BILINEAR)
    expected = expected.crop((left, top, left + 36, top + 32))
    made = _core.decode_integers(data, placement, "RGB", (0, 0, 0))
    np.testing.assert_array_equal(made, channels_first(expected, "RGB"))


@given(st.integers(0, 2**32))
def test_every_placement(seed: int) -> None:
    assert_equals_pillow(random_case(random.Random(seed)))


@pytest.mark.sampled
@pytest.mark.parametrize("name", SAMPLINGS)
def test_every_sampling(name: str) -> None:
    """Widths and heights around whole blocks, since errors are likely at edges."""
    for width in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 34):
        for height in (1, 2, 7, 8, 9, 16, 17, 24, 33, 47):
            data = random_file(SAMPLINGS[name], width, height)
            assert_equals_pillow(Case(data, whole(width, height), "RGB", no_fill("RGB")))


@thorough
def test_large_files() -> None:
    generator = random.Random(0)
    for _ in range(20):
        assert_equals_pillow(random_case(generator, 3000))


def test_coefficients_that_overflow() -> None:
    for data in unlike_images(100):
        assert_equals_pillow(Case(data, whole(40, 24), "RGB", no_fill("RGB")))


@pytest.mark.parametrize("isa", ["plain", "avx2", "avx512"])
def test_instruction_sets(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each instruction set runs in its own process, since it is chosen at load time."""
    monkeypatch.setenv("JPEGCOMPILE_ISA", isa)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    code = """
import random
import numpy as np
from jpegcompile import _core
from support.pillow_integers import Case, by_pillow, random_case, unlike_images, whole
cases = [random_case(random.Random(seed)) for seed in range(200)]
cases += [Case(data, whole(40, 24), "L", (0,)) for data in unlike_images(40)]
for case in cases:
    made = _core.decode_integers(case.data, case.placement, case.color, case.fill)
    expected = by_pillow(case.data, case.placement, case.color, case.fill)
    np.testing.assert_array_equal(made, expected)
print(len(cases))
"""
    assert succeeds(code).strip() == "240"


def test_equals_the_reference() -> None:
    for seed in range(60):
        case = random_case(random.Random(seed))
        made = _core.decode_integers(case.data, case.placement, case.color, case.fill)
        expected = integer_decode.decode_integers(
            read_coefficients(case.data), case.placement, case.color, case.fill
        )
        np.testing.assert_array_equal(made, expected)


def test_another_filter_is_found() -> None:
    """A planted fault: filter hamming instead of bilinear."""
    data = make_jpeg(90, 61)
    axes = (AxisPlacement(61, 40, 0, 40, Filter()), AxisPlacement(90, 64, 0, 64, Filter()))
    rows, columns = (replace(axis, filter=Filter("hamming")) for axis in axes)
    other = Placement(rows, columns)
    made = _core.decode_integers(data, other, "RGB", (0, 0, 0))
    assert (made != by_pillow(data, Placement(*axes), "RGB", (0, 0, 0))).any()


def test_placements_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="is for an image of 17x16"):
        _core.decode_integers(make_jpeg(16, 16), whole(17, 16), "RGB", (0, 0, 0))


def test_filters_of_other_libraries_are_refused() -> None:
    axis = AxisPlacement(16, 8, 0, 8, Filter("bilinear", "opencv"))
    with pytest.raises(ValueError, match="requires a filter of Pillow"):
        _core.decode_integers(make_jpeg(16, 16), Placement(axis, axis), "RGB", (0, 0, 0))


def test_fills_of_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="fill has 3 values"):
        _core.decode_integers(make_jpeg(16, 16), whole(16, 16), "L", (0, 0, 0))


def test_sampling_by_fractions_is_refused() -> None:
    data = random_file(((3, 1), (2, 1), (2, 1)), 16, 16)
    with pytest.raises(RuntimeError, match="subsampled by a fraction"):
        _core.decode_integers(data, whole(16, 16), "RGB", (0, 0, 0))
