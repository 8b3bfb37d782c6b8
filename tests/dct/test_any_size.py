"""Images of any size: the ingest is the float decode, resized by the libraries on float32."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps
from support.coefficient_files import SAMPLINGS, random_coefficients
from support.resizing import every_filter, named, resized, tolerance

from jpegcompile.dct.axis_operator import axis_operator
from jpegcompile.dct.blocks import block_size, dct_matrix, to_spatial
from jpegcompile.dct.decode import decode
from jpegcompile.dct.ingest import ingest
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.fields import crop_json, resize_json
from jpegcompile.preprocessing.geometry import AxisPlacement
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import Crop, Filter, Resize, Size

Pixels = NDArray[np.float64]
# Samplings that the ingest takes; docs/exactness.md says which ones it does not.
TAKEN = [name for name in SAMPLINGS if name != "crossed"]


def pixels_of(image: Coefficients, taken: NetworkInput) -> Pixels:
    """[H, W, C] of the network's input."""
    return to_spatial(ingest(image, taken), block_size(*taken.size)).transpose(1, 2, 0)


def network(size: Size, **fields: Any) -> NetworkInput:
    taken = NetworkInput("image", 3, *size, "NCHW")
    return taken.normalized(preprocess_of({"scale": 1 / 255, **fields}))


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """By Pillow's reading of EXIF."""
    planes = []
    for plane in pixels.astype(np.float32).transpose(2, 0, 1):
        image = Image.fromarray(plane)
        image.getexif()[0x0112] = orientation
        planes.append(np.asarray(ImageOps.exif_transpose(image), np.float64))
    return np.stack(planes, axis=2)


def brought_to(pixels: Pixels, size: Size, filter: Filter) -> Pixels:
    planes = pixels.astype(np.float32).transpose(2, 0, 1)
    made = [resized(np.ascontiguousarray(plane), size, filter) for plane in planes]
    return np.stack(made, axis=2).astype(np.float64)


def short_side(size: Size, side: int) -> Size:
    """torchvision's `_compute_resized_output_size` for one number."""
    height, width = size
    short, long = (width, height) if width <= height else (height, width)
    longer = int(side * long / short)
    return (longer, side) if width <= height else (side, longer)


def window(pixels: Pixels, start: tuple[int, int], size: Size, fill: float) -> Pixels:
    """The part that begins at `start`, which may lie outside."""
    made = np.full((*size, pixels.shape[2]), float(fill))
    for row in range(size[0]):
        for column in range(size[1]):
            top, left = start[0] + row, start[1] + column
            if 0 <= top < pixels.shape[0] and 0 <= left < pixels.shape[1]:
                made[row, column] = pixels[top, left]
    return made


