"""Convolutions on GPUs with each kind of epilogue, to compile ahead of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jpegcompile.gpu.compile_all import distinct
from jpegcompile.gpu.launch import Launch
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import ASM_RELU, RELU
from jpegcompile.kernels.conv.launch import THIN, Convolution, default_tiling
from jpegcompile.precision import precision_of

_PIXELS = MapLayout.whole(256, 56, 56, 8)
_ROWS = replace(_PIXELS, frequencies=8, is_rows=True)
_TRUNCATED = replace(_PIXELS, frequencies=8)
_IMAGE = replace(MapLayout.whole(3, 224, 224, 8), thin=THIN)


def _windowed(y: MapLayout, residual: MapLayout | None = None) -> Convolution:
    return Convolution(_PIXELS, y, (3, 3), pads=(1, 1), residual=residual, program=RELU)


def _thin(y: MapLayout) -> Convolution:
    y = replace(y, channels=64, height=112, width=112)
    return Convolution(_IMAGE, y, (7, 7), (2, 2), (3, 3), program=RELU)


def _masked(conv: Convolution) -> Convolution:
    return replace(conv, program=ASM_RELU, phi=8)


EPILOGUES = {
    "pixels": _windowed(_PIXELS, _PIXELS),
    "pixels, truncated": _windowed(_TRUNCATED, _TRUNCATED),
    "pixels, residual in rows, to rows": _windowed(_ROWS, _ROWS),
    "pixels, residual, to rows": _windowed(_ROWS, _PIXELS),
    "pixels, residual in rows, of 16 channels": replace(
        _windowed(_PIXELS, _ROWS), x=replace(_PIXELS, channels=16)
    ),
    "pixels, ASM": _masked(_windowed(_PIXELS, _PIXELS)),
    "pixels, residual in rows, ASM, to rows": _masked(_windowed(_ROWS, _ROWS)),
    "pixels, transposed": replace(_windowed(_PIXELS), is_transposed=True),
    "pixels, transposed, to rows": replace(_windowed(_ROWS), is_transposed=True),
    "rows, linear": Convolution(_ROWS, _ROWS, residual=_ROWS),
    "rows, to pixels": Convolution(_ROWS, _PIXELS, program=RELU),
    "rows": Convolution(_ROWS, _ROWS, residual=_ROWS, program=RELU),
    "rows, residual in pixels": Convolution(_ROWS, _ROWS, residual=_TRUNCATED, program=RELU),
    "rows, of 16 channels": Convolution(replace(_ROWS, channels=16), _ROWS, program=RELU),
    "rows, ASM": _masked(Convolution(_ROWS, _ROWS, residual=_ROWS)),
    "thin": _thin(_PIXELS),
    "thin, ASM, to rows": _masked(_thin(_ROWS)),
    "thin, wide window": replace(_thin(_ROWS), kernel=(11, 11), pads=(5, 5)),
}


def with_channels(conv: Convolution, channels: int) -> Convolution:
    """The convolution with so many output channels."""
    residual = None if conv.residual is None else replace(conv.residual, channels=channels)
    return replace(conv, y=replace(conv.y, channels=channels), residual=residual)


def launches_of(
    precision: str, cases: list[str], every_channels: Sequence[int] = (32, 64, 128)
) -> list[tuple[str, Launch]]:
    """Launches of the cases, with few and many channels, for small and large batches."""
    found = []
    for name in cases:
        launches = []
        for channels in every_channels:
            conv = with_channels(EPILOGUES[name], channels)
            for batch in (1, 32):
                tiling = default_tiling(conv, precision_of(precision), batch)
                launches.append(conv.launch(batch, precision_of(precision), tiling))
        found += [(name, launch) for launch in distinct(launches)]
    return found
