"""Recognize SpaceToDepth and DepthToSpace in a reshape, a transpose and a reshape of a map.

A tile of b x b pixels and b*b channels contain the same numbers in another order. SpaceToDepth
moves pixel (i, j) of the tiles of channel c to channel (i * b + j) * C + c. DepthToSpace is the
inverse (mode DCR of ONNX).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Size = tuple[int, int, int]


@dataclass(frozen=True)
class Rearrangement:
    """An exchange of pixels and channels.

    Attributes:
        op: "SpaceToDepth", "DepthToSpace", or "" where pixels stay.
        blocksize: side of the tiles.
        channels: order of the channels, applied after SpaceToDepth or before DepthToSpace.
    """

    op: str
    blocksize: int
    channels: Indices

    @property
    def keeps_channels(self) -> bool:
        """Whether the operator alone computes the rearrangement."""
        return is_in_order(self.channels)


def is_in_order(channels: Indices) -> bool:
    """Whether the order of the channels does not change."""
    return np.array_equal(channels, np.arange(channels.size))


def column_order(channels: int, side: int) -> Indices:
    """Order of channels [c, i, j] that makes them [i, j, c]: mode CRD of ONNX as mode DCR."""
    return np.arange(channels).reshape(-1, side * side).T.reshape(-1)


def rearrangement_of(
    source: Size, middle: Sequence[int], order: Sequence[int], target: Size
) -> Rearrangement | None:
    """Return the rearrangement done by a reshape, a transpose and a reshape; None if it is none.

    Args:
        source: channels, height and width of the map.
        middle: shape after the first reshape.
        order: permutation of the transpose.
        target: channels, height and width of the result.
    """
    numbers = np.arange(np.prod(source), dtype=np.int64)
    moved = numbers.reshape(middle).transpose(order).reshape(target)
    if target[1:] == source[1:]:
        return _confirmed("", 1, _sources(moved, source)[0][:, 0, 0], moved, source)
    if source[1] % target[1] == 0 and source[1] // target[1] > 1:
        side = source[1] // target[1]
        channel, row, column = (places[:, 0, 0] for places in _sources(moved, source))
        channels = (row * side + column) * source[0] + channel
        return _confirmed("SpaceToDepth", side, channels, moved, source)
    side = target[1] // source[1]
    if side < 2 or target[2] != side * source[2]:
        return None
    # Channel of the source for each pixel (i, j) of the first tile of channel c, in order i, j, c.
    channels = _sources(moved[:, :side, :side], source)[0].transpose(1, 2, 0).reshape(-1)
    return _confirmed("DepthToSpace", side, channels, moved, source)


def _sources(moved: Indices, source: Size) -> tuple[Indices, Indices, Indices]:
    """Return the channel, row and column in the source of numbered elements."""
    channel, row, column = np.unravel_index(moved, source)
    return channel, row, column


def _confirmed(
    op: str, side: int, channels: Indices, moved: Indices, source: Size
) -> Rearrangement | None:
    """Return the rearrangement if it moves all elements correctly, not only the first tile."""
    limit = source[0] * (side * side if op == "SpaceToDepth" else 1)
    if channels.size and channels.max() >= limit:
        return None
    numbers = np.arange(np.prod(source), dtype=np.int64).reshape(source)
    result: NDArray[Any] = numbers
    if op == "SpaceToDepth":
        result = space_to_depth(numbers, side)[channels]
    elif op == "DepthToSpace":
        result = depth_to_space(numbers[channels], side)
    else:
        result = numbers[channels]
    found = Rearrangement(op, side, channels)
    return found if np.array_equal(result, moved) else None


def space_to_depth(x: NDArray[Any], side: int) -> NDArray[Any]:
    """Move tiles of pixels of [..., C, H, W] to channels: [..., side^2 C, H / side, W / side]."""
    *batch, channels, height, width = x.shape
    high, wide = height // side, width // side
    tiles = x.reshape(*batch, channels, high, side, wide, side)
    order = [*range(len(batch)), *(len(batch) + axis for axis in (2, 4, 0, 1, 3))]
    return tiles.transpose(order).reshape(*batch, side * side * channels, high, wide)


def depth_to_space(x: NDArray[Any], side: int) -> NDArray[Any]:
    """Move channels of [..., C, H, W] to tiles of pixels: [..., C / side^2, side H, side W]."""
    *batch, channels, height, width = x.shape
    made = channels // side**2
    tiles = x.reshape(*batch, side, side, made, height, width)
    order = [*range(len(batch)), *(len(batch) + axis for axis in (2, 3, 0, 4, 1))]
    return tiles.transpose(order).reshape(*batch, made, height * side, width * side)
