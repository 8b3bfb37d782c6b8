"""Every filter of every library, against that library on planes of float32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from support.tiers import thorough

from jpegcompile.dct.filters import taps_of
from jpegcompile.jpeg.frame import Frame
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.steps import (
    INTERPOLATIONS,
    Filter,
    Interpolation,
    Library,
    Resize,
    Size,
)

Plane = NDArray[np.float32]
# The libraries sum up to 4000 products in float32; on the unit scale.
TOLERANCE = 5e-6
# (height, width) before and after. OpenCV's wheels round positions to float32 where a side has
# less than 6 pixels, and torch 2.13 antialiases wrongly to a width of 1.
SMALL = [((1, 1), (5, 3)), ((97, 61), (32, 40)), ((30, 200), (61, 50)), ((16, 64), (32, 16))]
LARGE = [
    ((4000, 8), (224, 9)),
    ((7, 3152), (7, 2080)),
    ((3435, 6), (3922, 6)),
    ((9, 352), (8, 3859)),
]


def by_pillow(plane: Plane, size: Size, filter: Filter) -> Plane:
    chosen = Image.Resampling[filter.name.upper()]
    return np.asarray(Image.fromarray(plane).resize(size[::-1], chosen))


def by_opencv(plane: Plane, size: Size, filter: Filter) -> Plane:
    cv2 = pytest.importorskip("cv2", reason="needs opencv-python-headless")
    flags = {
        "nearest": cv2.INTER_NEAREST,
        "bilinear": cv2.INTER_LINEAR,
        "bicubic": cv2.INTER_CUBIC,
        "lanczos": cv2.INTER_LANCZOS4,
        "area": cv2.INTER_AREA,
    }
    made = cv2.resize(plane, size[::-1], interpolation=flags[filter.name])
    return np.asarray(made, np.float32).reshape(size)


def by_torch(plane: Plane, size: Size, filter: Filter) -> Plane:
    torch = pytest.importorskip("torch")
    options = {}
    if filter.name in ("bilinear", "bicubic"):
        options = {"align_corners": False, "antialias": filter.antialias}
    planes = torch.from_numpy(plane)[None, None]
    resize = torch.nn.functional.interpolate
    return np.asarray(resize(planes, size=size, mode=filter.name, **options)[0, 0])


def by_tensorflow(plane: Plane, size: Size, filter: Filter) -> Plane:
    """TensorFlow's own loops, an output at a time; `tf.image.resize` gives the same within 1e-7."""
    rows = np.stack(
        [tensorflow_weights(plane.shape[0], size[0], o, filter) for o in range(size[0])]
    )
    columns = np.stack(
        [tensorflow_weights(plane.shape[1], size[1], o, filter) for o in range(size[1])]
    )
    return (rows @ plane @ columns.T).astype(np.float32)


def tensorflow_weights(
    source: int, target: int, output: int, filter: Filter
) -> NDArray[np.float64]:
    """[source], of one output."""
    single = np.float32
    weights = np.zeros(source)
    scale = single(source) / single(target)
    middle = (single(output) + single(0.5)) * scale
    position = middle - single(0.5)
    below = int(np.floor(position))
    if filter.name == "nearest":
        weights[min(int(middle), source - 1)] = 1.0
    elif filter.name == "bilinear":
        part = float(position - np.floor(position))
        weights[max(below, 0)] += 1.0 - part
        weights[min(int(np.ceil(position)), source - 1)] += part
    elif filter.name == "bicubic":
        distance = round(float(position - np.floor(position)) * 1024) / 1024
        for tap in range(-1, 3):
            x = abs(tap - distance)
            near = 1.5 * x**3 - 2.5 * x**2 + 1.0
            far = -0.5 * x**3 + 2.5 * x**2 - 4.0 * x + 2.0
            if 0 <= below + tap < source:
                weights[below + tap] = near if x < 1 else far
        weights /= weights.sum()
    else:
        begin, end = single(output) * scale, single(output + 1) * scale
        for pixel in range(int(np.floor(begin)), int(np.ceil(end))):
            is_last = pixel + 1 > end
            if pixel < begin:
                covered = scale if is_last else pixel + 1 - begin
            else:
                covered = end - pixel if is_last else single(1.0)
            weights[min(pixel, source - 1)] += covered / scale
    return weights


