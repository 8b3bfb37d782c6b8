"""The native ingest equals the float64 reference for any file, geometry and block size."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.preprocessing import (
    assert_as_reference,
    assert_as_reference_or_refused,
    native,
    network,
    tolerance,
)
from support.tiers import thorough

from jpegcompile.dct.ingest import ingest
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.steps import HAVE_CHOICE, INTERPOLATIONS, Filter
from jpegcompile.runtime.preprocessor import Preprocessor

FILTERS: list[dict[str, Any]] = [
    {"library": library, "filter": name, **antialias}
    for library, names in INTERPOLATIONS.items()
    # Library "jpegcompile" only resizes to whole eighths: see tests/dct/test_low_frequencies.py.
    if library != "jpegcompile"
    for name in names
    for antialias in (
        ({"antialias": True}, {"antialias": False}) if library in HAVE_CHOICE else ({},)
    )
]
IMAGENET = NetworkInput("image", 3, 224, 224, "NCHW").normalized(PRESETS["imagenet"])


@pytest.mark.parametrize("chosen", FILTERS, ids=lambda chosen: "-".join(map(str, chosen.values())))
@pytest.mark.parametrize("size", [(97, 61), (30, 200), (500, 375)])
@pytest.mark.parametrize("sampling", ["4:2:0", "4:4:4"])
def test_every_filter(chosen: dict[str, Any], size: tuple[int, int], sampling: str) -> None:
    taken = network((32, 40), resize={"fit": "exact", **chosen})
    assert_as_reference(random_file(SAMPLINGS[sampling], *size), taken, 8)


@pytest.mark.parametrize("size", [(97, 61), (5, 3), (1, 1), (40, 200)])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_sampling(sampling: str, size: tuple[int, int]) -> None:
    data = random_file(SAMPLINGS[sampling], *size)
    assert_as_reference(data, network((24, 16), resize={"fit": "exact"}), 8)


@pytest.mark.parametrize("block", [1, 2, 4, 8])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("color", ["RGB", "BGR", "L"])
@pytest.mark.parametrize("kind", ["4:2:0", "gray", "rgb"])
def test_colors_and_layouts(block: int, layout: str, color: str, kind: str) -> None:
    options: dict[str, Any] = {"component_ids": tuple(map(ord, "RGB"))} if kind == "rgb" else {}
    sampling = SAMPLINGS["4:4:4" if kind == "rgb" else kind]
    taken = network((24, 40), layout, color=color, resize=30, crop="center")
    assert_as_reference(random_file(sampling, 70, 50, **options), taken, block)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("block", [1, 8])
def test_halves_are_rounded_floats(layout: Any, orientation: int, block: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = make_jpeg(97, 61, exif=exif.tobytes())
    taken = network((24, 40), layout, resize=30, crop="center", orientation=True)
    floats = Preprocessor(taken, block).read([data, data]).tensor
    halves = Preprocessor(taken, block, dtype=np.float16).read([data, data]).tensor
    assert halves.dtype == np.float16
    np.testing.assert_array_equal(halves, floats.astype(np.float16))
    assert (halves != floats).any()


GEOMETRIES: list[dict[str, Any]] = [
    {"resize": {"fit": "pad"}, "fill": [10, 20, 30]},
    {"resize": {"fit": "pad"}, "flip": True, "fill": 255},
    {"crop": "center", "fill": 100},
    {"crop": [-7, -9], "fill": [1, 2, 3]},
    {"crop": [500, 900]},
    {"resize": {"fit": "long"}, "crop": "top-left", "mirror": True, "fill": 9},
    {"crop": [-500, 3]},
    {"crop": "bottom-right", "flip": True},
    {"resize": 41, "crop": {"position": "center", "rounding": "down"}},
]


@pytest.mark.parametrize("block", [1, 2, 4, 8])
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("size", [(97, 61), (20, 33)])
def test_geometries(geometry: dict[str, Any], block: int, size: tuple[int, int]) -> None:
    data = random_file(SAMPLINGS["4:2:0"], *size)
    assert_as_reference(data, network((24, 40), **geometry), block)


def drawn_file(draw: st.DrawFn, most: int) -> bytes:
    width, height = (draw(st.integers(1, most)) for _ in range(2))
    if draw(st.booleans()):
        return random_file(SAMPLINGS[draw(st.sampled_from(list(SAMPLINGS)))], width, height)
    return make_jpeg(
        width,
        height,
        quality=draw(st.sampled_from([30, 85, 98])),
        subsampling=draw(st.sampled_from(["4:4:4", "4:2:2", "4:2:0"])),
        restart_marker_blocks=draw(st.integers(0, 9)),
        progressive=draw(st.booleans()),
    )


def scalings(chosen: dict[str, Any]) -> list[bool]:
    """Return the values of scaled_decoding that a filter supports."""
    named = Filter(chosen["filter"], chosen["library"], chosen.get("antialias", True))
    return [False, True] if named.is_antialiased else [False]


@st.composite
def cases(draw: st.DrawFn, most: int) -> tuple[bytes, NetworkInput, int]:
    """Draw a file, a network and its block size."""
    block = draw(st.sampled_from([1, 2, 4, 8]))
    size = tuple(block * draw(st.integers(1, 48 // block)) for _ in range(2))
    fit = draw(st.sampled_from(["short", "long", "exact", "pad"]))
    chosen = draw(st.sampled_from(FILTERS))
    resize = {"fit": fit, **chosen, "scaled_decoding": draw(st.sampled_from(scalings(chosen)))}
    position = draw(
        st.sampled_from(["center", "top-left", "top-right", "bottom-left", "bottom-right"])
        | st.tuples(st.integers(-60, 60), st.integers(-60, 60)).map(list)
    )
    geometry = {
        "resize": draw(st.sampled_from([None, resize])),
        "crop": {"position": position, "rounding": draw(st.sampled_from(["even", "down"]))},
        "mirror": draw(st.booleans()),
        "flip": draw(st.booleans()),
        "fill": draw(st.integers(0, 255)),
        "color": draw(st.sampled_from(["RGB", "BGR", "L"])),
    }
    layout = draw(st.sampled_from(["NCHW", "NHWC"]))
    taken = network((size[0], size[1]), layout, **geometry)
    return drawn_file(draw, most), taken, block


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(case=cases(120))
def test_drawn(case: tuple[bytes, NetworkInput, int]) -> None:
    assert_as_reference_or_refused(*case)


@thorough
@settings(max_examples=2000, suppress_health_check=list(HealthCheck))
@given(case=cases(400))
def test_many_drawn(case: tuple[bytes, NetworkInput, int]) -> None:
    assert_as_reference_or_refused(*case)


@thorough
@pytest.mark.parametrize("size", [(4000, 3000), (3000, 64), (64, 3000), (2049, 1025)])
@pytest.mark.parametrize("name", ["bilinear", "lanczos"])
def test_large(size: tuple[int, int], name: str) -> None:
    data = make_jpeg(*size, quality=85)
    resize = {"fit": "exact", "filter": name}
    assert_as_reference(data, network((224, 224), resize=resize), 8)


@pytest.mark.parametrize("block", [1, 8])
def test_photographs(shared: Path, block: int) -> None:
    """Pixels are equal to 5e-6 of normalized units."""
    files = sorted((shared / "images" / "photos").iterdir())
    assert files
    for file in files[:: 1 if block == 8 else 4]:
        expected = ingest(read_coefficients(file), IMAGENET, block)
        limit = 5e-6 if block == 1 else tolerance(expected)
        np.testing.assert_allclose(native(file, IMAGENET, block), expected, rtol=0, atol=limit)


def test_odd_files(shared: Path) -> None:
    for file in sorted((shared / "images" / "odd").glob("*.jpg")):
        if file.name != "cmyk.jpg":
            assert_as_reference(file, IMAGENET, 8)


@pytest.mark.parametrize(
    "fault", ["a coefficient", "a shift of the crop", "a constant", "a filter"]
)
def test_planted_faults_are_seen(fault: str) -> None:
    data = random_file(SAMPLINGS["4:2:0"], 97, 61)
    taken = network((32, 40), resize={"fit": "exact", "filter": "bicubic"})
    expected = ingest(read_coefficients(data), taken, 8)
    limit = tolerance(expected)
    assert np.abs(native(data, taken, 8) - expected).max() <= limit
    changed = taken
    if fault == "a coefficient":
        image = read_coefficients(data)
        image.planes[2][0, 1, 7, 7] += 1
        expected = ingest(image, taken, 8)
    elif fault == "a shift of the crop":
        expected = np.roll(expected, 1, axis=2)
    elif fault == "a constant":
        assert taken.affine is not None
        affine = dataclasses.replace(taken.affine, shift=taken.affine.shift + 1e-5)
        changed = dataclasses.replace(taken, affine=affine)
    else:
        changed = network((32, 40), resize={"fit": "exact", "filter": "hamming"})
    assert np.abs(native(data, changed, 8) - expected).max() > limit
