"""Preprocessing of networks that run at another size than they were trained at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.codes import refused

from jpegcompile.errors import UsageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.scaled import scaled
from jpegcompile.preprocessing.steps import Crop, Resize, Size

IMAGE = Frame(300, 400, ((1, 1),), "gray")
sizes = st.tuples(st.integers(8, 300), st.integers(8, 300))
starts = st.tuples(st.integers(0, 300), st.integers(0, 300))


def at(geometry: Geometry, trained: Size, size: Size) -> Geometry:
    return scaled(Preprocess(geometry=geometry), trained, size).geometry


@pytest.mark.parametrize("resize", [Resize("exact", 256), Resize("short", 256)])
@pytest.mark.parametrize("place", [(32, 32), (0, 32), (31, 5)])
def test_a_corner_stays_inside(resize: Resize, place: Size) -> None:
    """256 becomes 182, and 32 would become 23: one pixel less than 160 would be left."""
    after = at(Geometry(resize, Crop(place)), (224, 224), (160, 160))
    assert after.place(IMAGE, (160, 160)).is_inside
    assert after.crop is not None
    wanted = tuple(min(round(start * 160 / 224), 22) for start in place)
    assert after.crop.position == wanted


def test_a_crop_of_images_that_are_not_resized() -> None:
    with refused("resolution-crop-without-resize", UsageError):
        at(Geometry(crop=Crop()), (224, 224), (160, 160))


@given(sizes, sizes, starts, starts)
def test_what_was_inside_stays_inside(trained: Size, size: Size, place: Size, more: Size) -> None:
    (top, left), (below, right) = place, more
    resized = trained[0] + top + below, trained[1] + left + right
    geometry = Geometry(Resize("exact", resized), Crop(place))
    assert geometry.place(IMAGE, trained).is_inside
    assert at(geometry, trained, size).place(IMAGE, size).is_inside


@pytest.mark.parametrize("fit", ["exact", "pad", "long"])
def test_what_was_outside_is_only_scaled(fit: str) -> None:
    """A margin that the model fills is one at the other size as well."""
    for place in ((-8, -16), (60, 40)):
        geometry = Geometry(Resize(fit, 256), Crop(place))  # type: ignore[arg-type]
        after = at(geometry, (224, 224), (112, 112))
        assert after.crop is not None
        assert after.crop.position == (place[0] / 2, place[1] / 2)
