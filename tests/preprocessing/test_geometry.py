"""Sizes and places, against the rules of the libraries, written out, and Pillow itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps
from support.codes import refused

from jpegcompile.dct.filters import taps_of
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import Corner, Crop, Filter, Resize, Rounding, Size

Plane = NDArray[np.float32]
sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))
networks = st.tuples(st.integers(1, 60), st.integers(1, 60))


def frame_of(size: tuple[int, ...]) -> Frame:
    return Frame(size[0], size[1], ((1, 1),), "gray")


def seen(geometry: Geometry, plane: Plane, network: Size) -> Plane:
    """What the network sees of a plane as it is, by places and weights."""
    placement = geometry.place(frame_of(plane.shape), network)
    rows, columns = taps_of(placement.rows), taps_of(placement.columns)
    made = np.einsum("ot,otw->ow", rows.weights, plane.astype(np.float64)[rows.places])
    made = np.einsum("ot,hot->ho", columns.weights, made[:, columns.places])
    outside = 1.0 - np.outer(rows.level, columns.level)
    return np.asarray(made + outside * geometry.fill[0], np.float32)


def plane_of(size: Size) -> Plane:
    return np.random.default_rng(size).uniform(0, 255, size).astype(np.float32)


def placed(geometry: Geometry, size: Size, network: Size) -> tuple[Size, Size]:
    """(Resized size, start)."""
    placement = geometry.place(frame_of(size), network)
    rows, columns = placement.rows, placement.columns
    return (rows.target, columns.target), (rows.start, columns.start)


@given(sizes, networks)
def test_pad_is_that_of_pillow(size: Size, network: Size) -> None:
    plane = plane_of(size)
    contained = ImageOps.contain(Image.fromarray(plane), network[::-1])
    assume(min(contained.size) > 0)
    chosen = Image.Resampling.BICUBIC
    expected = ImageOps.pad(Image.fromarray(plane), network[::-1], chosen, color=7)
    geometry = Geometry(Resize("pad", filter=Filter("bicubic")), fill=(7.0,))
    np.testing.assert_allclose(seen(geometry, plane, network), np.asarray(expected), atol=1e-3)


def kept_ratio(size: Size, target: Size, longest: float) -> Size:
    """timm's `ResizeKeepRatio.get_params` without its random parts."""
    ratio_h, ratio_w = size[0] / target[0], size[1] / target[1]
    ratio = max(ratio_h, ratio_w) * longest + min(ratio_h, ratio_w) * (1.0 - longest)
    return round(size[0] / ratio), round(size[1] / ratio)


def center_crop(size: Size, network: Size) -> tuple[int, int]:
    """torchvision's, as the start within an image that is not padded yet."""
    start = []
    for had, wanted in zip(size, network, strict=True):
        padding = (wanted - had) // 2 if wanted > had else 0
        had = max(had, wanted)
        start.append(round((had - wanted) / 2.0) - padding)
    return start[0], start[1]


@given(sizes, networks, st.sampled_from([1.0, 0.875, 0.9, 0.95, 224 / 232]))
def test_timm(size: Size, network: Size, ratio: float) -> None:
    scaled = (math.floor(network[0] / ratio), math.floor(network[1] / ratio))
    exact = Geometry(Resize("exact", None, ratio), Crop())
    assert placed(exact, size, network) == (scaled, center_crop(scaled, network))
    border = kept_ratio(size, scaled, 1.0)
    if min(border) > 0:
        geometry = Geometry(Resize("long", None, ratio), Crop())
        assert placed(geometry, size, network) == (border, center_crop(border, network))
    if scaled[0] == scaled[1]:
        return
    made = kept_ratio(size, scaled, 0.0)
    geometry = Geometry(Resize("short", None, ratio), Crop())
    assert placed(geometry, size, network) == (made, center_crop(made, network))


