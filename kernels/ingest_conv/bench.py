"""Time first convolutions of JPEG files by quality: sparse path, dense path, and ONNX Runtime.

    python kernels/ingest_conv/bench.py [IMAGES] [--stem NAME ...] [--quality N ...] [--threads N]
        [--batch N] [--most N] [--rounds N] [--json FILE] [--plot FILE]

The stem "resnet" is a 7x7 convolution of stride 2 from 3 to 64 channels and a ReLU, at 224x224.
Pillow crops the files of the folder IMAGES to squares, resizes them and saves them in 4:2:0 at each
quality. Without a folder, the benchmark makes images with the spectrum of photographs. The clock
starts at the quantized coefficients and stops at 64 maps of 112x112:

    sparse       one native operator, by the coefficients that are not zero
    dense        the same operator, by pixels
    chosen       the same operator, which chooses by the bound of the cost model
    onnxruntime  the native ingest, then Conv and Relu of ONNX Runtime

The benchmark checks all results against the float decode in float64, then times all ways in
interleaved rounds, with inputs and outputs in memory that was allocated before. With one thread it
measures processor time, which other processes disturb less. Times are medians over rounds, and
ratios are medians of the ratios within a round. The table shows means over images.
`jpegcompile.cost.fit_first` reads the record that `--json` writes.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from PIL import Image

from jpegcompile.evaluation.benchmark.input_sets import photograph_like
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import interleaved, timed
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.kernels.conv.bench import session_of
from jpegcompile.kernels.ingest_conv.plot import crossover, draw
from jpegcompile.kernels.ingest_conv.stem import (
    RUNTIME,
    STEMS,
    WAYS,
    Feeds,
    Stem,
    check_equal,
    expected,
    model_of,
)

QUALITIES = (25, 35, 50, 65, 75, 80, 85, 90, 95)
# At this quality and below, the sparse path must be the faster one.
LOW_QUALITY = 50


def pictures(folder: Path | None, most: int, size: int) -> Iterator[tuple[str, Image.Image]]:
    """Yield names and pixels of square images."""
    if folder is None:
        for seed in range(most):
            yield f"made-{seed}", Image.fromarray(photograph_like(size, size, seed))
        return
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpeg", ".jpg"))
    for path in files[:most]:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        side = min(image.size)
        left, top = ((extent - side) // 2 for extent in image.size)
        square = image.crop((left, top, left + side, top + side))
        yield path.name, square.resize((size, size), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, quality: int) -> Coefficients:
    """Return the coefficients of an image that was saved with a quality."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    return read_coefficients(stream.getvalue())


def feeds_of(image: Coefficients, batch: int) -> Feeds:
    """Return the inputs of a batch that repeats one image."""
    one = {
        "luma": image.planes[0][None],
        "chroma": np.stack(image.planes[1:]),
        "quantization": image.quantization,
    }
    return {name: np.stack([array] * batch) for name, array in one.items()}


def bound(session: ort.InferenceSession, feeds: Feeds, shape: tuple[int, ...]) -> Any:
    """Bind the inputs and the output of a session to memory that is allocated here."""
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array))
    result = ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
    binding.bind_ortvalue_output("y", result)
    return binding


def measure(
    stem: Stem, sessions: dict[str, ort.InferenceSession], feeds: Feeds, rounds: int, cpu: bool
) -> dict[str, Any]:
    """Return median seconds an image and ratios to ONNX Runtime, of each way."""
    wanted, count = expected(stem, feeds), len(feeds["luma"])
    bindings = {way: bound(session, feeds, wanted.shape) for way, session in sessions.items()}
    for way, session in sessions.items():
        session.run_with_iobinding(bindings[way])
        check_equal(way, bindings[way].copy_outputs_to_cpu()[0], wanted)
    clock = time.process_time if cpu else time.perf_counter
    runs = {way: partial(s.run_with_iobinding, bindings[way]) for way, s in sessions.items()}
    found = interleaved({way: timed(run, clock) for way, run in runs.items()}, rounds)
    return {
        "luma_nonzeros": int(np.count_nonzero(feeds["luma"])) / count,
        "chroma_nonzeros": int(np.count_nonzero(feeds["chroma"])) / count,
        "seconds": {way: median / count for way, median in found.medians().items()},
        "ratios": found.ratios(RUNTIME),
    }


