"""Small images that tests make themselves."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image


def make_jpeg(width: int, height: int, mode: str = "RGB", **options: Any) -> bytes:
    """A photograph-like JPEG: smooth shapes and some noise."""
    rows, columns = np.mgrid[:height, :width]
    noise = np.random.default_rng(7).normal(0, 8, (height, width, 3))
    waves = [100 * np.sin(rows / a + columns / b) for a, b in ((9, 5), (4, 17), (23, 11))]
    pixels = np.clip(128 + np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()
