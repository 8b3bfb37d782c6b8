"""Piecewise linear operators, and their approximations by few frequencies.

y = DCT(f(inverse DCT(x)))                                                   exact
ASM: the mask of the approximated pixels is applied to the exact pixels      paper, section 4.2
APX: f is applied to the approximated pixels                                 the paper's baseline

The approximated pixels are the inverse DCT of the frequencies in the band.
"""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.operators.definition import PIXELS, Attribute, Body, Operand, Operator
from jpegcompile.operators.fragments import (
    BAND,
    BLOCK,
    FREQUENCIES,
    IN_AND_OUT,
    NUMBER,
    PIXELS_OF_X,
    PRECISION,
    TRANSFORMS,
    TRANSFORMS_BETWEEN,
    always,
    between,
    feature_map,
    inverse,
    pixels,
    result,
)

TRUNCATE = "JpegTruncate"
RELU, PRELU, CLIP = "JpegRelu", "JpegPRelu", "JpegClip"
SPATIAL_MAX_POOL, SPATIAL_GLOBAL_AVERAGE_POOL = "SpatialMaxPool", "SpatialGlobalAveragePool"
MAX_POOL, DILATED_MAX_POOL = "JpegMaxPool", "JpegDilatedMaxPool"
SLOPE = Operand("slope", "vector", "N C H W")
BOUNDS = (Operand("low", "vector", NUMBER), Operand("high", "vector", NUMBER))
# Below opset 11 the bounds of Clip are attributes, and below opset 8 Max and Min do not broadcast.
CLIP_INPUTS_SINCE = 11
OLD_CLIP = """
        zeros = Sub(spatial, spatial)
        lows = Add(zeros, low)
        highs = Add(zeros, high)
        raised = Max(spatial, lows)
        result = Min(raised, highs)"""

# Masks are 0 and 1. Products and sums select the pieces: all terms except one are zero. This is
# exact for finite pixels, and works in opsets that lack Where.
_ASM_RELU = """
        number = Constant <value = float {0}> ()
        zero = Cast <to: int = @to> (number)
        above = Greater(approximation, zero)
        mask = Cast <to: int = @to> (above)
        positive = Mul(spatial, mask)"""
_ASM_PRELU = f"""{_ASM_RELU}
        negative = Sub(spatial, positive)
        scaled = Mul(negative, slope)
        result = Add(positive, scaled)"""
_ASM_CLIP = """
        is_inside = Greater(approximation, low)
        is_above = Greater(approximation, high)
        is_below = Not(is_inside)
        below = Cast <to: int = @to> (is_below)
        not_below = Cast <to: int = @to> (is_inside)
        above = Cast <to: int = @to> (is_above)
        inside = Sub(not_below, above)
        unclipped = Mul(spatial, inside)
        raised = Mul(low, below)
        lowered = Mul(high, above)
        clipped = Add(raised, lowered)
        result = Add(unclipped, clipped)"""


def _approximation(name: str) -> str:
    """Return statements that compute the pixels of the frequencies in the band only."""
    return f"""
        inside_band = Mul(x, band)
        a = MatMul(inverse_rows, inside_band)
        {name} = MatMul(a, inverse_columns)"""


@dataclass(frozen=True)
class _Function:
    """A piecewise linear per-pixel function.

    Attributes:
        op: its ONNX operator.
        summary: summary of the exact operator.
        operands: operands in addition to the map.
        applied: the function as an expression of `spatial`.
        masked: statements that apply the mask of `approximation` to `spatial`.
        old: statements for models below opset 11, if they differ.
    """

    op: str
    summary: str
    operands: tuple[Operand, ...]
    applied: str
    masked: str
    old: str = ""

    def bodies(self, pixels: str) -> tuple[Body, ...]:
        """Return the bodies of the function; the statements `pixels` compute `spatial`."""
        new = Body(between(self.applied, pixels))
        return (Body(between(self.old, pixels), CLIP_INPUTS_SINCE), new) if self.old else (new,)

    def forms(self) -> tuple[Operator, ...]:
        """Return the exact operator and its approximations."""
        spatial = pixels(self.applied)
        name, x = f"Jpeg{self.op}", feature_map(is_compact=True)
        folder = self.op.lower()

        def reference(form: str) -> str:
            return f"{folder}.reference:jpeg_{form}{folder}"

        return (
            Operator(
                name,
                self.summary,
                (x, *self.operands, *TRANSFORMS),
                result(),
                (BLOCK,),
                self.bodies(PIXELS_OF_X),
                reference=reference(""),
                kernel=folder,
                spatial=spatial,
            ),
            Operator(
                f"JpegAsm{self.op}",
                f"{name} with a mask from few frequencies",
                (x, BAND, *self.operands, *TRANSFORMS),
                result(),
                (BLOCK, FREQUENCIES, PRECISION),
                always(between(self.masked, _approximation("approximation") + PIXELS_OF_X)),
                reference=reference("asm_"),
                kernel=folder,
                exact=name,
                masking="asm",
                spatial=spatial,
            ),
            Operator(
                f"JpegApx{self.op}",
                f"{name} of the pixels of few frequencies",
                (x, BAND, *self.operands, *TRANSFORMS),
                result(),
                (BLOCK, FREQUENCIES),
                self.bodies(_approximation("spatial")),
                reference=reference("apx_"),
                kernel=folder,
                exact=name,
                masking="apx",
                spatial=spatial,
            ),
        )


