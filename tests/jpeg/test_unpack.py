"""Native unpacking equals NumPy's, with padding and threads, and refuses damaged bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.codes import refused
from support.packing import KINDS, coefficients_like

from jpegcompile.errors import ImageError
from jpegcompile.jpeg.packed import PackedPlane, pack
from jpegcompile.jpeg.unpack import unpack_planes

EXTENTS = [[2, 3], [1, 1], [0, 0], [5, 2], [3, 7], [1, 40]]


def planes_of(kind: str, extents: Any) -> tuple[list[NDArray[np.int16]], PackedPlane]:
    """Coefficients of planes, and all of them packed."""
    generator = np.random.default_rng(3)
    planes = [coefficients_like(kind, (rows, columns), generator) for rows, columns in extents]
    return planes, pack(np.concatenate([plane.reshape(-1, 8, 8) for plane in planes]))


@pytest.mark.parametrize("kind", KINDS)
def test_native_unpacking_is_that_of_numpy(kind: str) -> None:
    planes, packed = planes_of(kind, EXTENTS)
    sizes = np.array(EXTENTS)
    for threads in (1, 3):
        made = unpack_planes(packed, sizes, threads=threads)
        assert made.shape == (6, 5, 40, 8, 8)
        for own, plane in zip(made, planes, strict=True):
            rows, columns = plane.shape[:2]
            np.testing.assert_array_equal(own[:rows, :columns], plane)
            assert not own[rows:].any()
            assert not own[:, columns:].any()
    flat = np.array([[1, packed.blocks]])
    np.testing.assert_array_equal(
        unpack_planes(packed, flat)[0, 0], packed.unpack().reshape(-1, 8, 8)
    )
    # From the fourth plane on, in memory that was used before.
    out = np.full((3, 6, 41, 8, 8), 99, np.int16)
    unpack_planes(packed, sizes[3:], first_block=7, out=out)
    np.testing.assert_array_equal(out[1, :3, :7], planes[4])
    assert not out[1, 3:].any()
    assert not out[:, 5:].any()
    assert not out[:, :, 40:].any()


def test_planes_of_many_slices() -> None:
    """More blocks than one thread takes at once."""
    extents = [[60, 70], [64, 100]]
    planes, packed = planes_of("sparse", extents)
    for threads in (1, 2, 8):
        made = unpack_planes(packed, np.array(extents), threads=threads)
        np.testing.assert_array_equal(made[0, :60, :70], planes[0])
        np.testing.assert_array_equal(made[1], planes[1])


def damaged(plane: PackedPlane) -> dict[str, PackedPlane]:
    """Planes that contradict themselves, by what is wrong."""

    def changed(**arrays: Any) -> PackedPlane:
        return PackedPlane(**{**vars(plane), **arrays})

    longer, shorter = plane.lengths.copy(), plane.lengths.copy()
    longer[20] += 1
    shorter[20] = 2
    rows = plane.stream.copy()
    rows[2] ^= 255
    dc = plane.stream.copy()
    dc[3] |= 1  # the mask of the first row, which has no bit for DC
    before, after = plane.offsets.copy(), plane.offsets.copy()
    before[1], after[1] = -1, len(plane.stream) + 1
    return {
        "a stream that ends": changed(stream=plane.stream[:-1]),
        "a longer record": changed(lengths=longer),
        "a shorter record": changed(lengths=shorter),
        "other rows": changed(stream=rows),
        "a bit for DC": changed(stream=dc),
        "a negative offset": changed(offsets=before),
        "an offset after the end": changed(offsets=after),
        "a missing offset": changed(offsets=plane.offsets[:1]),
        "missing lengths": changed(lengths=plane.lengths[:32]),
    }


def test_damaged_planes_are_refused() -> None:
    _, packed = planes_of("full", [[5, 7]])
    assert packed.blocks == 35
    for plane in damaged(packed).values():
        with refused("packed-block-damaged", ImageError):
            unpack_planes(plane, np.array([[5, 7]]), threads=2)


def test_random_bytes_never_crash() -> None:
    """Each is unpacked or refused; the sanitizers run the same on exact memory."""
    generator = np.random.default_rng(5)
    _, packed = planes_of("mixed", [[4, 9]])
    outcomes = set()
    for _ in range(400):
        stream, lengths = packed.stream.copy(), packed.lengths.copy()
        array = (stream, lengths)[generator.integers(2)]
        array[generator.integers(len(array))] = generator.integers(256)
        plane = PackedPlane(packed.shape, stream, lengths, packed.offsets)
        try:
            made = unpack_planes(plane, np.array([[4, 9]]))
            np.testing.assert_array_equal(made.reshape(-1, 8, 8), plane.unpack())
            outcomes.add("unpacked")
        except ImageError:
            outcomes.add("refused")
    assert outcomes == {"unpacked", "refused"}


def test_sizes_that_do_not_fit_out() -> None:
    _, packed = planes_of("sparse", [[2, 3]])
    for extents in ([[2, 4]], [[-1, 3]], [[2, 3], [1, 1]]):
        with pytest.raises(ValueError, match="out"):
            unpack_planes(packed, np.array(extents), out=np.zeros((1, 2, 3, 8, 8), np.int16))
