"""How fast first convolutions run on JPEG files, by quality: sparse, dense, and in ONNX Runtime.

    python kernels/ingest_conv/bench.py [IMAGES] [--stem NAME ...] [--quality N ...] [--threads N]
        [--batch N] [--most N] [--rounds N] [--json] [--plot FILE]

The stem "resnet" is a 7x7 convolution of stride 2 from 3 to 64 channels and a ReLU, at 224x224. The
files of the folder IMAGES are cropped to squares, resized and saved by Pillow at each quality, in
4:2:0; without a folder images are made, of a photograph's spectrum. What is timed begins at the
quantised coefficients and ends at 64 maps of 112x112:

    sparse       one native operator, by the coefficients that are not zero
    dense        the same operator, by pixels
    chosen       the same operator, left to choose by the cost model's bound
    onnxruntime  the native ingest, then ONNX Runtime's own Conv and Relu

Results are checked against the float decode in float64 first; then all ways run in turn, with
inputs and outputs in memory that is there already. With one thread the processor time of the
process is taken, which other processes disturb less. Times are medians over rounds, ratios medians
of the rounds' ratios; of both the means over images are printed. `--json` is what
`jpegcompile.cost.fit_first` takes.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from PIL import Image

from jpegcompile.evaluation.benchmark.input_sets import photograph_like
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.kernels.conv.bench import machine, session_of
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
# At this and below, the sparse way has to be the faster one.
LOW_QUALITY = 50


def pictures(folder: Path | None, most: int, size: int) -> Iterator[tuple[str, Image.Image]]:
    """Names and pixels of square images of a size."""
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
    """An image as a file of that quality holds it."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    return read_coefficients(stream.getvalue())


def feeds_of(image: Coefficients, batch: int) -> Feeds:
    """The inputs of a batch of the same image."""
    one = {
        "luma": image.planes[0][None],
        "chroma": np.stack(image.planes[1:]),
        "quantization": image.quantization,
    }
    return {name: np.stack([array] * batch) for name, array in one.items()}


def bound(session: ort.InferenceSession, feeds: Feeds, shape: tuple[int, ...]) -> Any:
    """A run of a session whose inputs and output are in memory that is there already."""
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array))
    result = ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
    binding.bind_ortvalue_output("y", result)
    return binding


def measure(
    stem: Stem, sessions: dict[str, ort.InferenceSession], feeds: Feeds, rounds: int, cpu: bool
) -> dict[str, Any]:
    """Median seconds an image, and ratios to ONNX Runtime, by each way."""
    wanted, count = expected(stem, feeds), len(feeds["luma"])
    bindings = {way: bound(session, feeds, wanted.shape) for way, session in sessions.items()}
    for way, session in sessions.items():
        session.run_with_iobinding(bindings[way])
        check_equal(way, bindings[way].copy_outputs_to_cpu()[0], wanted)
    clock = time.process_time if cpu else time.perf_counter
    times: dict[str, list[float]] = {way: [] for way in sessions}
    for _ in range(rounds):
        for way, session in sessions.items():
            start = clock()
            session.run_with_iobinding(bindings[way])
            times[way].append((clock() - start) / count)
    return {
        "luma_nonzeros": int(np.count_nonzero(feeds["luma"])) / count,
        "chroma_nonzeros": int(np.count_nonzero(feeds["chroma"])) / count,
        "seconds": {way: statistics.median(values) for way, values in times.items()},
        "ratios": {
            way: statistics.median(np.divide(values, times[RUNTIME]).tolist())
            for way, values in times.items()
        },
    }


def measured(name: str, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each quality and image."""
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
    """Means over the images of a quality."""
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
    """Milliseconds an image, and ratios to ONNX Runtime, as a Markdown table."""
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
    """Where the sparse way stops being the faster one, single images, and what the choice costs."""
    crossing = crossover(by_quality(rows))
    where = "at none of these qualities" if crossing is None else f"near quality {crossing:.0f}"
    print(f"\nsparse crosses ONNX Runtime {where}")
    low = [row["ratios"]["sparse"] for row in rows if row["quality"] <= LOW_QUALITY]
    if low:
        print(f"at quality {LOW_QUALITY} and below it takes at most {max(low):.2f}, of any image")
    lost = [
        row["ratios"]["chosen"] / min(row["ratios"][way] for way in ("sparse", "dense"))
        for row in rows
    ]
    print(
        f"what is chosen takes {statistics.fmean(lost):.2f} of the faster way on average and at"
        f" most {max(lost):.2f}, of any image"
    )


def main() -> None:
    """Check, measure and print the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", type=Path, nargs="?", help="folder of JPEG files")
    parser.add_argument("--stem", nargs="+", choices=(*STEMS, "all"), default=["resnet"])
    parser.add_argument("--most", type=int, default=8, help="so many images are taken")
    parser.add_argument("--quality", type=int, nargs="+", default=QUALITIES)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, help="draw the first stem to this file, SVG or PNG")
    arguments = parser.parse_args()
    stems = list(STEMS) if "all" in arguments.stem else arguments.stem
    rows = []
    for name in stems:
        of_stem = list(measured(name, arguments))
        rows += of_stem
        if not arguments.json:
            print(f"\n{name}, {arguments.threads} thread(s), batch {arguments.batch}:\n")
            print_table(of_stem)
            print_summary(of_stem)
        if arguments.plot is not None and name == stems[0]:
            draw(by_quality(of_stem), arguments.plot)
    if arguments.json:
        print(json.dumps({"machine": machine(), "threads": arguments.threads, "rows": rows}))


if __name__ == "__main__":
    main()
