"""Packed coefficients: the format byte by byte, and nothing is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.codes import refused
from support.images import make_jpeg
from support.packing import KINDS, coefficients_like, packed_by_numpy

from jpegcompile.errors import UsageError
from jpegcompile.jpeg.packed import LONGEST, PackedBatch, PackedPlane, pack
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.runtime.input_tensors import coefficient_feeds

SHAPES = [(1, 1, 1, 1), (2, 1, 3, 5), (3, 2, 4, 4), (5, 2, 7, 3)]


def block(**values: int) -> NDArray[np.int16]:
    """A block with values at natural indices, such as n8=5."""
    made = np.zeros(64, np.int16)
    for name, value in values.items():
        made[int(name[1:])] = value
    return made.reshape(8, 8)


def record(coefficients: NDArray[np.int16]) -> list[int]:
    plane = pack(coefficients)
    assert plane.lengths[0] == len(plane.stream)
    return [int(byte) for byte in plane.stream]


def assert_same(made: PackedPlane, expected: PackedPlane) -> None:
    for name in ("stream", "lengths", "offsets"):
        np.testing.assert_array_equal(getattr(made, name), getattr(expected, name), name)
        assert getattr(made, name).dtype == getattr(expected, name).dtype
    assert made.shape == expected.shape


def test_records_byte_by_byte() -> None:
    assert record(block()) == [0, 0, 0]
    assert record(block(n0=-2)) == [0xFE, 0xFF, 0]
    # In zigzag order natural index 1 comes first, 8 second, 16 third; 63 is last.
    assert record(block(n0=258, n1=1)) == [2, 1, 0b1, 0b10, 0x1]
    assert record(block(n1=7, n8=-8)) == [0, 0, 0b1, 0b110, 0x87]
    assert record(block(n1=1, n16=2, n63=-1)) == [0, 0, 0b1000_0001, 0b1010, 0x80, 0x21, 0xF]


def test_values_that_no_nibble_or_no_byte_holds() -> None:
    assert record(block(n1=8, n8=3)) == [0, 0, 1, 0b110, 0x30, 8]
    assert record(block(n1=-128, n8=127)) == [0, 0, 1, 0b110, 0, 0x80, 0x7F]
    assert record(block(n1=128, n8=9, n16=-129)) == [
        *(0, 0, 1, 0b1110, 0, 0, 0, 9, 0, 0x80, 0x00, 0x7F, 0xFF)
    ]


def test_the_longest_record() -> None:
    assert record(np.full((8, 8), -32768, np.int16))[:11] == [0, 128, 255, 254] + [255] * 7
    assert len(record(np.full((8, 8), -32768, np.int16))) == LONGEST


def test_offsets_of_groups() -> None:
    plane = pack(np.stack([block(n1=1)] * 33))
    assert plane.offsets.tolist() == [0, 16 * 5, 32 * 5]
    assert plane.lengths.tolist() == [5] * 33 + [0] * 15
    assert plane.nbytes == 33 * 5 + 48 + 12
    assert plane.blocks == 33


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost(kind: str, shape: tuple[int, ...]) -> None:
    coefficients = coefficients_like(kind, shape, np.random.default_rng(3))
    plane = pack(coefficients)
    assert_same(plane, packed_by_numpy(coefficients))
    unpacked = plane.unpack()
    assert unpacked.dtype == np.int16
    np.testing.assert_array_equal(unpacked, coefficients)


def test_no_blocks() -> None:
    plane = pack(np.zeros((0, 1, 3, 3, 8, 8), np.int16))
    assert plane.nbytes == 0
    assert plane.unpack().shape == plane.shape


def test_arrays_that_are_not_contiguous() -> None:
    whole = coefficients_like("sparse", (2, 1, 4, 6), np.random.default_rng(3))
    part = whole[:, :, ::2, 1:4]
    assert not part.flags.c_contiguous
    np.testing.assert_array_equal(pack(part).unpack(), part)


@pytest.mark.parametrize("blocks", [1, 1023, 2048, 5003])
def test_any_number_of_threads_makes_the_same(blocks: int) -> None:
    coefficients = coefficients_like("mixed", (blocks,), np.random.default_rng(6))
    expected = packed_by_numpy(coefficients)
    for threads in (1, 2, 3, 64):
        assert_same(pack(coefficients, threads), expected)


def test_threads_may_pack_at_once() -> None:
    generator = np.random.default_rng(5)
    planes = [coefficients_like("mixed", (3, 1, 9, 9), generator) for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        for made, plane in zip(pool.map(pack, planes), planes, strict=True):
            np.testing.assert_array_equal(made.unpack(), plane)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_batches_of_files(mode: str) -> None:
    images = [read_coefficients(make_jpeg(45, 19, mode, quality=q)) for q in (30, 90, 95)]
    feeds = coefficient_feeds(images, images[0].frame)
    batch = PackedBatch.of(feeds)
    unpacked = batch.unpack()
    assert unpacked.keys() == feeds.keys()
    for name, values in feeds.items():
        np.testing.assert_array_equal(unpacked[name], values)
        assert unpacked[name].dtype == values.dtype
    planes = sum(plane.nbytes for plane in batch.planes.values())
    assert batch.nbytes == planes + feeds["quantization"].nbytes


def test_there_is_a_thread_at_least() -> None:
    with pytest.raises(UsageError) as caught:
        pack(block(), threads=0)
    assert caught.value.code == "pack-threads-not-positive"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (np.zeros((1, 8, 8), np.int32), "pack-array-mismatch"),
        (np.zeros((4, 64), np.int16), "pack-array-mismatch"),
        (np.broadcast_to(np.int16(0), (9_300_000, 8, 8)), "pack-too-many-blocks"),
    ],
)
def test_refusals(given: Any, code: str) -> None:
    with refused(code, UsageError):
        pack(given)
