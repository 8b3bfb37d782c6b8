"""Which reshapes and transposes are exchanges of pixels and channels, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from jpegcompile.dct.rearrange import (
    Rearrangement,
    Size,
    column_order,
    depth_to_space,
    is_in_order,
    rearrangement_of,
    space_to_depth,
)

UNSHUFFLE = ((3, 8, 12), (3, 4, 2, 6, 2), (0, 2, 4, 1, 3), (12, 4, 6))
STEM = ((3, 8, 12), (3, 2, 4, 3, 4), (2, 4, 0, 1, 3), (48, 2, 3))
SHUFFLE = ((12, 4, 6), (3, 2, 2, 4, 6), (0, 3, 1, 4, 2), (3, 8, 12))
DEPTH = ((12, 4, 6), (2, 2, 3, 4, 6), (2, 3, 0, 4, 1), (3, 8, 12))
CHANNELS = ((6, 4, 5), (2, 3, 4, 5), (1, 0, 2, 3), (6, 4, 5))
Moves = tuple[Size, tuple[int, ...], tuple[int, ...], Size]


def applied(found: Rearrangement, x: np.ndarray) -> np.ndarray:
    if found.op == "SpaceToDepth":
        return space_to_depth(x, found.blocksize)[found.channels]
    if found.op == "DepthToSpace":
        return depth_to_space(x[found.channels], found.blocksize)
    return x[found.channels]


@pytest.mark.parametrize(
    ("moves", "op", "side", "in_order"),
    [
        (UNSHUFFLE, "SpaceToDepth", 2, False),
        (STEM, "SpaceToDepth", 4, True),
        (SHUFFLE, "DepthToSpace", 2, False),
        (DEPTH, "DepthToSpace", 2, True),
        (CHANNELS, "", 1, False),
    ],
)
def test_found(moves: Moves, op: str, side: int, in_order: bool) -> None:
    source, middle, order, target = moves
    found = rearrangement_of(source, middle, order, target)
    assert found is not None
    assert (found.op, found.blocksize, found.keeps_channels) == (op, side, in_order)
    x = np.random.default_rng(0).normal(size=source)
    moved = x.reshape(middle).transpose(order).reshape(target)
    np.testing.assert_array_equal(applied(found, x), moved)


@pytest.mark.parametrize(
    "moves",
    [
        ((3, 8, 12), (3, 4, 2, 6, 2), (0, 2, 4, 3, 1), (12, 6, 4)),
        ((3, 8, 12), (3, 4, 2, 6, 2), (0, 1, 3, 2, 4), (12, 4, 6)),
        ((12, 4, 6), (3, 2, 2, 4, 6), (0, 1, 3, 2, 4), (3, 8, 12)),
        ((3, 8, 8), (3, 8, 8), (0, 2, 1), (3, 8, 8)),
        ((3, 8, 12), (3, 2, 4, 12), (0, 2, 1, 3), (3, 8, 12)),
        ((4, 8, 8), (4, 64), (1, 0), (64, 2, 2)),
        ((4, 2, 2), (16,), (0,), (1, 4, 4)),
        ((4, 2, 3), (24,), (0,), (2, 4, 3)),
        ((4, 4, 4), (4, 4, 2, 2), (0, 2, 1, 3), (8, 4, 2)),
    ],
)
def test_others_are_none(moves: Moves) -> None:
    assert rearrangement_of(*moves) is None


@pytest.mark.parametrize("side", [2, 3])
def test_as_in_pytorch(side: int) -> None:
    x = np.random.default_rng(1).normal(size=(2, 5 * side * side, 4, 6))
    shuffled = functional.pixel_shuffle(torch.from_numpy(x), side).numpy()
    order = column_order(x.shape[1], side)
    assert not is_in_order(order)
    np.testing.assert_array_equal(depth_to_space(x[:, order], side), shuffled)
    np.testing.assert_array_equal(space_to_depth(shuffled, side), x[:, order])
    assert not np.array_equal(depth_to_space(x, side), shuffled)
