"""Decide where files of any size are preprocessed: on the host or on the device.

For preprocessing on the device, packed coefficients are sent; for preprocessing on the host, pixels
of two bytes per channel. The smaller number of bytes decides. Several views of an image are
computed on the host, which reads each file once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from jpegcompile.dct.color import check_chroma_sampling
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.read import ImageSource
from jpegcompile.network_input import NetworkInput

# Bytes of packed coefficients per byte of the file. The median of 48 photographs is 1.47; it is
# 1.88 at quality 50 and 1.43 at quality 90.
PACKED_TO_FILE = 1.5


def is_for_host(sources: Sequence[ImageSource], taken: NetworkInput) -> bool:
    """Whether preprocessing on the host sends fewer bytes than packed coefficients.

    Args:
        sources: paths and bytes.
        taken: image input of the network.
    """
    if taken.decoder != "float" or taken.geometry.view_count > 1:
        return True
    tensors = len(sources) * int(np.prod(taken.shape)) * np.dtype(np.float16).itemsize
    return PACKED_TO_FILE * sum(map(_bytes_of, sources)) > tensors


def is_for_device(frame: Frame, taken: NetworkInput) -> bool:
    """Whether the ingest kernel supports files of a frame.

    The kernel computes one view. It supports neither transposed images nor a fill.

    Args:
        frame: frame of the files.
        taken: image input of the network.
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
    """Return the size of a source; 0 if it cannot be read, which is reported when it is read."""
    if isinstance(source, PackedImage):
        return len(source.record)
    if isinstance(source, bytes | bytearray | memoryview):
        return len(source)
    try:
        return os.path.getsize(source)
    except OSError:
        return 0