ORACLES: dict[Library, Callable[[Plane, Size, Filter], Plane]] = {
    "pillow": by_pillow,
    "opencv": by_opencv,
    "tensorflow": by_tensorflow,
    "torchvision": by_torch,
}


def every_filter() -> list[Filter]:
    filters = [
        Filter("bilinear", "torchvision", antialias=False),
        Filter("bicubic", "torchvision", antialias=False),
    ]
    for library, names in INTERPOLATIONS.items():
        for name in names:
            # OpenCV chooses the former itself, by the sizes; the latter makes whole eighths only,
            # see tests/dct/test_low_frequencies.py.
            if name not in ("area-enlarging", "dct"):
                filters.append(Filter(name, library))
    return filters


def difference(
    filter: Filter, before: Size, after: Size, nudge: float = 0.0, oracle: Filter | None = None
) -> float:
    """The largest one on the unit scale, of random planes that are resized both ways."""
    expected = oracle or filter
    height, width = before
    plane = np.random.default_rng(before + after).uniform(0, 255, before).astype(np.float32)
    geometry = Geometry(Resize("exact", after, filter=filter))
    placement = geometry.place(Frame(height, width, ((1, 1),), "gray"), after)
    rows, columns = taps_of(placement.rows), taps_of(placement.columns)
    made = np.einsum("ot,otw->ow", rows.weights + nudge, plane.astype(np.float64)[rows.places])
    made = np.einsum("ot,hot->ho", columns.weights, made[:, columns.places])
    reference = ORACLES[expected.library](plane, after, expected)
    return float(np.abs(made - reference).max()) / 255


def named(filter: Filter) -> str:
    return f"{filter.library} {filter.name}{'' if filter.antialias else ' not antialiased'}"


@pytest.mark.parametrize("filter", every_filter(), ids=named)
def test_small_planes(filter: Filter) -> None:
    for before, after in SMALL:
        assert difference(filter, before, after) < TOLERANCE, (before, after)


@pytest.mark.parametrize("filter", every_filter(), ids=named)
def test_long_axes(filter: Filter) -> None:
    for before, after in LARGE:
        assert difference(filter, before, after) < TOLERANCE, (before, after)


@thorough
@pytest.mark.parametrize("filter", every_filter(), ids=named)
def test_random_sizes(filter: Filter) -> None:
    generator = np.random.default_rng(1)
    for _ in range(100):
        height, rows = (int(size) for size in generator.integers(1, 4000, 2))
        width, columns = (int(size) for size in generator.integers(6, 12, 2))
        before, after = (max(height, 6), width), (max(rows, 6), columns)
        assert difference(filter, before, after) < TOLERANCE, (before, after)
        assert difference(filter, before[::-1], after[::-1]) < TOLERANCE, (before, after)


@thorough
@pytest.mark.parametrize("filter", every_filter(), ids=named)
def test_sizes_of_few_pixels(filter: Filter) -> None:
    generator = np.random.default_rng(2)
    for _ in range(300):
        sizes = [int(size) for size in generator.integers(2, 24, 4)]
        before, after = (sizes[0], sizes[1]), (sizes[2], sizes[3])
        assert difference(filter, before, after) < TOLERANCE, (before, after)


@pytest.mark.parametrize("filter", every_filter(), ids=named)
def test_planted_faults_fail(filter: Filter) -> None:
    assert difference(filter, *SMALL[1], nudge=1e-4) > TOLERANCE
    for other in every_filter():
        if (other.library, other.name) == (filter.library, filter.name):
            continue
        # Two libraries may mean the same by different names, but no library has one filter twice.
        if other.library == filter.library:
            assert difference(filter, *SMALL[1], oracle=other) > TOLERANCE, other


@pytest.mark.parametrize("name", ["bilinear", "bicubic"])
def test_antialiasing_matters(name: Interpolation) -> None:
    sharp = Filter(name, "torchvision", antialias=False)
    assert difference(sharp, *SMALL[1], oracle=Filter(name, "torchvision")) > TOLERANCE
