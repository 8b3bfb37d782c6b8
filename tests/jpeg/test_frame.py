"""What follows from the header of a JPEG file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from support.coefficient_files import SAMPLINGS, random_coefficients

from jpegcompile.errors import ImageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.subsampling import GRAY, SUBSAMPLINGS, frame_of, subsampling_of

SIZE = (33, 50)


@pytest.mark.parametrize("name", SAMPLINGS)
def test_a_file_has_the_frame_of_its_planes(name: str) -> None:
    image = random_coefficients(SAMPLINGS[name], 50, 33)
    frame = image.frame
    assert frame.size == SIZE == (image.height, image.width)
    assert (image.sampling, image.color_space) == (frame.sampling, frame.color_space)
    for index, plane in enumerate(image.planes):
        assert frame.block_counts(index) == plane.shape[:2]
        assert image.component_size(index) == frame.component_size(index)


def test_sizes_and_factors_of_components() -> None:
    frame = Frame(33, 50, ((4, 2), (2, 1), (1, 2)), "rgb")
    assert frame.most_sampling == (4, 2)
    assert [frame.component_size(i) for i in range(3)] == [(33, 50), (17, 25), (33, 13)]
    assert [frame.block_counts(i) for i in range(3)] == [(5, 7), (3, 4), (5, 2)]
    assert [frame.upsampling_factors(i) for i in range(3)] == [(1, 1), (2, 2), (1, 4)]
    assert frame.chroma_factors is None


def test_fractions_are_refused() -> None:
    frame = Frame(33, 50, ((3, 1), (2, 1), (2, 1)), "ycbcr")
    assert frame.component_size(1) == (33, 34)
    with pytest.raises(ImageError) as caught:
        frame.upsampling_factors(1)
    assert caught.value.code == "sampling-fractional"


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("4:4:4", (1, 1)),
        ("4:2:2", (1, 2)),
        ("4:4:0", (2, 1)),
        ("4:2:0", (2, 2)),
        ("4:1:1", (1, 4)),
        (GRAY, None),
    ],
)
def test_names_are_of_frames(name: str, factors: tuple[int, int] | None) -> None:
    frame = frame_of(name, *SIZE)
    assert (frame.size, subsampling_of(frame)) == (SIZE, name)
    assert frame.chroma_factors == factors


def test_only_ratios_have_names() -> None:
    twice = Frame(*SIZE, ((4, 2), (2, 1), (2, 1)), "ycbcr")
    assert subsampling_of(twice) == "4:2:0"
    for sampling in (((2, 2), (1, 1), (1, 2)), ((3, 1), (2, 1), (2, 1)), ((1, 4), (1, 1), (1, 1))):
        assert subsampling_of(Frame(*SIZE, sampling, "ycbcr")) is None
    assert subsampling_of(Frame(*SIZE, ((1, 1),) * 3, "rgb")) is None


@pytest.mark.parametrize("name", SUBSAMPLINGS)
def test_a_frame_survives_json(name: str) -> None:
    frame = frame_of(name, *SIZE)
    assert Frame.from_json(json.loads(json.dumps(frame.to_json()))) == frame


@pytest.mark.parametrize("change", [{"sampling": [[1]]}, {"sampling": None}, {"height": None}])
def test_what_is_no_frame(change: dict[str, Any]) -> None:
    data = {**frame_of("4:2:0", *SIZE).to_json(), **change}
    with pytest.raises((TypeError, ValueError)):
        Frame.from_json(data)


def test_frames_are_compared_and_kept_in_sets() -> None:
    assert {frame_of("4:2:0", 8, 8), frame_of("4:2:0", 8, 8)} == {frame_of("4:2:0", 8, 8)}
    assert frame_of("4:2:0", 8, 8) != frame_of("4:2:0", 8, 16)
    assert np.prod(frame_of("4:2:0", 8, 8).size) == 64
