"""Time the way from JPEG files to a network's input, natively and with other libraries.

    python kernels/preprocess/bench.py DIR [--rounds N] [--json FILE] [--least-side N]

Each pipeline applies the preset `imagenet` (short side 256, bilinear, crop 224, normalized, float32
NCHW) to the bytes of every JPEG file of a folder, on one thread. The benchmark checks the native
tensors against the reference in float64, and the others loosely. Then it times all pipelines in
interleaved rounds, file by file, in processor time of the thread.

The contract for the time of the native pipeline: at most 0.17 of Pillow, 0.32 of Pillow with draft
on files of 512 pixels and more, 0.45 of simplejpeg with INTER_LINEAR, and 0.55 of the decoding of
libjpeg-turbo in C alone.
"""

from __future__ import annotations

import ctypes
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jpegcompile.dct.ingest import ingest
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rivals.pillow import simple_reader
from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.evaluation.benchmark.rounds import interleaved, timed
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.runtime.preprocessor import Preprocessor

Floats = NDArray[np.float32]
Pipeline = Callable[[bytes], Any]

C_SOURCE = Path(__file__).with_name("bench_decode.c")
SHORT_SIDE, CROP = 256, 224
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
SCALE: Floats = np.float32(1 / 255) / STD
SHIFT: Floats = -MEAN / STD

IMAGE = NetworkInput("image", 3, CROP, CROP, "NCHW")

NATIVE, COEFFICIENTS = "native, to pixels", "coefficients alone"
SCALED = "native, scaled decoding"
# Largest ratio of the native pipeline's time to a rival's time.
CONTRACT = {
    "Pillow": 0.17,
    "Pillow with draft": 0.32,
    "simplejpeg and INTER_LINEAR": 0.45,
    "libjpeg-turbo, to RGB alone": 0.55,
}
# Largest mean difference from the reference. Scaled decoding drops frequencies, and 8-bit pipelines
# round pixels.
LOOSELY = {SCALED: 0.005, "Pillow": 0.1, "Pillow with box": 0.1, "simplejpeg and INTER_AREA": 0.5}


def resized_size(width: int, height: int) -> tuple[int, int]:
    """Return the (width, height) of the image after the preset's resize."""
    if width <= height:
        return SHORT_SIDE, int(SHORT_SIDE * height / width)
    return int(SHORT_SIDE * width / height), SHORT_SIDE


def corner(width: int, height: int) -> tuple[int, int]:
    """Return the (left, top) corner of the crop."""
    return round((width - CROP) / 2), round((height - CROP) / 2)


def normalized(pixels: NDArray[np.uint8]) -> Floats:
    """Return [1, 3, H, W] with the fewest passes over memory that NumPy allows."""
    values = pixels.transpose(2, 0, 1).astype(np.float32, order="C")
    values *= SCALE[:, None, None]
    values += SHIFT[:, None, None]
    return values[None]


def pillow_draft(data: bytes) -> Floats:
    """Decode at a reduced scale where that is enough, then resize as a whole."""
    file = Image.open(io.BytesIO(data))
    size = resized_size(*file.size)
    file.draft("RGB", size)
    image = file.convert("RGB").resize(size, Image.Resampling.BILINEAR)
    left, top = corner(*size)
    cropped = image.crop((left, top, left + CROP, top + CROP))
    values: Any = np.asarray(cropped, np.float32) / 255
    values = (values - MEAN) / STD
    tensor: Floats = np.ascontiguousarray(values.transpose(2, 0, 1))[None]
    return tensor


def pillow() -> Pipeline:
    """Return Pillow's pipeline as people write it, the rival `pillow` of `jpegcompile bench`."""
    read = simple_reader(Target(IMAGE, PRESETS["imagenet"]))
    return lambda data: read(data)[None]


def pillow_box(data: bytes) -> Floats:
    """Resize the crop alone, and normalize in few passes: the fastest way with Pillow."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = resized_size(*image.size)
    left, top = corner(width, height)
    across, down = image.width / width, image.height / height
    box = (left * across, top * down, (left + CROP) * across, (top + CROP) * down)
    return normalized(np.asarray(image.resize((CROP, CROP), Image.Resampling.BILINEAR, box=box)))


def simplejpeg_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines of simplejpeg and OpenCV, if both are installed."""
    try:
        cv2, simplejpeg = import_module("cv2"), import_module("simplejpeg")
    except ImportError as error:
        print(f"left out: {error.name} is not installed", file=sys.stderr)
        return {}
    cv2.setNumThreads(1)

    def resized(data: bytes, interpolation: int) -> Floats:
        pixels = simplejpeg.decode_jpeg(data, "RGB")
        size = resized_size(pixels.shape[1], pixels.shape[0])
        left, top = corner(*size)
        pixels = cv2.resize(pixels, size, interpolation=interpolation)
        return normalized(pixels[top : top + CROP, left : left + CROP])

    return {
        "simplejpeg and INTER_LINEAR": lambda data: resized(data, cv2.INTER_LINEAR),
        "simplejpeg and INTER_AREA": lambda data: resized(data, cv2.INTER_AREA),
    }


