"""How long the very integers of Pillow take, from the bytes of photographs to a normalised tensor.

    python kernels/preprocess/integer/bench.py FOLDER [--rounds N] [--json]

Every way is that of the preset "imagenet": short side 256, bilinear, the middle 224 x 224,
normalised by mean and standard deviation, float32 [1, 3, 224, 224]. The pixels are checked to be
the same first; then all ways take turns at each file, and the processor time of the thread is
taken, which other processes disturb less. "entropy decoding" is a part of "integers": libjpeg's, to
coefficients in memory.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegcompile import _core
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.preprocessing.geometry import Placement
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.reading import preprocess_of

SIDE, CROP = 256, 224
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
FACTORS = (1 / (255 * DEVIATION))[:, None, None]
OFFSETS = (-MEAN / DEVIATION)[:, None, None]

Tensor = NDArray[np.float32]


def pillow_pixels(data: bytes) -> Image.Image:
    """What torchvision's Resize and CenterCrop do, as people write it."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = image.size
    short = min(width, height)
    width, height = int(SIDE * width / short), int(SIDE * height / short)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - CROP) / 2.0), round((height - CROP) / 2.0)
    return image.crop((left, top, left + CROP, top + CROP))


def pillow_tensor(data: bytes) -> Tensor:
    """As people write it."""
    pixels = np.asarray(pillow_pixels(data), np.float32) / 255
    return np.ascontiguousarray(((pixels - MEAN) / DEVIATION).transpose(2, 0, 1)[None])


def integer_tensor(data: bytes, placement: Placement) -> Tensor:
    """The same from coefficients."""
    pixels = _core.decode_integers(data, placement, "RGB", (0, 0, 0)).astype(np.float32)
    pixels *= FACTORS
    pixels += OFFSETS
    return pixels[None]


def ways_of(data: bytes) -> dict[str, Callable[[], Any]]:
    """What is measured on one file."""
    geometry = preprocess_of(PRESETS["imagenet"]).geometry
    placement = geometry.place(read_coefficients(data).frame, (CROP, CROP))
    pixels = _core.decode_integers(data, placement, "RGB", (0, 0, 0))
    expected = np.asarray(pillow_pixels(data)).transpose(2, 0, 1)
    np.testing.assert_array_equal(pixels, expected)
    return {
        "Pillow": lambda: pillow_tensor(data),
        "integers": lambda: integer_tensor(data, placement),
        "entropy decoding": lambda: _core.read_coefficients_many([data], 1, False, 1 << 40),
    }


def measured(files: list[bytes], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each way for each file, the medians of all rounds."""
    times: dict[str, list[float]] = {}
    for data in files:
        ways = ways_of(data)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, run in ways.items():
                begin = time.thread_time()
                run()
                taken[name].append((time.thread_time() - begin) * 1e3)
        for name, values in taken.items():
            times.setdefault(name, []).append(statistics.median(values))
    return times


def main() -> None:
    """Measure a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    files = [path.read_bytes() for path in sorted(options.folder.iterdir())]
    times = measured(files, options.rounds)
    whole = sum(times["Pillow"])
    rows = [
        {"way": name, "median_ms": statistics.median(values), "of_pillow": sum(values) / whole}
        for name, values in times.items()
    ]
    if options.json:
        print(json.dumps(rows))
        return
    print(f"{len(files)} files; median ms, and the sum against Pillow's")
    for row in rows:
        print(f"{row['way']:>18} {row['median_ms']:8.3f} {row['of_pillow']:8.3f}")


if __name__ == "__main__":
    main()
