"""Write the corpus of the fuzz targets: small files of every kind that the reader takes or refuses.

    cd tests && python fuzz/make_corpus.py [FOLDER]

The files in the repository were made by it; another Pillow may write other bytes.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.arithmetic_files import ARITHMETIC
from support.coefficient_files import SAMPLINGS, random_file
from support.interleaved import write_interleaved
from support.jpeg_writer import SOI, segment

from jpegcompile.jpeg.frame import Frame

_FOLDER = Path(__file__).resolve().parent / "corpus"
# Width and height: whole blocks, parts of blocks, less than one.
_SIZES = {"16x16": (16, 16), "9x17": (9, 17), "1x1": (1, 1)}


def _pillow(width: int, height: int, mode: str, **options: object) -> bytes:
    """A file by libjpeg's encoder, with Huffman tables as short as its contents allow."""
    pixels = np.random.default_rng((width, height)).integers(0, 256, (height, width, 3))
    stream = io.BytesIO()
    image = Image.fromarray(pixels.astype(np.uint8)).convert(mode)
    image.save(stream, "JPEG", quality=30, optimize=True, **options)
    return stream.getvalue()


def _encoded() -> Iterator[tuple[str, bytes]]:
    """What ordinary encoders write."""
    for size, (width, height) in _SIZES.items():
        for sampling in ("4:4:4", "4:2:2", "4:2:0"):
            name = f"{sampling.replace(':', '')}-{size}"
            yield name, _pillow(width, height, "RGB", subsampling=sampling)
            if size != "1x1":
                data = _pillow(width, height, "RGB", subsampling=sampling, progressive=True)
                yield f"progressive-{name}", data
        yield f"gray-{size}", _pillow(width, height, "L")
    yield "progressive-gray", _pillow(16, 16, "L", progressive=True)
    yield "restarts", _pillow(24, 24, "RGB", subsampling="4:2:0", restart_marker_blocks=1)
    yield "progressive-restarts", _pillow(24, 24, "L", progressive=True, restart_marker_rows=1)
    yield "rgb", _pillow(9, 9, "RGB", subsampling="4:4:4", keep_rgb=True)
    yield "cmyk", _pillow(8, 8, "CMYK")
    yield "exif", _pillow(8, 8, "L", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    for process, data in ARITHMETIC.items():
        yield f"arithmetic-{process}", data


def _unusual() -> Iterator[tuple[str, bytes]]:
    """Factors that few encoders write, and what is refused."""
    for name in (
        "4:4:0",
        "4:1:1",
        "4:1:0",
        "crossed",
        "luma subsampled",
        "4:4:4 by 2x2",
        "gray by 2x2",
    ):
        data = random_file(SAMPLINGS[name], 9, 9)
        yield f"factors-{name.replace(':', '').replace(' ', '-')}", data
    whole = random_file(SAMPLINGS["4:2:0"], 9, 9)
    yield "one-scan-missing", random_file(SAMPLINGS["4:4:4"], 9, 9, scans=[0, 2])
    yield "scans-again", random_file(SAMPLINGS["4:4:4"], 9, 9, scans=[0, 1, 0, 2, 1])
    yield "adobe", random_file(SAMPLINGS["4:4:4"], 9, 9, adobe_transform=0)
    yield "fill-bytes", SOI + b"\xff\xff\xff" + segment(0xFE, b"comment") + whole[2:]
    yield "cut", whole[: len(whole) - 20]
    yield "twelve-bits", whole.replace(b"\xff\xc1\0\x11\x08", b"\xff\xc1\0\x11\x0c")
    yield "lossless", whole.replace(b"\xff\xc1", b"\xff\xc3")
    yield "hierarchical", SOI + segment(0xDE, bytes([8, 0, 9, 0, 9, 1, 1, 0x11, 0])) + whole[2:]
    yield "no-height", whole.replace(b"\0\x09\0\x09\x03", b"\0\0\0\x09\x03")
    yield "huge", whole.replace(b"\0\x09\0\x09\x03", b"\xff\xdc\xff\xdc\x03")


def _interleaved() -> Iterator[tuple[str, bytes]]:
    """One scan with long codes, restart markers and full blocks, and an orientation."""
    for name in ("gray by 2x2", "4:4:0", "4:1:1", "crossed", "4:2:0"):
        frame = Frame(19, 21, SAMPLINGS[name], "ycbcr")
        chance = np.random.default_rng(len(name))
        tables = chance.integers(1, 256, (len(frame.sampling), 8, 8)).astype(np.uint16)
        planes = []
        for index in range(len(frame.sampling)):
            shape = (*frame.block_counts(index), 8, 8)
            values = chance.integers(-1023, 1024, shape) * (chance.random(shape) < 0.1)
            planes.append(values.astype(np.int16))
        data = write_interleaved(frame, planes, tables, restart_interval=2)
        yield f"interleaved-{name.replace(':', '').replace(' ', '-')}", data
    turned = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    yield "orientation", SOI + segment(0xE1, turned) + data[2:]


def _with_junk() -> Iterator[tuple[str, bytes]]:
    """Bytes between markers that are none, and markers that something has made into such."""
    baseline = _pillow(16, 16, "RGB", subsampling="4:2:0")
    progressive = _pillow(16, 16, "L", progressive=True)
    for marker in (0xDB, 0xC0, 0xC4, 0xDA, 0xD9):
        name = f"{marker:02x}"
        at = bytes([0xFF, marker])
        yield f"junk-before-{name}", baseline.replace(at, b"\0\0ab\xff\0cdefgh" + at, 1)
        yield f"lost-{name}", baseline.replace(at, bytes([0xFE, marker]), 1)
    for number in (1, 2):
        parts = progressive.split(b"\xff\xda")
        head, tail = b"\xff\xda".join(parts[: number + 1]), b"\xff\xda".join(parts[number + 1 :])
        yield f"junk-before-scan-{number}", head + b"\0\0\xff\0junk\xff\xda" + tail
        yield f"lost-scan-{number}", head + b"\xfe\xda" + tail
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\x02")
    yield "adobe-transform-2", SOI + adobe + random_file(SAMPLINGS["4:4:4"], 9, 9)[2:]
    yield "junk-before-start", b"\r\n" + baseline


def main() -> None:
    """Write the files and say how large they are."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    files = dict([*_encoded(), *_unusual(), *_interleaved(), *_with_junk()])
    for name, data in files.items():
        (folder / f"{name}.jpg").write_bytes(data)
    total = sum(len(data) for data in files.values())
    print(f"{len(files)} files, {total} bytes, the largest {max(map(len, files.values()))}")


if __name__ == "__main__":
    main()
