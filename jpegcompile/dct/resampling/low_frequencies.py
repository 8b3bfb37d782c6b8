"""Shrink an axis by keeping only low frequencies of each block of 8 pixels."""

from __future__ import annotations

import numpy as np

from jpegcompile.dct.blocks import dct_matrix
from jpegcompile.dct.resampling.taps import Outputs, Taps
from jpegcompile.preprocessing.geometry import AxisPlacement
from jpegcompile.preprocessing.steps import DCT_BLOCK


def low_frequencies(outputs: Outputs, axis: AxisPlacement) -> Taps:
    """Return the taps that keep the first m frequencies of every 8 pixels, as m pixels.

    The axis shrinks to m eighths. Pixels after the end repeat the last pixel. For a component that
    is not subsampled, this is the m-point inverse DCT of the first m coefficients of each block.
    """
    kept = DCT_BLOCK * axis.target // axis.source
    low = dct_matrix(kept).T @ dct_matrix(DCT_BLOCK)[:kept]
    places = outputs[:, None] // kept * DCT_BLOCK + np.arange(DCT_BLOCK)
    weights = np.sqrt(kept / DCT_BLOCK) * low[outputs % kept]
    return Taps(np.minimum(places, axis.source - 1), weights)
