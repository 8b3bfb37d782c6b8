"""A compiled kernel of the native library, and sample maps of each kind."""

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
    """A kernel with some constants of its launch replaced.

    Attributes:
        kernel: the kernel with sample maps.
        constants: values that replace constants of the launch.
    """

    kernel: Kernel
    constants: Mapping[str, bool]

    def launch(self, precision: Precision, tiling: Tiling) -> Launch:
        """Return a launch that compiles to the kernel of the library."""
        launch = self.kernel.launch(1, precision, tiling)
        return replace(launch, constants={**launch.constants, **self.constants})

    def tilings(self, precision: Precision) -> Sequence[Tiling]:
        """Return the tilings that the library chooses from."""
        if isinstance(self.kernel, Convolution):
            return tilings(self.kernel, precision)
        return [self.kernel.default_tiling(precision)]


def at_places(kernel: Kernel, **maps: MapLayout | None) -> Iterator[Form]:
    """Iterate over forms of a kernel with each map in rows, or as a raster of coefficients."""
    names = [name for name, layout in maps.items() if layout is not None and layout.is_rows]
    for values in product((False, True), repeat=len(names)):
        yield Form(kernel, dict(zip(names, values, strict=True)))
