"""The largest number of coefficients for which the sparse path of a first convolution is faster.

The time of the sparse path grows with the number of nonzero coefficients of an image. The time of
the dense path does not depend on this number. So the compiler passes a bound to the kernel, and the
kernel counts coefficients. The expected time is a sum of features, each with its own price:

    sparse   vectors    vectors of 16 sums: nonzero coefficients times the outputs they reach
             outputs    vectors of the result, which are initialized, finished and written
             images     a constant for each image
    dense    products   vectors of 16 multiply-adds
             samples    samples of the image, in all channels, that the ingest computes
             outputs, images  as above

`first_prices.json` contains the prices, fitted once by `python -m jpegcompile.cost.fit_first`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from jpegcompile.operators.constants import CHANNEL_GROUP, MOST_TABLE_FLOATS, TABLE_GROUPS

Way = Literal["sparse", "dense"]
FEATURES: Mapping[Way, tuple[str, ...]] = {
    "sparse": ("vectors", "outputs", "images"),
    "dense": ("products", "samples", "outputs", "images"),
}

_BLOCK = 8
# Mean number of nonzero luma coefficients of a block, in photographs of 224x224 at quality 50. If
# the sparse path is faster only below this, its tables are not worth their memory.
_FEWEST = 11.5


@dataclass(frozen=True)
class FirstLayer:
    """A convolution without dilation that reads the image of a JPEG file.

    Attributes:
        height, width: size of the image.
        channels, outputs: input and output channels.
        kernel, strides: (vertical, horizontal).
        output_height, output_width: size of the result.
        chroma: luma pixels for one chroma pixel, (vertical, horizontal); None for a gray file.
    """

    height: int
    width: int
    channels: int
    outputs: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    output_height: int
    output_width: int
    chroma: tuple[int, int] | None

    @property
    def is_regular(self) -> bool:
        """Whether all blocks are complete and reach outputs at the same positions in the block."""
        sides = zip((self.height, self.width), self.chroma or (1, 1), self.strides, strict=True)
        return all(s % (_BLOCK * f) == 0 and _BLOCK % stride == 0 for s, f, stride in sides)

    @property
    def _groups(self) -> int:
        return -(-self.outputs // CHANNEL_GROUP)

    def _reach(self, factors: tuple[int, int]) -> tuple[int, int]:
        """Return the rows and columns of outputs that a block of a component reaches."""
        # The triangle filter (factor 2) spreads a sample over one more pixel on each side.
        widths = (_BLOCK * f + (2 if f == 2 else 0) for f in factors)
        rows, columns = (
            (width + size - 2) // stride + 1
            for width, size, stride in zip(widths, self.kernel, self.strides, strict=True)
        )
        return rows, columns

    @property
    def table_floats(self) -> int:
        """Number of floats in the kernel's tables of the outputs of single coefficients."""
        planes = [(1, (1, 1), (self.height, self.width))]
        if self.chroma is not None:
            vertical, horizontal = self.chroma
            size = (self.height // vertical, self.width // horizontal)
            planes.append((2, self.chroma, size))
        total = 0
        for components, factors, size in planes:
            modes = components
            for factor, side in zip(factors, size, strict=True):
                # The triangle filter repeats the last sample on both sides of an image.
                modes *= _BLOCK + (2 if factor == 2 and side > _BLOCK else 0)
            rows, columns = self._reach(factors)
            total += modes * rows * columns
        # With an odd number of groups, one table is half empty.
        groups = -(-self._groups // TABLE_GROUPS) * TABLE_GROUPS
        return total * groups * CHANNEL_GROUP

    def vectors(self, luma: float, chroma: float) -> float:
        """Return the feature `vectors` of an image on the sparse path.

        Args:
            luma: number of nonzero luma coefficients.
            chroma: number of nonzero chroma coefficients.
        """
        total = 0.0
        for count, factors in ((luma, (1, 1)), (chroma, self.chroma)):
            if factors is not None:
                rows, columns = self._reach(factors)
                total += count * rows * columns * self._groups
        return total

    def features(self, way: Way, vectors: float = 0.0) -> dict[str, float]:
        """Return the amount of each feature of a path, by the names in `FEATURES`."""
        outputs = float(self.output_height * self.output_width * self._groups)
        both = {"outputs": outputs, "images": 1.0}
        if way == "dense":
            taps = self.kernel[0] * self.kernel[1] * self.channels
            samples = float(self.height * self.width * self.channels)
            return {"products": outputs * taps, "samples": samples, **both}
        return {"vectors": vectors, **both}


def seconds(layer: FirstLayer, way: Way, vectors: float = 0.0) -> float:
    """Return the expected time in seconds on one core of the measured machine.

    Args:
        layer: the first convolution.
        way: path of the convolution, "sparse" or "dense".
        vectors: number of vectors of sums on the sparse path.
    """
    prices = _prices()[way]
    return sum(prices[name] * count for name, count in layer.features(way, vectors).items())


def most_vectors(layer: FirstLayer) -> int:
    """Return the `vectors` up to which the sparse path is not slower; 0 to never use it."""
    if not layer.is_regular or layer.table_floats > MOST_TABLE_FLOATS:
        return 0
    saved = seconds(layer, "dense") - seconds(layer, "sparse")
    bound = int(saved / _prices()["sparse"]["vectors"])
    fewest = layer.vectors(_FEWEST * layer.height * layer.width / _BLOCK**2, 0)
    return bound if bound >= fewest else 0


@cache
def _prices() -> dict[Way, dict[str, float]]:
    text = resources.files("jpegcompile.cost").joinpath("first_prices.json").read_text("utf-8")
    prices: dict[Way, dict[str, float]] = json.loads(text)["seconds"]
    return prices
