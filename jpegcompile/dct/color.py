"""Linear color transforms from the components of a file to the channels of a model's input."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import ImageError
from jpegcompile.jpeg.frame import ColorSpace, Frame
from jpegcompile.messages import Message

Color = Literal["RGB", "BGR", "L"]

# JFIF 1.02, page 3: columns Y, Cb - 128, Cr - 128; rows R, G, B.
_YCBCR_TO_RGB = np.array([[1.0, 0.0, 1.402], [1.0, -0.344136286, -0.714136286], [1.0, 1.772, 0.0]])
# Luma of an RGB-coded file (ITU-R BT.601), for models with one channel.
_RGB_TO_LUMA = np.array([[0.299, 0.587, 0.114]])


def mixing_matrix(source: ColorSpace, wanted: Color) -> NDArray[np.float64]:
    """Return the color transform [channels, components].

    Components and channels are relative to 128, so the level 128 of gray is zero on both sides.

    Args:
        source: color space of the file.
        wanted: color of the result.
    """
    if source == "gray":
        to_rgb = np.ones((3, 1))
        luma = np.ones((1, 1))
    elif source == "ycbcr":
        to_rgb = _YCBCR_TO_RGB
        luma = np.array([[1.0, 0.0, 0.0]])
    else:
        to_rgb = np.eye(3)
        luma = _RGB_TO_LUMA
    if wanted == "L":
        return luma
    return to_rgb if wanted == "RGB" else to_rgb[::-1].copy()


def check_chroma_sampling(frame: Frame) -> None:
    """Raise an error if the two chroma components are sampled differently.

    Args:
        frame: frame of the file.

    Raises:
        ImageError: if components 1 and 2 of a YCbCr file have different sampling factors.
    """
    if frame.color_space == "ycbcr" and frame.sampling[1] != frame.sampling[2]:
        first, second = ("x".join(map(str, factors)) for factors in frame.sampling[1:])
        raise ImageError(
            Message(
                "chroma-sampled-differently",
                f"Cb and Cr are sampled differently ({first} and {second});"
                " save the image with one chroma sampling",
            )
        )
