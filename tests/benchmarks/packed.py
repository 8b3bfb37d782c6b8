"""Measure the bytes of packed photographs and the time of packing.

    python tests/benchmarks/packed.py [--photos FOLDER] [--rounds N] [--json FILE]

The benchmark crops photographs to 224x224 and encodes them with Pillow in memory. It unpacks and
compares every packed image before it counts anything. It prints two tables in Markdown, which
`docs/packed_batches.md` shows from `docs/results/packed.json`. Bytes are means over the photographs
and include the quantization tables. Milliseconds are processor time for one image on one core: the
median over the photographs of the fastest round of each. A round packs all photographs one after
another, so that branch prediction cannot learn the zeros of a single photograph.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import interleaved, timed
from jpegcompile.jpeg.packed import GROUP, ZIGZAG, PackedBatch
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.processors import available_processors
from jpegcompile.runtime.input_tensors import coefficient_feeds

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT.parent / "shared" / "images" / "photos"

SIDE = 224
UINT8_BYTES = 3 * SIDE * SIDE
QUALITIES = (50, 75, 90, 95)
SAMPLINGS = ("4:2:0", "4:4:4")
# The sampling at which formats are compared.
COMPARED = "4:2:0"
ROUNDS = 41
NIBBLES = "masks of rows, DC apart, nibbles"
THIS = "masks of rows, DC apart, nibbles and bytes (this format)"

Feeds = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Sizes:
    """Bytes of an image, or means over several images.

    Attributes:
        file: bytes of the JPEG file.
        coefficients: bytes of all coefficients as int16, with the quantization tables.
        packed: bytes of the packed form, with the quantization tables.
    """

    file: float
    coefficients: float
    packed: float


def photographs(folder: Path) -> list[Image.Image]:
    """Return all photographs of a folder, resized and cropped to 224x224."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in (".jpg", ".jpeg"))
    return [
        ImageOps.fit(Image.open(file).convert("RGB"), (SIDE, SIDE), Image.Resampling.BICUBIC)
        for file in files
    ]


def encoded(photographs: Iterable[Image.Image], quality: int, sampling: str) -> Iterator[bytes]:
    """Yield the photographs as JPEG files."""
    for photograph in photographs:
        stream = io.BytesIO()
        photograph.save(stream, "JPEG", quality=quality, subsampling=sampling)
        yield stream.getvalue()


def feeds_of(file: bytes) -> Feeds:
    """Return the inputs of a model for a batch of one file."""
    image = read_coefficients(file)
    return coefficient_feeds([image], image.frame)


def checked(feeds: Feeds) -> PackedBatch:
    """Return the packed form of inputs.

    Raises:
        AssertionError: if it does not unpack to the same inputs.
    """
    batch = PackedBatch.of(feeds)
    unpacked = batch.unpack()
    assert unpacked.keys() == feeds.keys()
    for name, values in feeds.items():
        np.testing.assert_array_equal(unpacked[name], values, name)
    return batch


def sizes_of(file: bytes) -> Sizes:
    """Return the bytes of one file."""
    feeds = feeds_of(file)
    whole = sum(values.nbytes for values in feeds.values())
    return Sizes(len(file), whole, checked(feeds).nbytes)


def average(found: Sequence[Sizes]) -> Sizes:
    """Return the means of several images."""
    return Sizes(
        mean(sizes.file for sizes in found),
        mean(sizes.coefficients for sizes in found),
        mean(sizes.packed for sizes in found),
    )


def milliseconds(groups: Sequence[Sequence[Feeds]], rounds: int = ROUNDS) -> list[float]:
    """Return the time to pack one image of each group, as the docstring of the module describes.

    A round packs the images of all groups, so that other work on the machine slows all groups.
    """
    packing = {
        f"{number} {index}": timed(partial(PackedBatch.of, feeds), time.thread_time)
        for number, images in enumerate(groups)
        for index, feeds in enumerate(images)
    }
    fastest = {name: min(times) for name, times in interleaved(packing, rounds).seconds.items()}
    return [
        1e3 * median(fastest[f"{number} {index}"] for index in range(len(images)))
        for number, images in enumerate(groups)
    ]


