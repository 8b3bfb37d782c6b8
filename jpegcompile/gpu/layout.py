"""Layouts of maps in GPU memory.

Channels are last and padded with zeros to a multiple of 16. A map is stored as pixels [N, H, W, C],
or in rows: the kept coefficients of its tiles [N, tiles, K, C].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.frequencies import band, full

# Maps have a multiple of this number of channels in memory.
CHANNELS = 16


def padded(channels: int) -> int:
    """Round a number of channels up to a multiple of 16."""
    return -(-channels // CHANNELS) * CHANNELS


def padded_rows(values: NDArray[Any]) -> NDArray[Any]:
    """Pad numbers for each channel [..., C] with zeros to a multiple of 16."""
    missing = padded(values.shape[-1]) - values.shape[-1]
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])


def log2_of(block: int) -> int:
    """Return the base-2 logarithm of a block size of 1, 2, 4 or 8."""
    return block.bit_length() - 1


@dataclass(frozen=True)
class MapLayout:
    """Layout of a feature map in GPU memory.

    Attributes:
        channels: number of channels without padding.
        height, width: size in pixels.
        block: block size of the map in the JPEG domain; 1 for a spatial map.
        frequencies: only frequencies u + v < `frequencies` of each tile are nonzero.
        is_rows: whether coefficients are stored. Otherwise pixels are stored.
        thin: channels of an image in memory if they are not padded to 16: 4 for kernels that read
            four channels. 0 for other maps.
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
        """Return the layout of a map with all frequencies, stored as pixels.

        Args:
            channels: number of channels.
            height: height in pixels.
            width: width in pixels.
            block: block size of the map in the JPEG domain; 1 for a spatial map.
        """
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
        """Number of kept coefficients of a tile."""
        return int(band(self.block, self.frequencies).sum())

    @property
    def tiles(self) -> tuple[int, int]:
        """Number of tiles along the height and the width."""
        return self.height // self.block, self.width // self.block

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image in memory."""
        if self.is_rows:
            rows, columns = self.tiles
            return rows * columns, self.kept, self.stored_channels
        return self.height, self.width, self.stored_channels

    @property
    def elements(self) -> int:
        """Number of elements of one image in memory."""
        first, second, third = self.shape
        return first * second * third

    @property
    def view(self) -> View:
        """Strides of the layout."""
        pixel = self.stored_channels
        row = 0 if self.is_rows else self.width * pixel
        kept = self.kept if self.is_rows else 0
        return View(self.elements, row, pixel, CHANNELS, kept, self.is_rows)

    def __str__(self) -> str:
        """Return the text for tables: `64x56x56 as 36 of 64 coefficients`."""
        size = f"{self.channels}x{self.height}x{self.width}"
        if self.is_rows:
            return f"{size} as {self.kept} of {self.block**2} coefficients"
        return f"{size} as pixels" + (f" of {self.kept} coefficients" if self.is_truncated else "")

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data: the arguments of `MapLayout`."""
        return dict(vars(self))


@dataclass(frozen=True)
class View:
    """Strides of a map in elements; see `kernels/tiles/triton.py`.

    Attributes:
        image: stride between images.
        row: stride between rows of a raster; 0 for the layout in rows.
        pixel: stride between pixels of a raster, or between coefficients of the layout in rows.
        group: stride between groups of 16 channels.
        kept: number of kept coefficients of a tile in rows; 0 for a raster.
        is_rows: whether the map is stored in rows.
    """

    image: int
    row: int
    pixel: int
    group: int
    kept: int
    is_rows: bool

    def numbers(self, name: str) -> dict[str, int]:
        """Return the kernel arguments that describe the map `name`."""
        return {
            f"{name}_image": self.image,
            f"{name}_row": self.row,
            f"{name}_pixel": self.pixel,
            f"{name}_group": self.group,
            f"{name}_kept": self.kept,
        }


NO_VIEW = View(0, 0, 0, 0, 0, False)
