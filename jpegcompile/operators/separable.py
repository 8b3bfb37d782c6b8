"""Separable linear operators: one matrix for the rows and one for the columns of a map."""

from __future__ import annotations

from jpegcompile.operators.definition import Operand, Operator
from jpegcompile.operators.fragments import IN_AND_OUT, always, feature_map, result

RESIZE = "JpegResize"
_MATRICES = (Operand("rows", "matrix", "P H"), Operand("columns", "matrix", "W Q"))


def _separable(
    name: str, summary: str, reference: str, *, is_grouped: bool = True, kernel: str = "separable"
) -> Operator:
    is_pool = name == "JpegGlobalAveragePool"
    return Operator(
        name,
        summary,
        (feature_map(block="input_block", is_grouped=is_grouped, is_compact=is_pool), *_MATRICES),
        result("N C P Q", "output_block", is_grouped=is_grouped and not is_pool),
        IN_AND_OUT,
        always(" t = MatMul(rows, x)  y = MatMul(t, columns)"),
        reference=reference,
        kernel=kernel,
        raising="separable",
    )


SEPARABLE: tuple[Operator, ...] = (
    _separable(
        "JpegAveragePool", "the means of windows", "average_pool.reference:jpeg_average_pool"
    ),
    _separable(
        "JpegGlobalAveragePool",
        "the mean of each channel",
        "average_pool.reference:jpeg_global_average_pool",
        kernel="global_average_pool",
    ),
    _separable("JpegSlice", "selected rows and columns", "resample.reference:jpeg_slice"),
    _separable(
        "JpegPad", "a map with rows and columns added or removed", "resample.reference:jpeg_pad"
    ),
    _separable(RESIZE, "interpolation to another size", "resample.reference:jpeg_resize"),
    _separable(
        "JpegReduceMean",
        "the means along an axis",
        "reduce.reference:jpeg_reduce_mean",
        is_grouped=False,
    ),
    _separable(
        "JpegReduceSum",
        "the sums along an axis",
        "reduce.reference:jpeg_reduce_sum",
        is_grouped=False,
    ),
)