_FUNCTIONS = (
    _Function(
        "Relu", "max(0, x)", (), "Relu(spatial)", f"{_ASM_RELU}  result = Identity(positive)"
    ),
    _Function(
        "PRelu",
        "x if x is positive, else slope * x",
        (SLOPE,),
        "PRelu(spatial, slope)",
        _ASM_PRELU,
    ),
    _Function(
        "Clip",
        "x limited to two bounds",
        BOUNDS,
        "Clip(spatial, low, high)",
        _ASM_CLIP,
        OLD_CLIP,
    ),
)

_KERNEL_SHAPE = tuple(Attribute(name, "ints") for name in ("kernel_shape", "strides", "pads"))
_DILATIONS = (Attribute("dilations", "ints"),)
_POOL = "kernel_shape: ints = @kernel_shape, strides: ints = @strides, pads: ints = @pads"
_DILATED_POOL = f"{_POOL}, dilations: ints = @dilations"
# Below opset 10 MaxPool has no dilations.
_DILATIONS_SINCE = 10


def _max_pools(infix: str, window: tuple[Attribute, ...], pool: str) -> tuple[Operator, ...]:
    name = DILATED_MAX_POOL if infix else MAX_POOL
    x, y = feature_map(block="input_block", is_compact=True), result("N C P Q", "output_block")
    spatial = pixels(f"MaxPool <{pool}> (spatial)")
    # The flat positions of the maxima of the approximation select pixels.
    picked = f"""largest, positions = MaxPool <{pool}> (approximation)
        pixels = Reshape(spatial, flat)
        result = Gather <axis = 0> (pixels, positions)"""
    return (
        Operator(
            name,
            "the maxima of windows",
            (x, *TRANSFORMS_BETWEEN),
            y,
            (*window, *IN_AND_OUT),
            always(between(f"MaxPool <{pool}> (spatial)")),
            reference="max_pool.reference:jpeg_max_pool",
            kernel="max_pool",
            takes_positions=True,
            spatial=spatial,
        ),
        Operator(
            f"JpegAsm{infix}MaxPool",
            f"{name} with positions from few frequencies",
            (x, BAND, *TRANSFORMS_BETWEEN, Operand("flat", "index", "1", "int64")),
            y,
            (*window, *IN_AND_OUT, FREQUENCIES),
            always(between(picked, _approximation("approximation") + PIXELS_OF_X)),
            reference="max_pool.reference:jpeg_max_pool",
            kernel="max_pool",
            exact=name,
            masking="asm",
            takes_positions=True,
            spatial=spatial,
        ),
    )


PIECEWISE: tuple[Operator, ...] = (
    *(form for function in _FUNCTIONS for form in function.forms()),
    *_max_pools("", _KERNEL_SHAPE, _POOL),
    *_max_pools("Dilated", (*_KERNEL_SHAPE, *_DILATIONS), _DILATED_POOL),
)

_POOLED_PIXELS = (
    Body(f" y = MaxPool <{_POOL}> (x)", _DILATIONS_SINCE),
    Body(f" y = MaxPool <{_DILATED_POOL}> (x)"),
)
OTHER_POOLS: tuple[Operator, ...] = (
    Operator(
        SPATIAL_MAX_POOL,
        "the maxima of windows at block size 1",
        (feature_map(block=PIXELS),),
        result("N C P Q", PIXELS),
        (*_KERNEL_SHAPE, *_DILATIONS),
        _POOLED_PIXELS,
        reference="max_pool.reference:jpeg_max_pool",
        kernel="max_pool",
        spatial=_POOLED_PIXELS,
    ),
    Operator(
        "JpegGlobalMaxPool",
        "the maximum of each channel",
        (feature_map(block="input_block", is_compact=True), *inverse()),
        result("N C 1 1", "output_block", is_grouped=False),
        IN_AND_OUT,
        always(f"{PIXELS_OF_X}  y = GlobalMaxPool(spatial)"),
        reference="max_pool.reference:jpeg_global_max_pool",
        kernel="global_max_pool",
        spatial=always(" y = GlobalMaxPool(x)"),
    ),
    Operator(
        SPATIAL_GLOBAL_AVERAGE_POOL,
        "the mean of each channel at block size 1",
        (feature_map(block=PIXELS),),
        result("N C 1 1", PIXELS, is_grouped=False),
        (),
        always(" y = GlobalAveragePool(x)"),
        reference="average_pool.reference:jpeg_global_average_pool",
        kernel="global_average_pool",
        spatial=always(" y = GlobalAveragePool(x)"),
    ),
)

TRUNCATION = Operator(
    TRUNCATE,
    "x with only the frequencies of the band",
    (feature_map(), BAND),
    result(is_compact=True),
    (BLOCK, FREQUENCIES),
    always(" y = Mul(x, band)"),
    reference="truncate.reference:jpeg_truncate",
    kernel="truncate",
    truncates=True,
    spatial=always(" y = Identity(x)"),
)
