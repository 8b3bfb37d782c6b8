"""Resize kernels: the weight of a pixel as a function of its distance from an output."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Kernel = Callable[[Doubles], Doubles]


def triangle(x: Doubles) -> Doubles:
    """Compute weights of linear interpolation."""
    return np.asarray(np.maximum(1.0 - np.abs(x), 0.0))


def keys(a: float) -> Kernel:
    """Return Keys' convolution kernel (IEEE Trans. ASSP 29, 1981) with parameter `a`."""

    def kernel(x: Doubles) -> Doubles:
        x = np.abs(x)
        near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
        far = (((x - 5.0) * x + 8.0) * x - 4.0) * a
        return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))

    return kernel


def lanczos(lobes: int) -> Kernel:
    """Return the Lanczos kernel, a sinc in a window; the weights do not always sum to 1."""

    def kernel(x: Doubles) -> Doubles:
        is_inside = (x >= -lobes) & (x < lobes)
        return np.where(is_inside, np.sinc(x) * np.sinc(x / lobes), 0.0)

    return kernel


def box(x: Doubles) -> Doubles:
    """Compute weights of the mean over the pixels that an output covers."""
    return np.where((x > -0.5) & (x <= 0.5), 1.0, 0.0)


def hamming(x: Doubles) -> Doubles:
    """Compute weights of a sinc in a Hamming window."""
    x = np.abs(x)
    return np.where(x < 1.0, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0.0)
