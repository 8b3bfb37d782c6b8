"""Rearrangements of pixels between channels and spatial positions."""

from __future__ import annotations

from jpegcompile.operators.definition import Attribute, Operator
from jpegcompile.operators.fragments import (
    IN_AND_OUT,
    TRANSFORMS_BETWEEN,
    always,
    between,
    feature_map,
    pixels,
    result,
)


def _rearrangement(op: str, summary: str, kernel: str) -> Operator:
    return Operator(
        f"Jpeg{op}",
        summary,
        (feature_map(block="input_block", is_grouped=False), *TRANSFORMS_BETWEEN),
        result("N O P Q", "output_block", is_grouped=False),
        (Attribute("blocksize", "int"), *IN_AND_OUT),
        always(between(f"{op} <blocksize: int = @blocksize> (spatial)")),
        reference=f"rearrange.reference:jpeg_{kernel}",
        kernel=kernel,
        spatial=pixels(f"{op} <blocksize: int = @blocksize> (spatial)"),
    )


REARRANGEMENTS: tuple[Operator, ...] = (
    _rearrangement("SpaceToDepth", "squares of pixels rearranged to channels", "space_to_depth"),
    _rearrangement("DepthToSpace", "channels rearranged to squares of pixels", "depth_to_space"),
)