def center(pixels: Pixels, size: Size, fill: float) -> Pixels:
    """torchvision's `center_crop`: padding first, then half to even."""
    missing = [max(wanted - had, 0) for wanted, had in zip(size, pixels.shape[:2], strict=True)]
    sides = [(gap // 2, (gap + 1) // 2) for gap in missing]
    padded = np.pad(pixels, (*sides, (0, 0)), constant_values=fill)
    top, left = (
        round((had - wanted) / 2.0) for had, wanted in zip(padded.shape[:2], size, strict=True)
    )
    return padded[top : top + size[0], left : left + size[1]]


@pytest.mark.parametrize("filter", every_filter(), ids=named)
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:0", "4:2:2", "4:1:1", "gray"])
@pytest.mark.parametrize("size", [(97, 61), (30, 200), (16, 16)])
def test_exact_sizes(filter: Filter, sampling: str, size: tuple[int, int]) -> None:
    image = random_coefficients(SAMPLINGS[sampling], *size)
    taken = network((32, 40), resize=resize_json(Resize("exact", filter=filter)))
    expected = brought_to(decode(image), (32, 40), filter) / 255
    atol = tolerance(filter, (size[1], size[0]), (32, 40))
    np.testing.assert_allclose(pixels_of(image, taken), expected, rtol=0, atol=atol)


def test_imagenet_is_resize_and_center_crop() -> None:
    image = random_coefficients(SAMPLINGS["4:2:0"], 500, 375)
    taken = NetworkInput("image", 3, 224, 224, "NCHW").normalized(PRESETS["imagenet"])
    whole = brought_to(decode(image), (256, 341), Filter("bilinear"))
    top, left = round((256 - 224) / 2), round((341 - 224) / 2)
    expected = whole[top : top + 224, left : left + 224] / 255
    expected = (expected - (0.485, 0.456, 0.406)) / np.array((0.229, 0.224, 0.225))
    np.testing.assert_allclose(pixels_of(image, taken), expected, rtol=0, atol=5e-6)


sizes = st.tuples(st.integers(1, 150), st.integers(1, 150))
networks = st.tuples(st.integers(1, 40), st.integers(1, 40))
offsets = st.tuples(st.integers(-50, 50), st.integers(-50, 50))


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "sampling": draw(st.sampled_from(TAKEN)),
        "image": draw(sizes),
        "network": draw(networks),
        "filter": draw(st.sampled_from(every_filter())),
        "side": draw(st.one_of(st.none(), st.integers(1, 60), networks)),
        "position": draw(st.one_of(st.just("center"), offsets)),
        "orientation": draw(st.integers(1, 8)),
        "is_turned": draw(st.booleans()),
        "mirror": draw(st.booleans()),
        "flip": draw(st.booleans()),
        "fill": draw(st.integers(0, 255)),
    }


def expected_of(case: dict[str, Any], pixels: Pixels) -> Pixels:
    """What the libraries make of it, in the order that docs/preprocessing.md gives."""
    if case["is_turned"]:
        pixels = turned(pixels, case["orientation"])
    side, filter = case["side"], case["filter"]
    if isinstance(side, tuple):
        pixels = brought_to(pixels, side, filter)
    elif side is not None:
        pixels = brought_to(pixels, short_side(pixels.shape[:2], side), filter)
    if case["mirror"]:
        pixels = pixels[:, ::-1]
    if case["position"] == "center":
        pixels = center(pixels, case["network"], case["fill"])
    else:
        pixels = window(pixels, case["position"], case["network"], case["fill"])
    return (pixels[:, ::-1] if case["flip"] else pixels) / 255


def made_of(case: dict[str, Any], image: Coefficients) -> Pixels:
    side = case["side"]
    resize = None if side is None else resize_json(Resize("short", filter=case["filter"]))
    if resize is not None:
        resize |= {"size": side, "fit": "exact" if isinstance(side, tuple) else "short"}
    taken = network(
        case["network"],
        resize=resize,
        crop=crop_json(Crop(case["position"])),
        orientation=case["is_turned"],
        mirror=case["mirror"],
        flip=case["flip"],
        fill=case["fill"],
    )
    frame = replace(image.frame, orientation=case["orientation"])
    return pixels_of(replace(image, frame=frame), taken)


@given(cases())
def test_random_descriptions(case: dict[str, Any]) -> None:
    image = random_coefficients(SAMPLINGS[case["sampling"]], *case["image"])
    pixels = decode(image)
    side = case["side"] if isinstance(case["side"], tuple) else (case["side"] or 6,) * 2
    if isinstance(case["side"], int):
        side = short_side(pixels.shape[:2], case["side"])
    # The contrast of random coefficients, which the tolerance is for 1 of.
    contrast = max(float(np.ptp(pixels)) / 255, 1.0)
    atol = contrast * tolerance(case["filter"], pixels.shape[:2], side)
    np.testing.assert_allclose(made_of(case, image), expected_of(case, pixels), rtol=0, atol=atol)


FAULTS: dict[str, Any] = {
    "flip": True,
    "mirror": True,
    "is_turned": False,
    "orientation": 7,
    "fill": 9,
    "position": (3, -5),
    "side": (50, 30),
    "filter": Filter("bicubic"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_fail(name: str) -> None:
    case = {
        "network": (33, 40),
        "filter": Filter("bilinear"),
        "side": (51, 30),
        "position": (3, -4),
        "orientation": 6,
        "is_turned": True,
        "mirror": False,
        "flip": False,
        "fill": 8,
    }
    image = random_coefficients(SAMPLINGS["4:2:0"], 61, 45)
    expected = expected_of(case, decode(image))
    np.testing.assert_allclose(made_of(case, image), expected, rtol=0, atol=5e-6)
    assert np.abs(made_of({**case, name: FAULTS[name]}, image) - expected).max() > 1e-4


def upsampled(samples: Pixels, factor: int, triangle: bool, size: int) -> Pixels:
    """[size, W] along the first axis; the triangle weights neighbors by 3 and 1."""
    if factor == 1 or not triangle:
        return np.repeat(samples, factor, axis=0)[:size]
    before, after = np.vstack([samples[:1], samples[:-1]]), np.vstack([samples[1:], samples[-1:]])
    made = np.stack([samples * 0.75 + before * 0.25, samples * 0.75 + after * 0.25], axis=1)
    return made.reshape(-1, samples.shape[1])[:size]


@given(
    st.integers(1, 4000),
    st.integers(1, 600),
    st.sampled_from(every_filter()),
    st.sampled_from([(1, False), (2, True), (2, False), (4, False)]),
    st.sampled_from([1, 2, 8]),
    st.booleans(),
)
def test_long_axes(
    source: int,
    target: int,
    filter: Filter,
    upsampling: tuple[int, bool],
    block: int,
    is_mirrored: bool,
) -> None:
    """The operator of one axis, from random samples to the middle of the resized axis."""
    factor, triangle = upsampling
    length = -(-min(target, 40) // block) * block
    start = (target - length) // 2
    assume(start >= 0)
    true_size = -(-source // factor)
    samples = np.random.default_rng(source).uniform(0, 255, (true_size, 8))
    blocks = -(-true_size // 8)
    padded = np.pad(samples, ((0, 8 * blocks - true_size), (0, 0))).reshape(blocks, 8, 8)
    coefficients = np.einsum("fs,bsw->bfw", dct_matrix(8), padded).reshape(8 * blocks, 8)
    chosen = filter.where(target > source)
    axis = AxisPlacement(source, target, start, length, chosen, is_mirrored)
    made = axis_operator(axis, true_size, factor, triangle, block).rows(coefficients)
    made = np.einsum("fs,bfw->bsw", dct_matrix(block), made.reshape(-1, block, 8))
    pixels = upsampled(samples, factor, triangle, source)
    pixels = pixels[::-1] if is_mirrored else pixels
    plane = np.ascontiguousarray(pixels, np.float32)
    expected = resized(plane, (target, 8), filter)[start : start + length]
    atol = tolerance(filter, (source, 8), (target, 8))
    np.testing.assert_allclose(made.reshape(-1, 8) / 255, expected / 255, rtol=0, atol=atol)
