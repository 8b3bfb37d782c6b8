"""GPU kernels that convert between planes [N, C, H, W] and maps with channels last."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def from_planes(
    x,
    y,
    rows,
    channels,
    planes,
    plane,
    THIN: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
):
    """Copy x [N, planes, plane] to y [rows, channels], with zeros in channels that x lacks.

    A row is a pixel; `plane` is H * W, `rows` is N * H * W. If THIN, y has four channels.
    """
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    image = m // plane
    first = image.to(tl.int64) * planes * plane + (m - image * plane)
    values = tl.load(
        x + first[:, None] + (c * plane)[None, :],
        mask=(m < rows)[:, None] & (c < planes)[None, :],
        other=0.0,
    )
    stored = 4 if THIN else channels
    tl.store(
        y + m.to(tl.int64)[:, None] * stored + c[None, :],
        values.to(y.dtype.element_ty),
        mask=(m < rows)[:, None] & (c < stored)[None, :],
    )


@triton.jit
def to_planes(
    x,
    y,
    rows,
    channels,
    planes,
    plane,
    BM: tl.constexpr,
    BN: tl.constexpr,
):
    """Copy x [rows, channels] to y [N, planes, plane], without the channels that y lacks."""
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    image = m // plane
    first = image.to(tl.int64) * planes * plane + (m - image * plane)
    inside = (m < rows)[:, None] & (c < planes)[None, :]
    values = tl.load(x + m.to(tl.int64)[:, None] * channels + c[None, :], mask=inside, other=0.0)
    tl.store(
        y + first[:, None] + (c * plane)[None, :],
        values.to(y.dtype.element_ty),
        mask=inside,
    )
