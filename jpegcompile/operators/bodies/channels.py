"""Bodies of operators that see all channels, or two maps, at once: normalisation, products, maxima.

Only operators that are the same from opset 7 on; ReduceMax and its kin take their axes as an input
from 18 on, ReduceSum from 13 on, and have bodies for both. The mean of a row of numbers is a
global average pool.
"""

from __future__ import annotations

from jpegcompile.operators.bodies.fragments import PIXELS, TRANSFORMS, between

# Of [N, groups, rows, elements] with the mean at `mean`, in the place of zero.
_NORMALIZED = """
        squares = Mul(centered, centered)
        variance = GlobalAveragePool(squares)
        steady = Add(variance, epsilon)
        deviation = Sqrt(steady)
        normalized = Div(centered, deviation)
        shape = Shape(x)
        map = Reshape(normalized, shape)
        scaled = Mul(map, scale)"""
# The sum of a map's pixels is the product of its coefficients and those of a map of ones. What
# rounding leaves of a large mean is taken out, too.
_GROUPS_OF_TILES = f"""<groups, block> (x, scale, shift, epsilon, to_rows, dc) => (y) {{
        ones = Flatten <axis = 0> (dc)
        rows = Reshape(x, to_rows)
        on_ones = Mul(rows, ones)
        mean = GlobalAveragePool(on_ones)
        means = Mul(mean, ones)
        nearly = Sub(rows, means)
        rest_on_ones = Mul(nearly, ones)
        rest = GlobalAveragePool(rest_on_ones)
        rests = Mul(rest, ones)
        centered = Sub(nearly, rests){_NORMALIZED}
        shifted = Mul(shift, dc)
        y = Add(scaled, shifted) }}"""
_GROUPS_OF_PIXELS = f"""<groups> (x, scale, shift, epsilon, to_rows) => (y) {{
        rows = Reshape(x, to_rows)
        mean = GlobalAveragePool(rows)
        nearly = Sub(rows, mean)
        rest = GlobalAveragePool(nearly)
        centered = Sub(nearly, rest){_NORMALIZED}
        y = Add(scaled, shift) }}"""

# The other one of two maps has the name that `residual_group` speaks of.
_OTHER_PIXELS = f"""{PIXELS}
        o = MatMul(inverse_rows, residual)
        other_spatial = MatMul(o, inverse_columns)"""


def _of_two(op: str) -> str:
    return between(
        f"<block> (x, residual, {TRANSFORMS})", f"{op}(spatial, other_spatial)", _OTHER_PIXELS
    )


def _over_channels(op: str, is_old: bool, is_linear: bool) -> str:
    """A reduction over channels that keeps them as one."""
    source = "x" if is_linear else "spatial"
    if is_old:
        reduced = f"{op} <axes = [1], keepdims = 1> ({source})"
        axes = ""
    else:
        reduced = f"{op} <keepdims = 1> ({source}, axes)"
        axes = "axes = Constant <value = int64[1] {1}> ()\n        "
    if is_linear:
        return f"<block> (x) => (y) {{ {axes}y = {reduced} }}"
    return between(f"<block> (x, {TRANSFORMS})", f"{axes}result = {reduced}")


def _reductions(*names: str, is_old: bool) -> dict[str, str]:
    return {
        f"JpegChannel{name}": _over_channels(f"Reduce{name}", is_old, name in ("Mean", "Sum"))
        for name in names
    }


CHANNEL_BODIES: dict[str, str] = {
    "JpegGroupNormalization": _GROUPS_OF_TILES,
    "SpatialGroupNormalization": _GROUPS_OF_PIXELS,
    **{f"Jpeg{op}": _of_two(op) for op in ("Max", "Min", "Mul")},
    **_reductions("Max", "Mean", "Min", "Sum", is_old=False),
}
# For models below opset 18, and below 13.
OLD_CHANNEL_BODIES: dict[str, str] = _reductions("Max", "Mean", "Min", is_old=True)
OLD_SUM_BODIES: dict[str, str] = _reductions("Sum", is_old=True)
