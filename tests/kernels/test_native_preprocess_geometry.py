"""Native code and Python compute the same placements, and refuse the same images."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from support.preprocessing import network

from jpegcompile.errors import ImageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import AxisPlacement
from jpegcompile.runtime.preprocessor import Preprocessor

NETWORKS = [(224, 224), (32, 40), (7, 3), (299, 224)]
RESIZES: list[Any] = [
    None,
    256,
    {"crop_ratio": 0.875},
    {"crop_ratio": 0.95, "scaled_decoding": True},
    {"fit": "exact"},
    {"fit": "exact", "size": [50, 60]},
    {"fit": "pad"},
    {"fit": "pad", "size": [31, 77]},
    {"fit": "long"},
    {"fit": "long", "size": [31, 77]},
    {"fit": "exact", "crop_ratio": 0.9},
]
CROPS: list[Any] = [
    None,
    "center",
    {"rounding": "down"},
    "top-left",
    "top-right",
    "bottom-left",
    "bottom-right",
    [-3, 1000],
]


def axis_numbers(axis: AxisPlacement) -> tuple[Any, ...]:
    source, target, start, length, _, is_mirrored, is_flipped, is_scaled, offset = astuple(axis)
    assert offset == 0  # only random crops have offsets
    return source, target, start, length, is_mirrored, is_flipped, is_scaled


def by_python(taken: NetworkInput, frame: Frame) -> Any:
    try:
        placement = taken.geometry.place(frame, taken.size)
    except ImageError:
        return None
    return (
        axis_numbers(placement.rows),
        axis_numbers(placement.columns),
        placement.is_transposed,
    )


def sizes(count: int) -> list[tuple[int, int]]:
    """Return random sizes of every magnitude, and some special sizes."""
    generator = np.random.default_rng(count)
    drawn = np.exp(generator.uniform(0, np.log(65535), (count, 2))).astype(int)
    special = [(1, 1), (1, 65535), (65535, 1), (224, 224), (256, 341), (375, 500), (40, 32)]
    return special + [(int(height), int(width)) for height, width in drawn]


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("turned", [False, True])
def test_places_as_python(resize: Any, crop: Any, turned: bool) -> None:
    if isinstance(resize, dict) and (resize.get("fit") == "long" or "size" in resize):
        crop = crop or "center"  # these resizes require a crop
    refused = 0
    for size in NETWORKS:
        taken = network(
            size, resize=resize, crop=crop, orientation=turned, mirror=turned, flip=True
        )
        preprocessor = Preprocessor(taken, 1, threads=1)
        for index, (height, width) in enumerate(sizes(150)):
            frame = Frame(height, width, ((1, 1),), "gray", index % 8 + 1)
            expected = by_python(taken, frame)
            refused += expected is None
            assert preprocessor.placed(height, width, frame.orientation) == expected
    assert refused == 0 or crop is None or resize is not None
