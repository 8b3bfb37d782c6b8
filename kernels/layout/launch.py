"""Launches that convert maps from planes [N, C, H, W] to channels last on GPUs, and back."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.gpu.launch import Launch, Tiling, programs, storage_type
from jpegcompile.gpu.layout import MapLayout, padded
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.precision import Precision


class _Copy:
    """Base class of both directions."""

    @property
    def matrices(self) -> dict[str, TileMatrix]:
        """Empty: numbers are copied unchanged."""
        return {}

    def default_tiling(self, precision: Precision) -> Tiling:
        """Return a tiling that needs no stack on sm_80, sm_90 and sm_100, at every precision."""
        del precision
        return Tiling(64, 32, warps=4)


@dataclass(frozen=True)
class FromPlanes(_Copy):
    """Convert planes to a raster.

    Attributes:
        y: the output map, a raster of pixels or of coefficients.
    """

    y: MapLayout

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """Return the launch for `batch` images."""
        constants = {"THIN": bool(self.y.thin)}
        return _launch("from_planes", self.y, batch, precision, constants, tiling)


@dataclass(frozen=True)
class ToPlanes(_Copy):
    """Convert a raster to planes.

    Attributes:
        y: the map, in its layout before the conversion.
    """

    y: MapLayout

    def launch(self, batch: int, precision: Precision, tiling: Tiling) -> Launch:
        """Return the launch for `batch` images."""
        return _launch("to_planes", self.y, batch, precision, {}, tiling)


def _launch(
    kernel: str,
    raster: MapLayout,
    batch: int,
    precision: Precision,
    constants: dict[str, bool],
    tiling: Tiling,
) -> Launch:
    plane, channels = raster.height * raster.width, padded(raster.channels)
    rows = batch * plane
    return Launch(
        f"layout.triton:{kernel}",
        programs(rows, channels, tiling),
        dict.fromkeys(("x", "y"), storage_type(precision)),
        {"rows": rows, "channels": channels, "planes": raster.channels, "plane": plane},
        {**constants, "BM": tiling.rows, "BN": tiling.channels},
        tiling,
    )
