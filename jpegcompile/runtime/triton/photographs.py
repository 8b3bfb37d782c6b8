"""Where the input of a network is made of files of any size: on the host, or on the device.

The device needs coefficients, which are sent packed; the host sends float16 numbers. The one of
fewer bytes is sent. Several views of an image are made on the host, where a file is read once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from jpegcompile.dct.color import check_chroma_sampling
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.read import ImageSource
from jpegcompile.network_input import NetworkInput

# Bytes of packed coefficients for one byte of the file. The median of 48 photographs is 1.47; at
# quality 50 it is 1.88, and 1.43 at 90.
PACKED_TO_FILE = 1.5


def is_for_host(sources: Sequence[ImageSource], taken: NetworkInput) -> bool:
    """Whether numbers of the network's input are fewer bytes than packed coefficients of the files.

    Args:
        sources: paths and bytes.
        taken: what the network takes.
    """
    if taken.decoder != "float" or taken.geometry.view_count > 1:
        return True
    tensors = len(sources) * int(np.prod(taken.shape)) * np.dtype(np.float16).itemsize
    return PACKED_TO_FILE * sum(map(_bytes_of, sources)) > tensors


def is_for_device(frame: Frame, taken: NetworkInput) -> bool:
    """Whether the kernel of the ingest takes files of a frame.

    It makes one view, and neither exchanges rows and columns nor fills what is outside of an image.
    """
    if taken.decoder != "float" or taken.geometry.view_count > 1:
        return False
    try:
        placement = taken.geometry.place(frame, taken.size)
        check_chroma_sampling(frame)
    except ImageError:
        return False
    return placement.is_inside and not placement.is_transposed


def _bytes_of(source: ImageSource) -> int:
    """0 for a file that cannot be read, which will say so when it is read."""
    if isinstance(source, bytes | bytearray | memoryview):
        return len(source)
    try:
        return os.path.getsize(source)
    except OSError:
        return 0
