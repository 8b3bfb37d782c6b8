"""Unpacking of coefficients on GPUs in Triton's interpreter equals NumPy, bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.ahead_of_time import compiled
from support.packing import KINDS, coefficients_like

from jpegcompile.gpu.aot import ARCHS
from jpegcompile.jpeg.packed import PackedPlane, pack
from jpegcompile.kernels.unpack.launch import Unpack
from jpegcompile.kernels.unpack.reference import unpack_blocks
from jpegcompile.runtime.triton.launching import run

COMPILE = """
import json, sys
from jpegcompile.gpu.aot import compile_launch
from jpegcompile.kernels.unpack.launch import Unpack
_, arch, *blocks = map(int, [0, *sys.argv[1:]])
cubins = [compile_launch(Unpack(count).launch(), arch) for count in blocks]
assert len({cubin.code for cubin in cubins}) == 1
print(json.dumps([cubins[0].used.stack, cubins[0].used.registers, cubins[0].parameters]))
"""
# A value that is not a coefficient of these tests.
UNTOUCHED = 4242


def unpacked(
    plane: PackedPlane, stream: NDArray[np.uint8] | None = None, swapped: bool = False
) -> NDArray[np.int16]:
    """Run the kernel for [blocks, 8, 8], and check that the 16 blocks after them do not change."""
    spec = Unpack(plane.blocks)
    order = spec.tensors["order"].copy()
    if swapped:
        order[[5, 6]] = order[[6, 5]]
    y = torch.full((plane.blocks + 16, 64), UNTOUCHED, dtype=torch.int16)
    arrays = {
        "stream": plane.stream if stream is None else stream,
        "lengths": plane.lengths,
        "offsets": plane.offsets,
        "order": order,
    }
    run(spec.launch(), {**{name: torch.from_numpy(v) for name, v in arrays.items()}, "y": y})
    made: NDArray[np.int16] = y.numpy()
    assert (made[plane.blocks :] == UNTOUCHED).all()
    return made[: plane.blocks].reshape(-1, 8, 8)


def reference(plane: PackedPlane) -> NDArray[np.int16]:
    return unpack_blocks(plane.stream, plane.lengths, plane.offsets, plane.blocks)


# Batches of 1 to 5, and numbers of blocks that are and are not multiples of 16.
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 2, 2, 4), (3, 1, 3, 3), (4, 1, 3, 1)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_blocks_of_every_kind(kind: str, shape: tuple[int, ...]) -> None:
    plane = pack(coefficients_like(kind, shape, np.random.default_rng(11)))
    np.testing.assert_array_equal(unpacked(plane), reference(plane))


def test_all_kinds_in_one_plane() -> None:
    generator = np.random.default_rng(12)
    made = [coefficients_like(kind, (1, 1, 1, 7), generator) for kind in KINDS]
    coefficients = np.concatenate([*made, *made[::-1]])[:5]
    plane = pack(np.ascontiguousarray(generator.permutation(coefficients, axis=3)))
    np.testing.assert_array_equal(unpacked(plane), plane.unpack().reshape(-1, 8, 8))


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_wrong_byte_is_found(place: str) -> None:
    plane = pack(coefficients_like("sparse", (1, 1, 3, 3), np.random.default_rng(13)))
    wrong = plane.stream.copy()
    wrong[0 if place == "first" else -1] ^= 1
    differs = (unpacked(plane, wrong) != reference(plane)).any((1, 2))
    assert np.flatnonzero(differs).tolist() == [0 if place == "first" else plane.blocks - 1]


def test_a_wrong_order_is_found() -> None:
    plane = pack(coefficients_like("full", (1, 1, 1, 3), np.random.default_rng(14)))
    assert (unpacked(plane, swapped=True) != reference(plane)).any()


@pytest.mark.thorough
@pytest.mark.parametrize("arch", ARCHS)
def test_it_compiles_without_spills(arch: int) -> None:
    """`compile_launch` refuses spills, and one cubin works for planes of every size."""
    stack, registers, parameters = json.loads(compiled(COMPILE, arch, 1, 1176))
    assert stack == 0
    # Two programs of at least 256 threads must fit on a multiprocessor.
    assert registers <= 128
    types = ["*u8", "*u8", "*i32", "*i32", "*i16", "i32"]
    assert [kind for _, kind in parameters][:-2] == types
