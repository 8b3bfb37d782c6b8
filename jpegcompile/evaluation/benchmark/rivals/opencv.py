"""Decode with simplejpeg, resize and normalize with OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import simplejpeg

from jpegcompile.evaluation.benchmark.rivals.names import OPENCV
from jpegcompile.evaluation.benchmark.rivals.target import Seen, Target, Values

_COLORS = {"RGB": "RGB", "BGR": "BGR", "L": "GRAY"}


def reader(target: Target) -> Callable[[bytes], Values]:
    """Return a reader that decodes, resizes, crops, and normalizes in two passes."""
    # The benchmark distributes the images of a batch over threads.
    cv2.setNumThreads(1)
    color = _COLORS[target.color]

    def read(file: bytes) -> Values:
        pixels: Any = simplejpeg.decode_jpeg(file, colorspace=color)
        height, width, channels = pixels.shape
        placement = target.place(height, width)
        rows, columns = placement.rows, placement.columns
        if (height, width) != (rows.target, columns.target):
            flag = getattr(cv2, OPENCV[rows.filter.name])
            resized = cv2.resize(pixels, (columns.target, rows.target), interpolation=flag)
            pixels = resized.reshape(rows.target, columns.target, channels)
        return target.each_view(
            lambda view: normalized(view.seen(pixels, view.place(height, width)))
        )

    def normalized(seen: Seen) -> Values:
        if target.taken.layout == "NHWC":
            return target.normalized(seen)
        return _planes(np.ascontiguousarray(seen), *target.factors)

    return read


def _planes(seen: Seen, scale: Values, shift: Values) -> Values:
    """Return normalized planes [C, H, W] of pixels [H, W, C]; NumPy takes 1.7 times as long."""
    values = np.empty((seen.shape[2], *seen.shape[:2]), np.float32)
    for plane, out, factor, offset in zip(cv2.split(seen), values, scale, shift, strict=True):
        cv2.addWeighted(plane, float(factor), plane, 0, float(offset), dst=out, dtype=cv2.CV_32F)
    return values
