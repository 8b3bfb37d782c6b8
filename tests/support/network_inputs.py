"""Image inputs of networks, for tests of what feeds them."""

from __future__ import annotations

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.color import Color
from jpegcompile.jpeg.frame import Frame
from jpegcompile.network_input import NetworkInput


def network_input(frame: Frame, color: Color, affine: ChannelAffine) -> NetworkInput:
    """What takes files of a frame, at their own size."""
    channels = len(affine.scale)
    return NetworkInput("image", channels, *frame.size, "NCHW", color=color, affine=affine)