def tensorflow_crop(had: int, wanted: int) -> int:
    """`tf.image.resize_with_crop_or_pad`: the offset of the crop less that of the padding."""
    difference = wanted - had
    return max(-difference // 2, 0) - max(difference // 2, 0)


def transformers_crop(had: int, wanted: int) -> int:
    """`TorchvisionBackend.center_crop` of transformers."""
    if wanted > had:
        return -((wanted - had) // 2)
    return int((had - wanted) / 2.0)


@pytest.mark.parametrize("rule", [tensorflow_crop, transformers_crop])
def test_center_of_others(rule: Callable[[int, int], int]) -> None:
    for had in range(1, 40):
        for wanted in range(1, 40):
            start = Crop(rounding="down").start((had, 9), (wanted, 9))
            assert start == (rule(had, wanted), 0)


def test_roundings_differ() -> None:
    starts = {rounding: Crop(rounding=rounding).start((7, 9), (4, 6)) for rounding in ROUNDINGS}
    assert starts == {"even": (2, 2), "down": (1, 1)}


ROUNDINGS: tuple[Rounding, ...] = ("even", "down")


def five_crop(plane: Plane, size: Size) -> list[Plane]:
    """torchvision's functional `five_crop`."""
    height, width = plane.shape
    rows, columns = size
    top, left = round((height - rows) / 2.0), round((width - columns) / 2.0)
    return [
        plane[:rows, :columns],
        plane[:rows, width - columns :],
        plane[height - rows :, :columns],
        plane[height - rows :, width - columns :],
        plane[top : top + rows, left : left + columns],
    ]


@given(sizes, networks, st.sampled_from(["five", "ten"]))
def test_views_are_those_of_torchvision(size: Size, network: Size, views: str) -> None:
    assume(size[0] >= network[0] and size[1] >= network[1])
    plane = plane_of(size)
    expected = five_crop(plane, network)
    if views == "ten":
        expected += five_crop(plane[:, ::-1], network)
    made = preprocess_of({"crop": "center", "views": views}).geometry.each_view()
    assert len(made) == len(expected)
    for geometry, part in zip(made, expected, strict=True):
        np.testing.assert_array_equal(seen(geometry, plane, network), part)


@pytest.mark.parametrize(
    ("corner", "start"),
    [
        ("top-left", (0, 0)),
        ("top-right", (0, -5)),
        ("bottom-left", (3, 0)),
        ("bottom-right", (3, -5)),
        ("center", (2, -2)),
    ],
)
def test_corners(corner: Corner, start: tuple[int, int]) -> None:
    assert Crop(corner).start((13, 10), (10, 15)) == start


GEOMETRIES = {
    **{name: preprocess.geometry for name, preprocess in PRESETS.items()},
    "exact": Geometry(Resize("exact", (30, 40)), Crop((3, 5))),
    "exact in the middle": Geometry(Resize("exact", (30, 40)), Crop()),
    "short": Geometry(Resize("short", 30), Crop("bottom-right")),
    "short, anywhere": Geometry(Resize("short", 90), Crop((1, 1))),
    "mirrored": Geometry(Resize("exact", (30, 40)), Crop((3, 5)), mirror=True),
    "pad": Geometry(Resize("pad")),
    "corner": Geometry(None, Crop("top-left")),
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_displayed_sizes_are_those_of_pillow(orientation: int) -> None:
    image = Image.new("L", (30, 20))
    image.getexif()[0x0112] = orientation
    turned = ImageOps.exif_transpose(image)
    frame = replace(frame_of((20, 30)), orientation=orientation)
    assert Geometry(orientation=True).displayed(frame) == (turned.height, turned.width)
    assert Geometry().displayed(frame) == (20, 30)


@given(sizes, networks)
def test_what_may_fill(size: Size, network: Size) -> None:
    for name, geometry in GEOMETRIES.items():
        if geometry.takes_any_size and not geometry.may_fill(network):
            assert geometry.place(frame_of(size), network).is_inside, name


def test_what_surely_fills_nothing() -> None:
    """So that no plane for the fill is computed in vain."""
    filling = {name for name, geometry in GEOMETRIES.items() if geometry.may_fill((25, 33))}
    assert filling == {"short", "short, anywhere", "pad", "corner"}
    filling = {name for name, geometry in GEOMETRIES.items() if geometry.may_fill((28, 33))}
    assert filling == {"exact", "mirrored", "short", "short, anywhere", "pad", "corner"}
    assert not GEOMETRIES["short"].may_fill((30, 30))
    assert not GEOMETRIES["imagenet"].may_fill((224, 224))


def test_images_that_do_not_come_to_the_networks_size() -> None:
    for geometry, size, code, words in (
        (Geometry(), (8, 9), "image-size-mismatch", "is 9x8 but the model takes 8x8;"),
        (
            Geometry(Resize("exact", (10, 12))),
            (8, 9),
            "image-size-mismatch",
            "is 9x8, resized to 12x10, but the model takes 8x8;",
        ),
        (Geometry(Resize()), (8, 9), "image-size-mismatch", "is 9x8 but the model takes 8x8;"),
        (Geometry(Resize("pad")), (1, 900), "image-too-narrow", "is 900x1"),
        (Geometry(Resize("long"), Crop()), (1, 900), "image-too-narrow", "is 900x1"),
    ):
        with refused(code, ImageError) as caught:
            placed(geometry, size, (8, 8))
        assert str(caught.value).startswith(words)
    turned = replace(frame_of((8, 9)), orientation=6)
    with refused("image-size-mismatch", ImageError) as caught:
        Geometry(orientation=True).place(turned, (8, 9))
    assert str(caught.value).startswith("is 9x8, turned to 8x9, but the model takes 9x8;")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (
            {"crop": {"size": 224}},
            "preprocess-size-mismatch",
        ),
        (
            {"resize": [40, 32]},
            "preprocess-size-mismatch",
        ),
        (
            {"resize": {"fit": "pad"}, "fill": [1, 2]},
            "fill-length-mismatch",
        ),
    ],
)
def test_networks_that_it_is_not_for(data: dict[str, object], code: str) -> None:
    taken = NetworkInput("image", 3, 32, 40, "NCHW")
    with refused(code, UsageError):
        taken.normalized(preprocess_of(data))
    taken.normalized(preprocess_of({"resize": [32, 40], "crop": None, "fill": [1, 2, 3]}))
    taken.normalized(preprocess_of({"resize": [40, 32], "crop": "center"}))
