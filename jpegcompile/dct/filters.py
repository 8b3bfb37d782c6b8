"""What each pixel of a resized and cropped axis takes of the pixels of an image, in float64.

The definitions are those of the libraries that `preprocessing.steps.Filter` names, without the
rounding of their 8-bit versions. `docs/preprocessing.md` writes them out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

<<<<<<< HEAD
from jpegcompile.dct.blocks import dct_matrix
from jpegcompile.preprocessing.geometry import AxisPlacement
from jpegcompile.preprocessing.steps import DCT_BLOCK
=======
from jpegcompile.dct.resampling.opencv import opencv
from jpegcompile.dct.resampling.pillow import pillow
from jpegcompile.dct.resampling.taps import Resampler, Taps
from jpegcompile.dct.resampling.tensorflow import tensorflow
from jpegcompile.dct.resampling.torchvision import torchvision
from jpegcompile.preprocessing.geometry import AxisPlacement
from jpegcompile.preprocessing.steps import Library
>>>>>>> main

__all__ = ["Taps", "taps_of"]

_RESAMPLERS: Mapping[Library, Resampler] = {
    "pillow": pillow,
    "opencv": opencv,
    "tensorflow": tensorflow,
    "torchvision": torchvision,
}


def taps_of(axis: AxisPlacement) -> Taps:
    """What every output of a placed axis takes of the image."""
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
    if axis.is_flipped:
        places, weights = places[::-1], weights[::-1]
    return Taps(places, weights)
<<<<<<< HEAD


def _triangle(x: Doubles) -> Doubles:
    return np.asarray(np.maximum(1.0 - np.abs(x), 0.0))


def _keys(a: float) -> Callable[[Doubles], Doubles]:
    """Keys' convolution kernel (IEEE Trans. ASSP 29, 1981) with its parameter `a`."""

    def kernel(x: Doubles) -> Doubles:
        x = np.abs(x)
        near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
        far = (((x - 5.0) * x + 8.0) * x - 4.0) * a
        return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))

    return kernel


def _lanczos(x: Doubles) -> Doubles:
    inside = (x >= -3.0) & (x < 3.0)
    return np.where(inside, np.sinc(x) * np.sinc(x / 3.0), 0.0)


def _box(x: Doubles) -> Doubles:
    return np.where((x > -0.5) & (x <= 0.5), 1.0, 0.0)


def _hamming(x: Doubles) -> Doubles:
    x = np.abs(x)
    return np.where(x < 1.0, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0.0)


# Window and its half width, in pixels of the smaller of the two images.
_WINDOWS: Mapping[str, tuple[Callable[[Doubles], Doubles], float]] = {
    "box": (_box, 0.5),
    "bilinear": (_triangle, 1.0),
    "hamming": (_hamming, 1.0),
    "bicubic": (_keys(-0.5), 2.0),
    "lanczos": (_lanczos, 3.0),
}


def _windowed(outputs: NDArray[np.int64], axis: AxisPlacement) -> Taps:
    """Pillow's and torch's antialiased resize: the window grows as the image shrinks."""
    window, support = _WINDOWS[axis.filter.name]
    scale = axis.source / axis.target
    stretch = max(scale, 1.0)
    reach = support * stretch
    centers = (outputs + 0.5) * scale
    first = np.maximum((centers - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centers + reach + 0.5).astype(np.int64), axis.source)
    places = first[:, None] + np.arange(math.ceil(reach) * 2 + 1)
    weights = window((places - centers[:, None] + 0.5) * (1.0 / stretch))
    weights = np.where(places < last[:, None], weights, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(np.minimum(places, axis.source - 1), weights)


def _pillow(outputs: NDArray[np.int64], axis: AxisPlacement) -> Taps:
    if axis.filter.name != "nearest":
        return _windowed(outputs, axis)
    # Pillow adds the scale up, and its rounding decides between two neighbours that are as near.
    scale = axis.source / axis.target
    steps = np.full(axis.target, scale)
    steps[0] *= 0.5
    return _single(np.cumsum(steps)[outputs].astype(np.int64), axis)


def _single(places: NDArray[np.int64], axis: AxisPlacement) -> Taps:
    places = np.clip(places, 0, axis.source - 1)
    return Taps(places[:, None], np.ones((len(places), 1)))


def _interpolated(positions: Doubles, axis: AxisPlacement, kernel: Any, reach: int) -> Taps:
    """Unantialiased: the 2 * reach nearest pixels, edge pixels repeated."""
    below = np.floor(positions).astype(np.int64)
    places = below[:, None] + np.arange(1 - reach, 1 + reach)
    weights = kernel(places - positions[:, None])
    return Taps(np.clip(places, 0, axis.source - 1), weights)


def _half_pixel(outputs: NDArray[np.int64], axis: AxisPlacement) -> Doubles:
    return np.asarray((outputs + 0.5) * (axis.source / axis.target) - 0.5)


def _opencv(outputs: NDArray[np.int64], axis: AxisPlacement) -> Taps:
    name = axis.filter.name
    if name == "nearest":
        return _single(np.floor(outputs * (axis.source / axis.target)).astype(np.int64), axis)
    if name == "area":
        return _areas(outputs, axis)
    kernel, reach = (_triangle, 1) if name == "bilinear" else (_keys(-0.75), 2)
    return _interpolated(_half_pixel(outputs, axis), axis, kernel, reach)


def _areas(outputs: NDArray[np.int64], axis: AxisPlacement) -> Taps:
    """The mean over what an output covers of the image."""
    scale = axis.source / axis.target
    begin, end = outputs * scale, np.minimum((outputs + 1) * scale, axis.source)
    places = np.floor(begin).astype(np.int64)[:, None] + np.arange(math.ceil(scale) + 1)
    covered = np.minimum(end[:, None], places + 1) - np.maximum(begin[:, None], places)
    weights = np.maximum(covered, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(np.minimum(places, axis.source - 1), weights)


def _low_frequencies(outputs: NDArray[np.int64], axis: AxisPlacement) -> Taps:
    """The first m frequencies of every 8 pixels, as m pixels; `axis.target` is m eighths.

    Pixels behind the end repeat the last one. Of luma, which has a sample for each pixel, this is
    the m-point inverse DCT of m x m coefficients of each block.
    """
    kept = DCT_BLOCK * axis.target // axis.source
    low = dct_matrix(kept).T @ dct_matrix(DCT_BLOCK)[:kept]
    places = outputs[:, None] // kept * DCT_BLOCK + np.arange(DCT_BLOCK)
    weights = np.sqrt(kept / DCT_BLOCK) * low[outputs % kept]
    return Taps(np.minimum(places, axis.source - 1), weights)


_RESIZES: Mapping[str, Callable[[NDArray[np.int64], AxisPlacement], Taps]] = {
    "pillow": _pillow,
    "opencv": _opencv,
    "jpegcompile": _low_frequencies,
}
=======
>>>>>>> main