def formats(feeds: Feeds) -> Mapping[str, int]:
    """Return the bytes of an image in this format and in others, by name.

    All formats include the lengths and offsets of records, so that blocks can be unpacked alone.
    Values that do not fit follow the others as int16.
    """
    planes = [values.reshape(-1, 64) for name, values in feeds.items() if name != "quantization"]
    natural = np.concatenate(planes).astype(np.int64)
    zigzag = natural[:, ZIGZAG]
    around = len(natural) * (1 + 4 / GROUP) + feeds["quantization"].nbytes

    def masks(values: NDArray[np.int64]) -> int:
        return len(values) + int((values != 0).reshape(-1, 8, 8).any(2).sum())

    def in_bytes(values: NDArray[np.int64]) -> int:
        return int((values != 0).sum()) + 2 * _beyond(values, 127)

    def in_nibbles(values: NDArray[np.int64]) -> int:
        return int((((values != 0).sum(1) + 1) // 2).sum())

    bare = zigzag.copy()
    bare[:, 0] = 0
    dc = 2 * len(bare)
    large = _beyond(bare, 7)
    found = {
        "bitmap, bytes": 8 * len(natural) + in_bytes(natural),
        "masks of rows, bytes, natural order": masks(natural) + in_bytes(natural),
        "masks of rows, bytes": masks(zigzag) + in_bytes(zigzag),
        NIBBLES: dc + masks(bare) + in_nibbles(bare) + 2 * large,
    }
    counted = {name: round(size + around) for name, size in found.items()}
    return {**counted, THIS: checked(feeds).nbytes}


def _beyond(values: NDArray[np.int64], most: int) -> int:
    """Return the number of values outside -most - 1 ... most."""
    return int(((values < -most - 1) | (values > most)).sum())


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def size_rows(images: Sequence[Image.Image], rounds: int) -> list[dict[str, Any]]:
    """Return a row for each quality and sampling: bytes of an image, and the time of packing."""
    kinds = [(quality, sampling) for sampling in SAMPLINGS for quality in QUALITIES]
    files = [list(encoded(images, *kind)) for kind in kinds]
    times = milliseconds([[feeds_of(file) for file in group] for group in files], rounds)
    rows = []
    for (quality, sampling), group, taken in zip(kinds, files, times, strict=True):
        found = average([sizes_of(file) for file in group])
        rows.append(
            {
                "quality": quality,
                "sampling": sampling,
                "float32": 4 * UINT8_BYTES,
                "uint8": UINT8_BYTES,
                "coefficients": found.coefficients,
                "packed": found.packed,
                "ratio": found.packed / UINT8_BYTES,
                "file": found.file,
                "milliseconds": taken,
            }
        )
    return rows


def size_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of the bytes of an image by the way it is sent."""
    header = (
        "quality", "sampling", "float32 pixels", "uint8 pixels", "int16 coefficients", "packed",
        "packed / uint8", "JPEG file", "packing, ms",
    )  # fmt: skip
    counts = ("float32", "uint8", "coefficients", "packed")
    cells = [
        (
            str(row["quality"]),
            row["sampling"],
            *(f"{row[name]:,.0f}" for name in counts),
            f"{row['ratio']:.3f}",
            f"{row['file']:,.0f}",
            f"{row['milliseconds']:.2f}",
        )
        for row in rows
    ]
    return table(header, cells)


def format_rows(images: Sequence[Image.Image]) -> list[dict[str, Any]]:
    """Return a row for each format and quality: mean bytes of an image."""
    columns = {}
    for quality in QUALITIES:
        files = encoded(images, quality, COMPARED)
        columns[quality] = [formats(feeds_of(file)) for file in files]
    return [
        {"format": name, "quality": quality, "bytes": mean(one[name] for one in column)}
        for name in columns[QUALITIES[0]][0]
        for quality, column in columns.items()
    ]


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of the bytes of an image in several formats."""
    header = ("format", *(f"quality {quality}" for quality in QUALITIES))
    cells: dict[str, list[str]] = {}
    for row in rows:
        cells.setdefault(row["format"], []).append(f"{row['bytes']:,.0f}")
    return table(header, [(name, *counts) for name, counts in cells.items()])


def tables(
    count: int, sizes: Sequence[Mapping[str, Any]], by_format: Sequence[Mapping[str, Any]]
) -> str:
    """Return both tables with their captions; `count` is the number of photographs."""
    day = datetime.now(UTC).date().isoformat()
    machine = f"{day}, {available_processors()} cores"
    return (
        f"Bytes of an image of {SIDE}x{SIDE}, means of {count} photographs; packing on one"
        f" core\n({machine}):\n\n{size_table(sizes)}\n"
        f"Bytes of an image in other formats, at {COMPARED}:\n\n{format_table(by_format)}"
    )


def main() -> None:
    """Check, measure and print the tables."""
    parser = parser_for(__doc__, rounds=ROUNDS)
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="folder of photographs")
    given = parser.parse_args()
    images = photographs(given.photos)
    sizes, by_format = size_rows(images, given.rounds), format_rows(images)
    if given.json:
        rows = [
            *({"table": "sizes", **row} for row in sizes),
            *({"table": "formats", **row} for row in by_format),
        ]
        settings = {"photographs": len(images), "rounds": given.rounds}
        Record("packed", rows, settings).write(given.json)
    print(tables(len(images), sizes, by_format))


if __name__ == "__main__":
    main()
