"""The quantised DCT coefficients of one JPEG file, as its entropy-coded segments store them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ColorSpace = Literal["gray", "ycbcr", "rgb"]


def ceil_div(dividend: int, divisor: int) -> int:
    """The quotient of two positive integers, rounded up."""
    return -(-dividend // divisor)


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Quantised coefficients of one image; no transform and no dequantisation has been applied.

    Attributes:
        planes: one int16 array [block rows, block columns, 8, 8] for each component, in natural
            (row-major, not zigzag) frequency order. The block counts cover the component's true
            size, ceil(image size / sampling divisor), not the padding to whole MCUs.
        quantization: uint16 [components, 8, 8], the table of each component, natural order.
        sampling: (horizontal, vertical) sampling factor of each component from the frame header
            (ITU-T T.81, B.2.2: H_i, V_i).
        width, height: image size in pixels.
        color_space: "gray", "ycbcr" (JFIF) or "rgb" (Adobe marker or RGB component ids).
        progressive: whether the frame is progressive.
    """

    planes: tuple[NDArray[np.int16], ...]
    quantization: NDArray[np.uint16]
    sampling: tuple[tuple[int, int], ...]
    width: int
    height: int
    color_space: ColorSpace
    progressive: bool

    def component_size(self, index: int) -> tuple[int, int]:
        """True (height, width) of component `index` in samples (T.81, A.1.1)."""
        horizontal, vertical = self.sampling[index]
        most_horizontal = max(h for h, _ in self.sampling)
        most_vertical = max(v for _, v in self.sampling)
        return (
            ceil_div(self.height * vertical, most_vertical),
            ceil_div(self.width * horizontal, most_horizontal),
        )
