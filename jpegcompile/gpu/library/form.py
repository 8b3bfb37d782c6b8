"""A compiled kernel of the native library, and the maps that stand for all of their kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.launch import Launch, Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.kernels.conv.launch import THIN, Convolution, tilings
from jpegcompile.precision import Precision

_SIDE, _BLOCK = 8, 8
PIXELS = MapLayout.whole(64, _SIDE, _SIDE, _BLOCK)
ROWS = replace(PIXELS, is_rows=True)
TRUNCATED = replace(PIXELS, frequencies=_BLOCK)
IMAGE = MapLayout.whole(THIN, 16, 16)
POINT = MapLayout.whole(64, 1, 1)


@dataclass(frozen=True)
class Form:
    """A kernel with constants that its launch sets otherwise.

    Attributes:
        kernel: with maps that stand for all of their kind.
        constants: that replace those of the launch.
    """

    kernel: Kernel
    constants: Mapping[str, bool]

    def launch(self, precision: Precision, tiling: Tiling) -> Launch:
        """A launch that is compiled as those of the library."""
        launch = self.kernel.launch(1, precision, tiling)
        return replace(launch, constants={**launch.constants, **self.constants})

    def tilings(self, precision: Precision) -> Sequence[Tiling]:
        """Among which the library chooses."""
        if isinstance(self.kernel, Convolution):
            return tilings(self.kernel, precision)
        return [self.kernel.default_tiling(precision)]


def at_places(kernel: Kernel, **maps: MapLayout | None) -> Iterator[Form]:
    """A kernel with each of the maps in rows as a raster of coefficients, too."""
    names = [name for name, layout in maps.items() if layout is not None and layout.is_rows]
    for values in product((False, True), repeat=len(names)):
        yield Form(kernel, dict(zip(names, values, strict=True)))
