"""The quantized DCT coefficients of one JPEG file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegcompile.jpeg.frame import ColorSpace, Frame


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Quantized coefficients of one image, exactly as stored in the file.

    Attributes:
        planes: one int16 array [block rows, block columns, 8, 8] per component, in natural
            (row-major, not zigzag) frequency order. The block counts cover the component's true
            size, ceil(image size / sampling divisor), without the padding to whole MCUs.
        quantization: uint16 [components, 8, 8]; quantization table of each component in natural
            order.
        frame: size, sampling, color space and orientation of the file.
        progressive: whether the frame is progressive.
    """

    planes: tuple[NDArray[np.int16], ...]
    quantization: NDArray[np.uint16]
    frame: Frame
    progressive: bool

    @property
    def height(self) -> int:
        """Height of the image in pixels."""
        return self.frame.height

    @property
    def width(self) -> int:
        """Width of the image in pixels."""
        return self.frame.width

    @property
    def sampling(self) -> tuple[tuple[int, int], ...]:
        """(horizontal, vertical) sampling factor of each component."""
        return self.frame.sampling

    @property
    def color_space(self) -> ColorSpace:
        """Color space: "gray", "ycbcr" (JFIF) or "rgb" (Adobe marker or RGB component ids)."""
        return self.frame.color_space

    def component_size(self, index: int) -> tuple[int, int]:
        """True (height, width) of component `index` in samples (T.81, A.1.1)."""
        return self.frame.component_size(index)
