"""Several views of one file: each equals the result of a preprocessor of only that view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.preprocessing import network
from support.tiers import thorough
from support.views import COUNTS, CROPS, resized_by_pillow

from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.preprocess import Decoder
from jpegcompile.runtime.preprocessor import Preprocessor

DECODERS: tuple[Decoder, ...] = ("float", "libjpeg-turbo")
GEOMETRIES: dict[str, dict[str, Any]] = {
    "short": {"resize": 30, "crop": "center"},
    "odd": {"resize": 37, "crop": {"rounding": "down"}},
    "mirrored": {"resize": 41, "mirror": True, "flip": True},
    "not resized": {},
    "padded": {"resize": {"fit": "pad"}, "fill": 50},
    "missing": {"resize": [20, 60], "fill": [10, 20, 30]},
}


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return make_jpeg(97, 61, exif=exif.tobytes())


def alone(taken: NetworkInput, block: int, files: list[bytes], **options: Any) -> NDArray[Any]:
    """Return [N, views, ...], computed with one preprocessor for each view."""
    made = [Preprocessor(view, block, **options).read(files) for view in taken.each_view()]
    assert not any(batch.errors for batch in made)
    return np.stack([batch.tensor for batch in made], axis=1)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("views", COUNTS)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_each_view_is_made_as_if_alone(name: str, views: str, decoder: Decoder) -> None:
    fields = {**GEOMETRIES[name], "views": views, "orientation": True, "decoder": decoder}
    files = [turned(1), turned(6), random_file(SAMPLINGS["4:2:0"], 33, 130), make_jpeg(50, 40, "L")]
    taken = network((24, 40), **fields)
    made = Preprocessor(taken, 8).read(files).tensor
    assert made.shape == (len(files), COUNTS[views], 3, 24, 40)
    np.testing.assert_array_equal(made, alone(taken, 8, files))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("size", [(900, 7), (7, 900), (65500, 1)])
def test_integers_of_long_images_are_decoded_view_by_view(
    size: tuple[int, int], orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    files = [make_jpeg(*size, exif=exif.tobytes()), make_jpeg(*size, progressive=True)]
    fields: dict[str, Any] = {"resize": 31, "orientation": True, "decoder": "libjpeg-turbo"}
    taken = network((24, 25), **fields, views="ten")
    made = Preprocessor(taken, 1).read(files).tensor
    np.testing.assert_array_equal(made, alone(taken, 1, files))
    # A planted fault: a view that is not flipped.
    assert (made[:, 0] != made[:, 6]).any()


def test_scaled_decoding_of_each_view() -> None:
    file = make_jpeg(420, 310)
    resize: dict[str, Any] = {"size": 30, "filter": "bicubic"}
    scaled, plain = (
        network((24, 40), resize={**resize, "scaled_decoding": is_scaled}, views="ten")
        for is_scaled in (True, False)
    )
    made = Preprocessor(scaled, 8).read([file]).tensor
    np.testing.assert_array_equal(made, alone(scaled, 8, [file]))
    assert (made != Preprocessor(plain, 8).read([file]).tensor).any()


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("block", [1, 4])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_layouts_and_types(layout: Any, dtype: Any, block: int, decoder: Decoder) -> None:
    fields = {"resize": 30, "views": "ten", "orientation": True, "decoder": decoder}
    taken = network((24, 40), layout, **fields)
    files = [turned(8), turned(3)]
    made = Preprocessor(taken, block, dtype=dtype).read(files).tensor
    assert made.dtype == dtype
    np.testing.assert_array_equal(made, alone(taken, block, files, dtype=dtype))


sides = st.integers(1, 90)


@settings(max_examples=40, deadline=None)
@given(sides, sides, st.integers(1, 60), st.sampled_from(DECODERS), st.integers(1, 8))
def test_images_of_any_size(
    width: int, height: int, short: int, decoder: Decoder, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = make_jpeg(width, height, exif=exif.tobytes())
    fields = {"resize": {"size": [short, 61 - short]}, "orientation": True, "decoder": decoder}
    taken = network((24, 16), **fields, views="ten")
    made = Preprocessor(taken, 8, threads=1).read([file])
    np.testing.assert_array_equal(made.tensor, alone(taken, 8, [file], threads=1))


@pytest.mark.parametrize("views", COUNTS)
@pytest.mark.parametrize("size", [(97, 61), (61, 97), (50, 50)])
def test_integers_are_those_of_torchvisions_crops_bit_for_bit(
    views: str, size: tuple[int, int]
) -> None:
    file, shape = make_jpeg(*size), (24, 40)
    plain: dict[str, Any] = {"scale": 1.0, "mean": [0.0] * 3, "std": [1.0] * 3}
    taken = network(shape, "NHWC", **plain, resize=41, decoder="libjpeg-turbo", views=views)
    made = Preprocessor(taken, 1).read([file]).tensor[0]
    expected = np.stack(CROPS[views](resized_by_pillow(file, 41), shape))
    np.testing.assert_array_equal(made, expected.astype(np.float32))
    # A planted fault: the views in another order.
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(made[::-1], expected.astype(np.float32))


def test_errors_are_of_whole_images() -> None:
    good, taken = make_jpeg(97, 61), network((24, 40), resize=30, views="five")
    batch = Preprocessor(taken, 8).read([good, b"", good])
    assert list(batch.errors) == [1]
    assert not batch.tensor[1].any()
    np.testing.assert_array_equal(batch.tensor[0], batch.tensor[2])


@pytest.mark.thorough
@pytest.mark.parametrize("source", [pytest.param("bytes", marks=[thorough]), "path"])
def test_views_of_very_wide_images_are_made_one_by_one(source: str, tmp_path: Path) -> None:
    """Views are computed in pieces, and the file is read again for each."""
    file = make_jpeg(65000, 64)
    path = tmp_path / "wide.jpg"
    path.write_bytes(file)
    taken = network((224, 224), resize=[300, 300], views="five")
    given: list[Any] = [file if source == "bytes" else path]
    made = Preprocessor(taken, 8, check_all=True).read([*given, make_jpeg(97, 61)]).tensor
    np.testing.assert_array_equal(made[:1], alone(taken, 8, given))