def measured(name: str, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each quality and image."""
    stem = STEMS[name]
    sessions = {way: session_of(model_of(stem, way), arguments.threads) for way in WAYS}
    images = list(pictures(arguments.images, arguments.most, stem.size))
    for quality in arguments.quality:
        for file, image in images:
            feeds = feeds_of(encoded(image, quality), arguments.batch)
            row = measure(stem, sessions, feeds, arguments.rounds, arguments.threads == 1)
            yield {
                "stem": name,
                "layer": asdict(stem.layer),
                "file": file,
                "quality": quality,
                **row,
            }


def by_quality(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each quality, with means over the images."""
    result = []
    for quality in sorted({row["quality"] for row in rows}):
        of = [row for row in rows if row["quality"] == quality]
        means: dict[str, Any] = {
            name: statistics.fmean(row[name] for row in of)
            for name in ("luma_nonzeros", "chroma_nonzeros")
        }
        for name in ("seconds", "ratios"):
            means[name] = {way: statistics.fmean(row[name][way] for row in of) for way in WAYS}
        result.append({"quality": quality, **means})
    return result


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print milliseconds an image and ratios to ONNX Runtime as a Markdown table."""
    print("| quality | luma + chroma not zero | " + " | ".join(WAYS) + " |")
    print("|---" * (len(WAYS) + 2) + "|")
    for row in by_quality(rows):
        cells = [
            f"{row['seconds'][way] * 1e3:.2f} ms"
            + ("" if way == RUNTIME else f" ({row['ratios'][way]:.2f})")
            for way in WAYS
        ]
        counts = f"{row['luma_nonzeros']:,.0f} + {row['chroma_nonzeros']:,.0f}"
        print(f"| {row['quality']} | {counts} | " + " | ".join(cells) + " |", flush=True)


def print_summary(rows: list[dict[str, Any]]) -> None:
    """Print where the sparse path stops being faster, single images, and what the choice costs."""
    crossing = crossover(by_quality(rows))
    where = "at no measured quality" if crossing is None else f"near quality {crossing:.0f}"
    print(f"\nthe sparse path becomes slower than ONNX Runtime {where}")
    low = [row["ratios"]["sparse"] for row in rows if row["quality"] <= LOW_QUALITY]
    if low:
        print(f"largest ratio of an image at quality {LOW_QUALITY} and below: {max(low):.2f}")
    lost = [
        row["ratios"]["chosen"] / min(row["ratios"][way] for way in ("sparse", "dense"))
        for row in rows
    ]
    print(
        f"time of the chosen path in units of the faster path: mean {statistics.fmean(lost):.2f},"
        f" largest of an image {max(lost):.2f}"
    )


def main() -> None:
    """Check, measure and print the result."""
    parser = parser_for(__doc__, rounds=15)
    parser.add_argument("images", type=Path, nargs="?", help="folder of JPEG files")
    parser.add_argument("--stem", nargs="+", choices=(*STEMS, "all"), default=["resnet"])
    parser.add_argument("--most", type=int, default=8, help="number of images (8)")
    parser.add_argument("--quality", type=int, nargs="+", default=QUALITIES)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="SVG or PNG file for a plot of the first stem")
    arguments = parser.parse_args()
    stems = list(STEMS) if "all" in arguments.stem else arguments.stem
    rows = []
    for name in stems:
        of_stem = list(measured(name, arguments))
        rows += of_stem
        print(f"\n{name}, {arguments.threads} thread(s), batch {arguments.batch}:\n")
        print_table(of_stem)
        print_summary(of_stem)
        if arguments.plot is not None and name == stems[0]:
            draw(by_quality(of_stem), arguments.plot)
    if arguments.json:
        settings = {name: getattr(arguments, name) for name in ("threads", "batch", "rounds")}
        Record("first_convolution", rows, settings).write(arguments.json)


if __name__ == "__main__":
    main()
