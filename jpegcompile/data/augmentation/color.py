"""Random changes of color: affine maps of the channels of an image.

torchvision's definitions (transforms/functional.py: adjust_brightness, adjust_contrast and
adjust_saturation), in real arithmetic and without clamping. The order is random, as there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegcompile.data.augmentation.draws import Draws, between
from jpegcompile.data.augmentation.record import Augmentation
from jpegcompile.dct.color import Color, mixing_matrix

Doubles = NDArray[np.float64]

# torchvision's rgb_to_grayscale.
_LUMA = np.array([0.2989, 0.587, 0.114])
_STEPS = ("brightness", "contrast", "saturation", "hue")


@dataclass(frozen=True)
class ColorChange:
    """A random change of color.

    Attributes:
        steps: (name, factor) of every step in its order; of "hue", the angle in radians.
    """

    steps: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, augmentation: Augmentation, draws: Draws) -> ColorChange:
        """Return the change of an image.

        Args:
            augmentation: ranges of the factors.
            draws: random numbers of the image.
        """
        factors, places = draws.uniform("color", 4), draws.uniform("color order", 4)
        steps = []
        for _, number, name in sorted(zip(places, factors, _STEPS, strict=True)):
            most = getattr(augmentation, name)
            if not most:
                continue
            if name == "hue":
                steps.append((name, 2 * math.pi * between(number, -most, most)))
            else:
                steps.append((name, between(number, max(0.0, 1 - most), 1 + most)))
        return cls(tuple(steps))

    def affine(self, color: Color, mean: Doubles) -> tuple[Doubles, Doubles]:
        """Return the change as channels -> matrix @ channels + shift.

        Args:
            color: channels, in their order.
            mean: mean of each channel over what the network sees, on the 0..255 scale. Only changes
                of contrast depend on it.

        Returns:
            [channels, channels] and [channels].
        """
        matrix, shift, of_mean = self.parts(color)
        return matrix, shift + of_mean @ mean

    def parts(self, color: Color) -> tuple[Doubles, Doubles, Doubles]:
        """Return the change as channels -> matrix @ channels + shift + of_mean @ mean.

        Args:
            color: channels, in their order.

        Returns:
            [channels, channels], [channels] and [channels, channels].
        """
        turned = slice(None, None, -1 if color == "BGR" else 1)
        channels = 1 if color == "L" else 3
        luma = np.ones(1) if color == "L" else _LUMA
        # `shift` has a column for the constant, and one for the mean of each channel.
        matrix, shift = np.eye(channels), np.zeros((channels, 1 + channels))
        for name, factor in self.steps:
            if name == "brightness":
                matrix, shift = factor * matrix, factor * shift
            elif name == "contrast":
                middle = luma @ (shift + np.pad(matrix, ((0, 0), (1, 0))))
                matrix, shift = factor * matrix, factor * shift + (1 - factor) * middle
            elif color != "L":
                step = _saturated(factor) if name == "saturation" else _turned(factor)
                matrix, shift = step @ matrix, step @ shift
        return matrix[turned, turned], shift[turned, 0], shift[turned, 1:][:, turned]


def _saturated(factor: float) -> Doubles:
    return factor * np.eye(3) + (1 - factor) * np.outer(np.ones(3), _LUMA)


def _turned(angle: float) -> Doubles:
    """Return the rotation of (Cb, Cr) by an angle, as a map of RGB."""
    to_rgb = mixing_matrix("ycbcr", "RGB")
    cosine, sine = math.cos(angle), math.sin(angle)
    rotation = np.array([[1.0, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    return np.asarray(to_rgb @ rotation @ np.linalg.inv(to_rgb))
