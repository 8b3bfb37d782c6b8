"""How many bytes photographs take on their way to a GPU, and how long packing takes.

    python tests/benchmarks/packed.py [--photos FOLDER] [--write]

Photographs are cropped to 224x224 and encoded by Pillow in memory. Every packed image is unpacked
and compared before anything is counted. Prints two tables in Markdown; `--write` puts them into
`docs/packed_batches.md`. Bytes are means over the photographs and include quantisation tables.
Milliseconds are processor time for one image on one core: the median of the photographs, of each
the fastest of a few rounds. A round packs all photographs in turn, so that the processor cannot
learn where the zeros of one are.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from jpegcompile.jpeg.packed import GROUP, ZIGZAG, PackedBatch
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.processors import available_processors
from jpegcompile.runtime.input_tensors import coefficient_feeds

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT.parent / "shared" / "images" / "photos"
PAGE = ROOT / "docs" / "packed_batches.md"
BEGIN, END = "<!-- begin tables -->", "<!-- end tables -->"

SIDE = 224
UINT8_BYTES = 3 * SIDE * SIDE
QUALITIES = (50, 75, 90, 95)
SAMPLINGS = ("4:2:0", "4:4:4")
# The sampling for which formats are compared.
COMPARED = "4:2:0"
ROUNDS = 41
NIBBLES = "masks of rows, DC apart, nibbles"
THIS = "masks of rows, DC apart, nibbles and bytes (this format)"

Feeds = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Sizes:
    """Bytes of an image, or means of several.

    Attributes:
        file: bytes of the JPEG file.
        coefficients: bytes of all coefficients as int16, with the quantisation tables.
        packed: bytes of the packed form, with the quantisation tables.
    """

    file: float
    coefficients: float
    packed: float


def photographs(folder: Path) -> list[Image.Image]:
    """All photographs of a folder, resized and cropped to 224x224."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in (".jpg", ".jpeg"))
    return [
        ImageOps.fit(Image.open(file).convert("RGB"), (SIDE, SIDE), Image.Resampling.BICUBIC)
        for file in files
    ]


def encoded(photographs: Iterable[Image.Image], quality: int, sampling: str) -> Iterator[bytes]:
    """The photographs as JPEG files."""
    for photograph in photographs:
        stream = io.BytesIO()
        photograph.save(stream, "JPEG", quality=quality, subsampling=sampling)
        yield stream.getvalue()


def feeds_of(file: bytes) -> Feeds:
    """The inputs of a model for a batch of one file."""
    image = read_coefficients(file)
    return coefficient_feeds([image], image.frame)


def checked(feeds: Feeds) -> PackedBatch:
    """The packed form.

    Raises:
        AssertionError: if it does not unpack to the same.
    """
    batch = PackedBatch.of(feeds)
    unpacked = batch.unpack()
    assert unpacked.keys() == feeds.keys()
    for name, values in feeds.items():
        np.testing.assert_array_equal(unpacked[name], values, name)
    return batch


def sizes_of(file: bytes) -> Sizes:
    """What one file takes."""
    feeds = feeds_of(file)
    whole = sum(values.nbytes for values in feeds.values())
    return Sizes(len(file), whole, checked(feeds).nbytes)


def average(found: Sequence[Sizes]) -> Sizes:
    """Means."""
    return Sizes(
        mean(sizes.file for sizes in found),
        mean(sizes.coefficients for sizes in found),
        mean(sizes.packed for sizes in found),
    )


def milliseconds(groups: Sequence[Sequence[Feeds]], rounds: int = ROUNDS) -> list[float]:
    """What it takes to pack one image of each group; the module's text says how that is measured.

    Rounds take the groups in turn, so that other work on the machine slows all of them alike.
    """
    fastest = [[float("inf")] * len(images) for images in groups]
    for _ in range(rounds):
        for images, times in zip(groups, fastest, strict=True):
            for index, feeds in enumerate(images):
                start = time.thread_time()
                PackedBatch.of(feeds)
                times[index] = min(times[index], time.thread_time() - start)
    return [median(times) * 1e3 for times in fastest]


def formats(feeds: Feeds) -> Mapping[str, int]:
    """Bytes of an image in this format and in others, by name.

    All have the lengths and offsets of records, so that blocks can be unpacked alone. Values that
    do not fit stand behind the others as int16.
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
    """How many values are not in -most - 1 ... most."""
    return int(((values < -most - 1) | (values > most)).sum())


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def size_table(images: Sequence[Image.Image]) -> str:
    """Bytes of an image by how it is sent."""
    header = (
        "quality", "sampling", "float32 pixels", "uint8 pixels", "int16 coefficients", "packed",
        "packed / uint8", "JPEG file", "packing, ms",
    )  # fmt: skip
    kinds = [(quality, sampling) for sampling in SAMPLINGS for quality in QUALITIES]
    files = [list(encoded(images, *kind)) for kind in kinds]
    times = milliseconds([[feeds_of(file) for file in group] for group in files])
    rows = []
    for (quality, sampling), group, taken in zip(kinds, files, times, strict=True):
        found = average([sizes_of(file) for file in group])
        counts = (4 * UINT8_BYTES, UINT8_BYTES, found.coefficients, found.packed)
        cells = (str(quality), sampling, *(f"{count:,.0f}" for count in counts))
        ratio = f"{found.packed / UINT8_BYTES:.3f}"
        rows.append((*cells, ratio, f"{found.file:,.0f}", f"{taken:.2f}"))
    return table(header, rows)


def format_table(images: Sequence[Image.Image]) -> str:
    """Bytes of an image in several formats."""
    columns = []
    for quality in QUALITIES:
        files = encoded(images, quality, COMPARED)
        columns.append([formats(feeds_of(file)) for file in files])
    header = ("format", *(f"quality {quality}" for quality in QUALITIES))
    rows = [
        (name, *(f"{mean(found[name] for found in column):,.0f}" for column in columns))
        for name in columns[0][0]
    ]
    return table(header, rows)


def tables(images: Sequence[Image.Image]) -> str:
    """Both tables, with what they are of."""
    day = datetime.now(UTC).date().isoformat()
    machine = f"{day}, {available_processors()} cores"
    return (
        f"Bytes of an image of {SIDE}x{SIDE}, means of {len(images)} photographs; packing on one"
        f" core\n({machine}):\n\n{size_table(images)}\n"
        f"Bytes of an image in other formats, at {COMPARED}:\n\n{format_table(images)}"
    )


def main() -> None:
    """Check, measure and print; with --write, put the tables into the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    images = photographs(given.photos)
    made = tables(images)
    print(made)
    if given.write:
        text = PAGE.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n{made}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
