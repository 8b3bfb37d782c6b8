"""Fewer frequencies of every block of 8 pixels, as fewer pixels."""

from __future__ import annotations

import numpy as np

from jpegcompile.dct.blocks import dct_matrix
from jpegcompile.dct.resampling.taps import Outputs, Taps
from jpegcompile.preprocessing.geometry import AxisPlacement
from jpegcompile.preprocessing.steps import DCT_BLOCK


def low_frequencies(outputs: Outputs, axis: AxisPlacement) -> Taps:
    """The first m frequencies of every 8 pixels, as m pixels; the axis shrinks to m eighths.

    Pixels behind the end repeat the last one. Of a component that has a sample for each pixel this
    is the m-point inverse DCT of the first m coefficients of each block.
    """
    kept = DCT_BLOCK * axis.target // axis.source
    low = dct_matrix(kept).T @ dct_matrix(DCT_BLOCK)[:kept]
    places = outputs[:, None] // kept * DCT_BLOCK + np.arange(DCT_BLOCK)
    weights = np.sqrt(kept / DCT_BLOCK) * low[outputs % kept]
    return Taps(np.minimum(places, axis.source - 1), weights)
