"""How maps are brought from planes [N, C, H, W] to channels last on GPUs, and back."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.gpu.launch import Launch, Tiling, programs
from jpegcompile.gpu.layout import MapLayout, padded


@dataclass(frozen=True)
class FromPlanes:
    """Make a raster of float32 planes.

    Attributes:
        y: the map that is made, a raster; of pixels or of coefficients at their places.
    """

    y: MapLayout

    def launch(self, batch: int, tiling: Tiling) -> Launch:
        """The launch for `batch` images."""
        constants = {"THIN": bool(self.y.thin)}
        return _launch("from_planes", self.y, batch, constants, tiling)


@dataclass(frozen=True)
class ToPlanes:
    """Make float32 planes of a raster.

    Attributes:
        x: the map that is read, a raster.
    """

    x: MapLayout

    def launch(self, batch: int, tiling: Tiling) -> Launch:
        """The launch for `batch` images."""
        return _launch("to_planes", self.x, batch, {}, tiling)


def _launch(
    kernel: str, raster: MapLayout, batch: int, constants: dict[str, bool], tiling: Tiling
) -> Launch:
    plane, channels = raster.height * raster.width, padded(raster.channels)
    rows = batch * plane
    return Launch(
        f"layout.triton:{kernel}",
        programs(rows, channels, tiling),
        {"x": "fp32", "y": "fp32"},
        {"rows": rows, "channels": channels, "planes": raster.channels, "plane": plane},
        {**constants, "BM": tiling.rows, "BN": tiling.channels},
        tiling,
    )
