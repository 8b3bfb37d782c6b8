"""All `jpegcompile` operators by name."""

from __future__ import annotations

from collections.abc import Mapping

from jpegcompile.operators.arithmetic import ARITHMETIC
from jpegcompile.operators.casts import CASTS
from jpegcompile.operators.convolution import CONVOLUTIONS
from jpegcompile.operators.definition import Operator, by_name
from jpegcompile.operators.first_convolution import FIRST_CONVOLUTIONS
from jpegcompile.operators.ingest import DECODES, INGESTS, PREPROCESSING
from jpegcompile.operators.normalization import NORMALIZATIONS
from jpegcompile.operators.piecewise import OTHER_POOLS, PIECEWISE, TRUNCATION
from jpegcompile.operators.pixelwise import PIXELWISE
from jpegcompile.operators.rearrangement import REARRANGEMENTS
from jpegcompile.operators.reductions import CHANNEL_REDUCTIONS
from jpegcompile.operators.separable import SEPARABLE
from jpegcompile.operators.transposed import TRANSPOSED

OPERATORS: Mapping[str, Operator] = by_name(
    CASTS,
    DECODES,
    PREPROCESSING,
    INGESTS,
    CONVOLUTIONS,
    FIRST_CONVOLUTIONS,
    TRANSPOSED,
    NORMALIZATIONS,
    PIECEWISE,
    (TRUNCATION,),
    PIXELWISE,
    OTHER_POOLS,
    SEPARABLE,
    ARITHMETIC,
    CHANNEL_REDUCTIONS,
    REARRANGEMENTS,
)
