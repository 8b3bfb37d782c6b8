"""What every GPU kernel says of itself: the records in `kernels/*/launch.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from jpegcompile.gpu.launch import Launch, Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.precision import Precision


class Kernel(Protocol):
    """A kernel with the layouts of its maps."""

    @property
    def y(self) -> MapLayout:
        """The map that it makes."""

    @property
    def matrices(self) -> Mapping[str, TileMatrix]:
        """The transforms that it needs, by argument."""

    def default_tiling(self, precision: Precision) -> Tiling:
        """A tiling without spills on every GPU."""

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """The launch for `batch` images."""
