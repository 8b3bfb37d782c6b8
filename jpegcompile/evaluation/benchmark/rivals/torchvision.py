"""A reader with torchvision: decode_jpeg and its resize of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from jpegcompile.evaluation.benchmark.rivals.names import TORCHVISION
from jpegcompile.evaluation.benchmark.rivals.target import Seen, Target, Values


def reader(target: Target) -> Callable[[bytes], Values]:
    """Return a reader that decodes, resizes, crops, and normalizes in place."""
    # The benchmark distributes the images of a batch over threads.
    torch.set_num_threads(1)
    orientation = target.preprocess.geometry.orientation
    mode = ImageReadMode.GRAY if target.color == "L" else ImageReadMode.RGB
    scale, shift = (torch.from_numpy(v)[:, None, None] for v in target.factors)

    def read(file: bytes) -> Values:
        data = torch.frombuffer(bytearray(file), dtype=torch.uint8)
        image: Any = decode_jpeg(data, mode=mode, apply_exif_orientation=orientation)
        height, width = image.shape[1:]
        placement = target.place(height, width)
        rows, columns = placement.rows, placement.columns
        chosen = rows.filter
        if image.shape[1:] != (rows.target, columns.target):
            image = resize(
                image,
                [rows.target, columns.target],
                InterpolationMode[TORCHVISION[chosen.name]],
                antialias=chosen.is_antialiased,
            )
        if target.color == "BGR":
            image = image.flip(0)
        pixels = image.permute(1, 2, 0).numpy()
        return target.each_view(
            lambda view: normalized(view.seen(pixels, view.place(height, width)))
        )

    def normalized(seen: Seen) -> Values:
        if target.taken.layout == "NHWC":
            return target.normalized(seen)
        planes = torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))
        values: Values = planes.to(torch.float32).mul_(scale).add_(shift).numpy()
        return values

    return read
