"""Weights of an image's pixels in each pixel of a resized and cropped axis, in float64.

The definitions are from the libraries in `preprocessing.steps.Filter`, without the rounding of
their 8-bit versions. See `docs/preprocessing.md`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jpegcompile.dct.resampling.low_frequencies import low_frequencies
from jpegcompile.dct.resampling.onnxruntime import onnxruntime
from jpegcompile.dct.resampling.opencv import opencv
from jpegcompile.dct.resampling.pillow import pillow
from jpegcompile.dct.resampling.taps import Resampler, Taps
from jpegcompile.dct.resampling.tensorflow import tensorflow
from jpegcompile.dct.resampling.torchvision import torchvision
from jpegcompile.preprocessing.geometry import AxisPlacement
from jpegcompile.preprocessing.steps import Library

__all__ = ["Taps", "taps_of"]

_RESAMPLERS: Mapping[Library, Resampler] = {
    "pillow": pillow,
    "opencv": opencv,
    "tensorflow": tensorflow,
    "torchvision": torchvision,
    "onnxruntime": onnxruntime,
    "jpegcompile": low_frequencies,
}


def taps_of(axis: AxisPlacement) -> Taps:
    """Return the taps of every output of a placed axis."""
    outputs = axis.start + np.arange(axis.length)
    is_inside = (outputs >= 0) & (outputs < axis.target)
    shown = np.clip(outputs, 0, axis.target - 1)
    if axis.source == axis.target:
        taps = Taps(shown[:, None], np.ones((len(shown), 1)))
    else:
        taps = _RESAMPLERS[axis.filter.library](shown, axis)
    places, weights = taps.places, np.where(is_inside[:, None], taps.weights, 0.0)
    if axis.is_mirrored:
        places = axis.source - 1 - places
    places = places + axis.offset
    if axis.is_flipped:
        places, weights = places[::-1], weights[::-1]
    return Taps(places, weights)
