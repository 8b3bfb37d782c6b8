"""How maps stand in the memory of a GPU.

Channels come last and are padded with zeros to a multiple of 16. A map is stored as pixels
[N, H, W, C], or in rows: as the kept coefficients of its tiles [N, tiles, K, C].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.frequencies import band, full

# Channels that stand side by side; maps have a multiple of this many.
CHANNELS = 16


def padded(channels: int) -> int:
    """The next multiple of 16."""
    return -(-channels // CHANNELS) * CHANNELS


def padded_rows(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers for each channel [..., C], with zeros up to a multiple of 16."""
    missing = padded(values.shape[-1]) - values.shape[-1]
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])


def log2_of(block: int) -> int:
    """The logarithm of a block size of 1, 2, 4 or 8 to base 2."""
    return block.bit_length() - 1


@dataclass(frozen=True)
class MapLayout:
    """A map of features in memory.

    Attributes:
        channels: of the map, without padding.
        height, width: in pixels.
        block: block size of the map in the JPEG domain; 1 for a map that only has pixels.
        frequencies: the map has the frequencies u + v < `frequencies` of each tile alone.
        is_rows: whether coefficients are stored; otherwise pixels, of a truncated map those that
            its frequencies make.
        thin: of an image, its channels in memory if they are not padded to 16; 4 for kernels that
            read four channels. 0 for other maps.
    """

    channels: int
    height: int
    width: int
    block: int = 1
    frequencies: int = 1
    is_rows: bool = False
    thin: int = 0

    @classmethod
    def whole(cls, channels: int, height: int, width: int, block: int = 1) -> MapLayout:
        """Pixels of a map with all frequencies."""
        return cls(channels, height, width, block, full(block))

    @property
    def stored_channels(self) -> int:
        """Channels in memory."""
        return self.thin or padded(self.channels)

    @property
    def is_truncated(self) -> bool:
        """Whether the map lacks frequencies."""
        return self.frequencies < full(self.block)

    @property
    def kept(self) -> int:
        """Coefficients of a tile that rows have."""
        return int(band(self.block, self.frequencies).sum())

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles in the height and in the width."""
        return self.height // self.block, self.width // self.block

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image in memory."""
        if self.is_rows:
            rows, columns = self.tiles
            return rows * columns, self.kept, self.stored_channels
        return self.height, self.width, self.stored_channels

    @property
    def elements(self) -> int:
        """Numbers that one image has in memory."""
        first, second, third = self.shape
        return first * second * third

    @property
    def view(self) -> View:
        """Its strides."""
        pixel = self.stored_channels
        row = 0 if self.is_rows else self.width * pixel
        kept = self.kept if self.is_rows else 0
        return View(self.elements, row, pixel, CHANNELS, kept, self.is_rows)

    def __str__(self) -> str:
        """As tables show it: `64x56x56 as 36 of 64 coefficients`."""
        size = f"{self.channels}x{self.height}x{self.width}"
        if self.is_rows:
            return f"{size} as {self.kept} of {self.block**2} coefficients"
        return f"{size} as pixels" + (f" of {self.kept} coefficients" if self.is_truncated else "")

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data, the arguments of `MapLayout`."""
        return dict(vars(self))


@dataclass(frozen=True)
class View:
    """Strides of a map in numbers of elements; see `kernels/tiles/triton.py`.

    Attributes:
        image: from image to image.
        row: from row to row of a raster; 0 for rows.
        pixel: from pixel to pixel of a raster, from coefficient to coefficient of rows.
        group: from 16 channels to the next 16.
        kept: coefficients of a tile that rows have; 0 for a raster.
        is_rows: whether tiles stand one after another.
    """

    image: int
    row: int
    pixel: int
    group: int
    kept: int
    is_rows: bool

    def numbers(self, name: str) -> dict[str, int]:
        """The arguments of a kernel that describe the map `name`."""
        return {
            f"{name}_image": self.image,
            f"{name}_row": self.row,
            f"{name}_pixel": self.pixel,
            f"{name}_group": self.group,
            f"{name}_kept": self.kept,
        }


NO_VIEW = View(0, 0, 0, 0, 0, False)
