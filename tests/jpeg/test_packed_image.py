"""Packed images are read in place of the files that they were made from."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.data_sets import ANY_SIZE, contents
from support.images import make_jpeg

from jpegcompile.errors import ImageError, UsageError
from jpegcompile.jpeg import packed_images
from jpegcompile.jpeg.pack_images import pack_images
from jpegcompile.jpeg.packed_image import PackedImage, with_tables
from jpegcompile.jpeg.packed_images import PackedImages
from jpegcompile.jpeg.read import image_bytes, read_coefficients, read_coefficients_many
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.presets import for_network
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.runtime.preprocessor import Preprocessor


def packed(data: bytes) -> PackedImage:
    (made,) = pack_images([data])
    assert isinstance(made, PackedImage)
    return made


def files() -> Iterator[bytes]:
    for sampling in SAMPLINGS.values():
        yield random_file(sampling, 37, 21)
    yield make_jpeg(33, 18, progressive=True)
    yield make_jpeg(40, 24, "L")


def preprocessor(**options: Any) -> Preprocessor:
    taken = NetworkInput("image", 3, 32, 32, "NCHW")
    described = for_network(preprocess_of({**ANY_SIZE, **options}), (32, 32))
    return Preprocessor(taken.normalized(described), 8, threads=2)


def test_coefficients_are_those_of_the_file() -> None:
    for data in files():
        image = packed(data)
        made, expected = read_coefficients_many([image, data])
        assert made.frame == expected.frame == image.frame
        assert made.progressive == expected.progressive
        np.testing.assert_array_equal(made.quantization, expected.quantization)
        for own, plane in zip(made.planes, expected.planes, strict=True):
            np.testing.assert_array_equal(own, plane)


@pytest.mark.parametrize("decoder", ["float", "libjpeg-turbo"])
def test_tensors_are_those_of_the_file(decoder: str) -> None:
    """Bit for bit, for all that is not refused, also through turned and cropped images."""
    ingest = preprocessor(decoder=decoder, orientation=True)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    data = [*files(), *contents(3), make_jpeg(70, 41, exif=exif)]
    images = [packed(one) for one in data]
    assert images[-1].frame.orientation == 6
    made, expected = ingest.read(images), ingest.read(data)
    np.testing.assert_array_equal(made.tensor, expected.tensor)
    assert made.errors.keys() == expected.errors.keys()
    for index, error in made.errors.items():
        assert error.code == expected.errors[index].code


def test_limits_hold_for_packed_images() -> None:
    image = packed(make_jpeg(40, 24, "L"))
    with refused("jpeg-too-large", ImageError):
        read_coefficients(image, max_pixels=100)
    with refused("packed-image-without-file", UsageError):
        image_bytes(image)


def test_batches_of_any_size() -> None:
    data = [random_file(SAMPLINGS[name], 9 + 8 * i, 30) for i, name in enumerate(("4:2:0", "gray"))]
    data += [random_file(SAMPLINGS["4:4:4"], 8, 50), random_file(SAMPLINGS["4:1:1"], 70, 8)]
    expected = read_coefficients_many(data)
    batch = PackedImages.of([packed(one) for one in data])
    assert len(batch) == 4
    assert batch.frames == tuple(image.frame for image in expected)
    assert batch.nbytes < 0.6 * batch.dense_bytes()
    dense = batch.unpack(threads=2)
    assert dense["luma"].shape == (4, 1, 7, 9, 8, 8)
    for index, image in enumerate(expected):
        whole = np.zeros(dense["luma"].shape[1:], np.int16)
        rows, columns = image.planes[0].shape[:2]
        whole[0, :rows, :columns] = image.planes[0]
        np.testing.assert_array_equal(dense["luma"][index], whole)
        color = np.zeros(dense["chroma"].shape[1:], np.int16)
        for component, plane in enumerate(image.planes[1:]):
            color[component, : plane.shape[0], : plane.shape[1]] = plane
        np.testing.assert_array_equal(dense["chroma"][index], color)
        tables = image.quantization.repeat(3 // len(image.planes), axis=0)
        np.testing.assert_array_equal(batch.quantization[index], tables)


def test_strips() -> None:
    data = contents(7)
    batch = PackedImages.of([packed(one) for one in data])
    whole = batch.unpack()
    for images, max_bytes in ((3, None), (None, 40_000), (2, 1), (None, None)):
        strips = list(batch.strips(images, max_bytes))
        assert [index for strip in strips for index in range(7)[strip]] == list(range(7))
        for strip in strips:
            count = strip.stop - strip.start
            assert count <= (images or 7)
            assert count == 1 or batch.dense_bytes(strip) <= (max_bytes or 10**9)
            for name, made in batch.unpack(strip).items():
                own = (slice(None), slice(None), *map(slice, made.shape[2:4]))
                np.testing.assert_array_equal(whole[name][strip][own], made)
    assert len(list(batch.strips(3))) == 3
    assert len(list(batch.strips(max_bytes=40_000))) > 1
    for wrong in ({"images": 0}, {"max_bytes": 0}):
        with refused("strip-limit-not-positive", UsageError):
            batch.strips(**wrong)


def test_no_images() -> None:
    batch = PackedImages.of([])
    assert len(batch) == 0
    assert list(batch.strips(2)) == []
    assert batch.unpack()["chroma"].shape == (0, 2, 0, 0, 8, 8)


def test_batches_of_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    image = packed(make_jpeg(40, 24, "L"))
    monkeypatch.setattr(packed_images, "_MOST_BYTES", 2 * len(image.record))
    PackedImages.of([image] * 2)
    with refused("packed-batch-too-large", UsageError):
        PackedImages.of([image] * 3)


def changed(image: PackedImage, at: int, *values: int) -> PackedImage:
    record = bytearray(image.record)
    record[at : at + len(values)] = bytes(values)
    return PackedImage(bytes(record), image.tables, image.name)


def test_headers_that_are_damaged() -> None:
    image = packed(random_file(SAMPLINGS["4:2:0"], 20, 20))
    wrong = {0: (0, 0), 2: (0, 0), 4: (2,), 5: (3,), 6: (9,), 8: (0x52,), 9: (0x10,)}
    for at, values in wrong.items():
        with refused("packed-header-damaged", ImageError):
            _ = changed(image, at, *values).frame
    with refused("packed-header-damaged", ImageError):
        _ = PackedImage(b"abc", image.tables, "short").frame


def test_records_that_are_damaged() -> None:
    """Every field that contradicts another one, and every shorter record."""
    image = packed(random_file(SAMPLINGS["4:2:0"], 20, 20))
    record = bytes(image.record)
    others = [changed(image, at, record[at] ^ 65) for at in (0, 2, 4, 5, 11, 16, 24)]
    others += [PackedImage(record[:size], image.tables, "cut") for size in range(len(record))]
    others += [PackedImage(record + b"\0", image.tables, "long")]
    others += [PackedImage(with_tables(record, (0, 3, 1)), image.tables, "table")]
    others += [PackedImage(record, image.tables[:-1], "tables")]
    others += [PackedImage(record, bytes(len(image.tables)), "zeros")]
    others += [changed(image, 16, *struct.pack("<I", 2**32 - 1))]
    for other in others:
        with refused("jpeg-damaged", ImageError):
            read_coefficients(other)
        with pytest.raises(ImageError) as caught:
            PackedImages.of([image, other])
        assert caught.value.code in ("packed-record-damaged", "packed-header-damaged")
        (error,) = preprocessor().read([other]).errors.values()
        assert error.code == "jpeg-damaged"


def test_a_damaged_block_is_refused_where_it_is_read() -> None:
    image = packed(random_file(SAMPLINGS["4:4:4"], 32, 32))
    blocks = 3 * 16
    first_rows = 12 + 3 * 8 + blocks + 2
    wrong = changed(image, first_rows, image.record[first_rows] ^ 255)
    with refused("jpeg-damaged", ImageError):
        read_coefficients(wrong)
    (error,) = preprocessor().read([wrong]).errors.values()
    assert error.code == "jpeg-damaged"
    with refused("packed-block-damaged", ImageError):
        PackedImages.of([wrong]).unpack()
