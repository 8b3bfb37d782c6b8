"""Forms of kernels that read the pixels of one map and write pixels or a raster of coefficients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import get_args

from jpegcompile.gpu.launch import Launch, Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.library.form import PIXELS, ROWS, Form
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.kernels.group_normalization.launch import MERGING, GroupNormalization
from jpegcompile.kernels.rearrange.launch import Rearrange
from jpegcompile.kernels.reduce.launch import ReduceChannels, Reduction
from jpegcompile.precision import Precision

_RASTER = {"Y_ROWS": False}
_LINEAR = ("mean", "sum")
_GROUPS, _SIDE = 8, 2


def pixel_forms() -> Iterator[Form]:
    """Iterate over channel reductions, rearrangements and group normalization."""
    for reduction in get_args(Reduction):
        # Linear reductions are applied to coefficients directly.
        for y in (PIXELS,) if reduction in _LINEAR else (PIXELS, ROWS):
            yield Form(ReduceChannels(PIXELS, replace(y, channels=1), reduction), _RASTER)
    for y in (PIXELS, ROWS):
        yield from _rearrangements(y)
    normalization = GroupNormalization(PIXELS, PIXELS, _GROUPS)
    yield Form(_ChannelMoments(normalization), {})
    yield Form(_GroupMoments(normalization), {})
    for y in (PIXELS, ROWS):
        yield Form(GroupNormalization(PIXELS, y, _GROUPS), _RASTER)


def _rearrangements(y: MapLayout) -> Iterator[Form]:
    """Iterate over rearrangements of whole and partial groups of channels."""
    squares = _SIDE * _SIDE
    for channels in (16, 3):
        deep = replace(y, channels=channels * squares)
        flat = replace(PIXELS, channels=channels, height=_SIDE * y.height, width=_SIDE * y.width)
        yield Form(Rearrange(flat, deep, _SIDE, to_depth=True), _RASTER)
        deep = replace(PIXELS, channels=channels * squares)
        flat = replace(flat, is_rows=y.is_rows)
        yield Form(Rearrange(deep, flat, _SIDE, to_depth=False), _RASTER)


@dataclass(frozen=True)
class _Moments:
    """An intermediate launch of a group normalization."""

    whole: GroupNormalization

    @property
    def y(self) -> MapLayout:
        return self.whole.y

    @property
    def matrices(self) -> Mapping[str, TileMatrix]:
        return {}


class _ChannelMoments(_Moments):
    """The first launch."""

    def default_tiling(self, precision: Precision) -> Tiling:
        return self.whole.moments_tiling(precision)

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        return self.whole.channel_moments(batch, precision, tiling)


class _GroupMoments(_Moments):
    """The second launch."""

    def default_tiling(self, precision: Precision) -> Tiling:
        del precision
        return MERGING

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        del tiling
        return self.whole.group_moments(batch, self.whole.moments_tiling(precision))