@contextmanager
def libjpeg_decode() -> Iterator[Pipeline]:
    """Yield the decoding to RGB in C, built with `cc` and the libjpeg of the system."""
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/bench_decode.so"
        compiler = os.environ.get("CC", "cc")
        subprocess.run(
            [compiler, "-O2", "-shared", "-fPIC", str(C_SOURCE), "-o", library, "-ljpeg"],
            check=True,
        )
        decode = ctypes.CDLL(library).decode_to_rgb
        decode.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        decode.restype = ctypes.c_long
        yield lambda data: decode(data, len(data))


def scaled_decoding() -> Preprocess:
    """Return the preset with scaled decoding."""
    geometry = PRESETS["imagenet"].geometry
    assert geometry.resize is not None
    resize = replace(geometry.resize, scaled_decoding=True)
    return replace(PRESETS["imagenet"], geometry=replace(geometry, resize=resize))


def native(block: int, preprocess: Preprocess = PRESETS["imagenet"]) -> Pipeline:
    """Return the native preprocessor, which writes to memory that is allocated here."""
    preprocessor = Preprocessor(IMAGE.normalized(preprocess), block, threads=1)
    out = np.empty((1, *preprocessor.shape), np.float32)

    def pipeline(data: bytes) -> Floats:
        batch = preprocessor.read([data], out)
        assert not batch.errors, batch.errors
        return batch.tensor

    return pipeline


def check(files: Mapping[str, bytes], pipelines: Mapping[str, Pipeline]) -> None:
    """Compare the tensors of the pipelines with the reference.

    Raises:
        AssertionError: if a tensor differs; the message names the file.
    """
    taken = IMAGE.normalized(PRESETS["imagenet"])
    for name, data in files.items():
        expected = ingest(read_coefficients(data), taken, 1)
        error = np.abs(pipelines[NATIVE](data)[0] - expected).max()
        assert error <= 5e-6, f"{name}: the native tensor differs by {error:.2g}"
        for rival, limit in LOOSELY.items():
            if rival in pipelines:
                error = np.abs(pipelines[rival](data)[0] - expected).mean()
                assert error <= limit, f"{name}: {rival} differs by {error:.2g} on average"


def measure(
    files: Mapping[str, bytes], pipelines: Mapping[str, Pipeline], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of every pipeline for every file, medians of the rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in pipelines}
    for data in files.values():
        runs = {
            name: timed(partial(run, data), time.thread_time) for name, run in pipelines.items()
        }
        for name, median in interleaved(runs, rounds).medians().items():
            seconds[name].append(median)
    return seconds


def report(seconds: Mapping[str, list[float]]) -> list[dict[str, Any]]:
    """Return a row for every pipeline: its time, and the native time as a fraction of it."""
    own = np.array(seconds[NATIVE])
    lines = []
    for name, times in seconds.items():
        ratios = own / np.array(times)
        lines.append(
            {
                "pipeline": name,
                "median_ms": float(np.median(times) * 1e3),
                "native_of_it": float(own.sum() / np.sum(times)),
                "native_of_it_median": float(np.median(ratios)),
                "contract": CONTRACT.get(name),
            }
        )
    return lines


def main() -> None:
    """Check, measure and print."""
    parser = parser_for(__doc__, rounds=9)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of JPEG files")
    parser.add_argument("--least-side", type=int, default=1, help="skip files with a smaller side")
    options = parser.parse_args()
    files = {}
    for path in sorted(options.folder.iterdir()):
        if path.suffix.lower() in (".jpg", ".jpeg"):
            with Image.open(path) as image:
                if min(image.size) >= options.least_side:
                    files[path.name] = path.read_bytes()
    with libjpeg_decode() as decode:
        pipelines: dict[str, Pipeline] = {
            NATIVE: native(1),
            "native, to 8x8 blocks": native(8),
            SCALED: native(1, scaled_decoding()),
            COEFFICIENTS: read_coefficients,
            "Pillow": pillow(),
            "Pillow with draft": pillow_draft,
            "Pillow with box": pillow_box,
            **simplejpeg_pipelines(),
            "libjpeg-turbo, to RGB alone": decode,
        }
        check(files, pipelines)
        lines = report(measure(files, pipelines, options.rounds))
    if options.json:
        settings = {"files": len(files), "rounds": options.rounds}
        Record("preprocess", lines, settings).write(options.json)
    print(f"{len(files)} files, {options.rounds} rounds; native / pipeline: sums, median, contract")
    for line in lines:
        contract = "" if line["contract"] is None else f"{line['contract']:.2f}"
        print(
            f"{line['pipeline']:30}{line['median_ms']:8.3f} ms{line['native_of_it']:8.3f}"
            f"{line['native_of_it_median']:8.3f}  {contract}"
        )


if __name__ == "__main__":
    main()
