"""Time the integer decode, which computes the exact pixels of Pillow, against Pillow.

    python kernels/preprocess/integer/bench.py FOLDER [--rounds N] [--json FILE]

Each way applies the preset "imagenet" to the bytes of photographs: short side 256, bilinear, center
crop of 224 x 224, normalized by mean and standard deviation, float32 [1, 3, 224, 224]. The
benchmark checks that the pixels are equal, then times all ways in interleaved rounds, file by file.
It measures processor time of the thread, which other processes disturb less. "entropy decoding" is
the part of "integers" that libjpeg does: reading coefficients into memory.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegcompile import _core
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rivals.pillow import simple_reader
from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.evaluation.benchmark.rounds import interleaved, timed
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import Placement
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.reading import preprocess_of

SIDE, CROP = 256, 224
PILLOW = "Pillow"
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
FACTORS = (1 / (255 * DEVIATION))[:, None, None]
OFFSETS = (-MEAN / DEVIATION)[:, None, None]

Tensor = NDArray[np.float32]


def pillow_pixels(data: bytes) -> Image.Image:
    """Resize and crop with Pillow, as Resize and CenterCrop of torchvision do."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = image.size
    short = min(width, height)
    width, height = int(SIDE * width / short), int(SIDE * height / short)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - CROP) / 2.0), round((height - CROP) / 2.0)
    return image.crop((left, top, left + CROP, top + CROP))


def integer_tensor(data: bytes, placement: Placement) -> Tensor:
    """Return the network's input from coefficients, by the integer decode."""
    pixels = _core.decode_integers(data, placement, "RGB", (0, 0, 0)).astype(np.float32)
    pixels *= FACTORS
    pixels += OFFSETS
    return pixels[None]


def ways_of(data: bytes) -> dict[str, Callable[[], Any]]:
    """Return the ways to read one file, after a check that their pixels are equal.

    Raises:
        AssertionError: if pixels differ.
    """
    preprocess = preprocess_of(PRESETS["imagenet"])
    read = simple_reader(Target(NetworkInput("image", 3, CROP, CROP, "NCHW"), preprocess))
    placement = preprocess.geometry.place(read_coefficients(data).frame, (CROP, CROP))
    pixels = _core.decode_integers(data, placement, "RGB", (0, 0, 0))
    expected = np.asarray(pillow_pixels(data)).transpose(2, 0, 1)
    np.testing.assert_array_equal(pixels, expected)
    return {
        PILLOW: lambda: read(data),
        "integers": lambda: integer_tensor(data, placement),
        "entropy decoding": lambda: _core.read_coefficients_many([data], 1, False, 1 << 40),
    }


def measured(files: list[bytes], rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each way for each file, medians of all rounds."""
    times: dict[str, list[float]] = {}
    for data in files:
        ways = {name: timed(run, time.thread_time) for name, run in ways_of(data).items()}
        for name, median in interleaved(ways, rounds).medians().items():
            times.setdefault(name, []).append(1e3 * median)
    return times


def main() -> None:
    """Check, measure and print the result."""
    parser = parser_for(__doc__, rounds=15)
    parser.add_argument("folder", type=Path, help="folder of JPEG files")
    options = parser.parse_args()
    files = [path.read_bytes() for path in sorted(options.folder.iterdir())]
    times = measured(files, options.rounds)
    whole = sum(times[PILLOW])
    rows = [
        {"way": name, "median_ms": statistics.median(values), "of_pillow": sum(values) / whole}
        for name, values in times.items()
    ]
    if options.json:
        settings = {"files": len(files), "rounds": options.rounds}
        Record("preprocess_integer", rows, settings).write(options.json)
    print(f"{len(files)} files; median ms, and the ratio of the sum to Pillow's")
    for row in rows:
        print(f"{row['way']:>18} {row['median_ms']:8.3f} {row['of_pillow']:8.3f}")


if __name__ == "__main__":
    main()
