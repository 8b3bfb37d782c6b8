"""Reductions of a map over its channels."""

from __future__ import annotations

from jpegcompile.operators.definition import Body, Operator
from jpegcompile.operators.fragments import BLOCK, TRANSFORMS, between, feature_map, result

# Since these opsets the axes of a reduction are an input.
_AXES_ARE_INPUTS = {"ReduceMax": 18, "ReduceMean": 18, "ReduceMin": 18, "ReduceSum": 13}


def _over_channels(name: str, summary: str) -> Operator:
    op, is_linear = f"Reduce{name}", name in ("Mean", "Sum")
    source = "x" if is_linear else "spatial"
    old = f"{op} <axes = [1], keepdims = 1> ({source})"
    old_pixels = f" y = {op} <axes = [1], keepdims = 1> (x)"
    axes = "axes = Constant <value = int64[1] {1}> ()\n        "
    new = f"{op} <keepdims = 1> ({source}, axes)"
    if is_linear:
        bodies = f" y = {old}", f" {axes}y = {new}"
    else:
        bodies = between(f"result = {old}"), between(f"{axes}result = {new}")
    return Operator(
        f"JpegChannel{name}",
        summary,
        (feature_map(), *(() if is_linear else TRANSFORMS)),
        result("N 1 H W", is_grouped=False),
        (BLOCK,),
        (Body(bodies[0], _AXES_ARE_INPUTS[op]), Body(bodies[1])),
        reference=f"reduce.reference:jpeg_channel_{name.lower()}",
        kernel=f"channel_{name.lower()}",
        spatial=(
            Body(old_pixels, _AXES_ARE_INPUTS[op]),
            Body(f" {axes}y = {op} <keepdims = 1> (x, axes)"),
        ),
    )


CHANNEL_REDUCTIONS: tuple[Operator, ...] = (
    _over_channels("Max", "the maximum over all channels of each pixel"),
    _over_channels("Mean", "the mean over all channels of each pixel"),
    _over_channels("Min", "the minimum over all channels of each pixel"),
    _over_channels("Sum", "the sum over all channels of each pixel"),
)
