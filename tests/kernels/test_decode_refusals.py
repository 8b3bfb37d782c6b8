"""What cannot be read is refused in one line that names the file and the cause; nothing crashes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.images import make_jpeg
from support.jpeg_writer import EOI, SOI, Frame, segment, write_jpeg

from jpegcompile.errors import AccessError, ImageError, UsageError
from jpegcompile.runtime.coefficients import read_coefficients, read_coefficients_many

# Of ../shared/images/bad/EXPECTED.md: the cause in strict reading, and in tolerant reading where
# that fails too.
BAD_FILES: dict[str, tuple[str | None, str | None]] = {
    "empty": ("not a JPEG: it is empty", "not a JPEG: it is empty"),
    "soi_only": ("damaged: Premature end", "contains no image"),
    "header_only": ("damaged: Premature end", "missing SOS marker"),
    "text": ("not a JPEG: it looks like text", "not a JPEG: it looks like text"),
    "png_named": ("not a JPEG: it looks like a PNG", "not a JPEG: it looks like a PNG"),
    "zero_size": ("Empty JPEG image", "Empty JPEG image"),
    "precision_12": ("12-bit samples are not supported", "12-bit samples are not supported"),
    "bomb_65535x65535": ("65500 pixels", "65500 pixels"),
    "bomb_60000x60000": ("60000 x 60000 pixels are more", "60000 x 60000 pixels are more"),
    "truncated_half": ("damaged: Premature end of JPEG file", None),
    "truncated_last_100": ("damaged: Premature end of JPEG file", None),
    "no_eoi": ("damaged: Premature end of JPEG file", None),
    "bitflips_0": ("damaged: Corrupt JPEG data", None),
    "bitflips_1": ("damaged: Corrupt JPEG data", "Unsupported marker"),
    "bitflips_2": ("Bogus Huffman table", "Bogus Huffman table"),
    "bitflips_3": ("damaged: Corrupt JPEG data", None),
    "bitflips_4": ("damaged: Corrupt JPEG data", "Bogus marker length"),
    "bitflips_5": ("damaged: Corrupt JPEG data", None),
    "zero_quant_table": ("quantization table of component 0 holds a zero",) * 2,
    "no_huffman_table": (None, None),
}


def flat_frame(width: int = 24, height: int = 16, **options: Any) -> Frame:
    """A grey frame with a different DC in every block."""
    rows, columns = -(-height // 8), -(-width // 8)
    plane = np.zeros((rows, columns, 8, 8), np.int16)
    plane[:, :, 0, 0] = np.arange(rows * columns).reshape(rows, columns) % 1000 + 1
    table = np.full((1, 8, 8), 3, np.uint16)
    return Frame(width, height, [plane], [(1, 1)], table, **options)


def refusal(source: Any, **options: Any) -> str:
    with pytest.raises(ImageError) as caught:
        read_coefficients(source, **options)
    message = str(caught.value)
    assert message.isprintable()
    return message


@pytest.mark.shared
@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.parametrize("tolerant", [False, True])
def test_bad_files(shared: Path, name: str, tolerant: bool) -> None:
    path = shared / "images" / "bad" / f"{name}.jpg"
    cause = BAD_FILES[name][tolerant]
    if cause is not None:
        for source, start in ((path, str(path)), (path.read_bytes(), "bytes")):
            message = refusal(source, tolerant=tolerant)
            assert message.startswith(f"{start}: ")
            assert cause in message
        return
    first, *others = (read_coefficients(path, tolerant=tolerant) for _ in range(3))
    others += read_coefficients_many([path] * 4, threads=2, tolerant=tolerant)
    for other in others:
        for one, two in zip(first.planes, other.planes, strict=True):
            assert one.tobytes() == two.tobytes()


@pytest.mark.shared
def test_every_bad_file_is_listed(shared: Path) -> None:
    assert {path.stem for path in (shared / "images" / "bad").glob("*.jpg")} == set(BAD_FILES)


def test_truncated_keeps_what_was_read() -> None:
    frame = flat_frame(80, 80)
    data = write_jpeg(frame)
    cut = data[: len(data) - 60]
    assert "Premature end" in refusal(cut)
    plane = read_coefficients(cut, tolerant=True).planes[0][:, :, 0, 0].ravel()
    expected = frame.planes[0][:, :, 0, 0].ravel()
    right = int(np.argmin(plane == expected))
    assert 40 < right < 100
    assert not plane[right + 1 :].any()  # the block at the cut itself may hold anything


CONVERT = "convert it to a baseline JPEG"
UNPACK = "unpack it and give the JPEG files in it"


@pytest.mark.parametrize(
    ("data", "kind", "advice"),
    [
        (b"\x89PNG\r\n\x1a\n", "a PNG image", CONVERT),
        (b"GIF89a....", "a GIF image", CONVERT),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP image", CONVERT),
        (b"BM\x36\0\0\0", "a BMP image", CONVERT),
        (b"II*\0....", "a TIFF image", CONVERT),
        (b"MM\0*....", "a TIFF image", CONVERT),
        (b"\0\0\0\x20ftypavif", "an AVIF image", CONVERT),
        (b"\0\0\0\x20ftypheic", "a HEIF image", CONVERT),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image", CONVERT),
        (b"\xff\x0a....", "a JPEG XL image", CONVERT),
        (b"8BPS\0\1", "a Photoshop document", CONVERT),
        (b"%PDF-1.7", "a PDF document", "give its image as a baseline JPEG"),
        (b"PK\x03\x04....", "a zip archive", UNPACK),
        (b"\x1f\x8b\x08", "gzip data", UNPACK),
        (b"<!DOCTYPE html>", "an HTML page", "download the image itself"),
        (b"\xef\xbb\xbf\n <HTML><body>", "an HTML page", "download the image itself"),
        (b"<svg xmlns=''>", "an SVG image", CONVERT),
        (b'{"error": "not found"}', "JSON", None),
        (b"404", "text", None),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "a pointer of Git LFS",
            "get the file with 'git lfs pull'",
        ),
        (
            b"\0\x05\x16\x07\0\2\0\0Mac OS X",
            "what macOS keeps beside a file (AppleDouble, '._...')",
            "leave it out, the image is in the file without '._'",
        ),
        (b"\0\1\2\3", "data of an unknown kind", None),
    ],
)
def test_other_formats_are_named(data: bytes, kind: str, advice: str | None) -> None:
    for tolerant in (False, True):
        assert refusal(data, tolerant=tolerant) == (
            f"bytes: not a JPEG: it looks like {kind}; {advice or 'give a whole JPEG file'}"
        )


def test_bytes_before_the_start() -> None:
    data = write_jpeg(flat_frame())
    for front in (b"\n", b"HTTP/1.1 200 OK\r\n\r\n", bytes(5000)):
        assert refusal(front + data) == (
            f"bytes: not a JPEG from its start: a JPEG begins at byte {len(front)} of it; cut off"
            " what is in front of that"
        )
    assert "it looks like a zip archive; unpack" in refusal(b"PK\x03\x04" + data)
    assert refusal(bytes(5000)) == (
        "bytes: not a JPEG: it holds nothing but zeros; give a whole JPEG file"
    )


def test_pixel_limit() -> None:
    data = write_jpeg(flat_frame(24, 16))
    assert read_coefficients(data, max_pixels=384).width == 24
    for tolerant in (False, True):
        assert refusal(data, max_pixels=383, tolerant=tolerant) == (
            "bytes: 24 x 16 pixels are more than the limit of 383; if the file is trusted, raise"
            " max_pixels of read_coefficients"
        )


def color_frame(**options: Any) -> Frame:
    grey = flat_frame()
    tables = np.repeat(grey.quantization, 3, axis=0)
    return Frame(24, 16, list(grey.planes) * 3, [(1, 1)] * 3, tables, **options)


def test_scan_bomb() -> None:
    assert "more than 1000 scans" in refusal(write_jpeg(color_frame(scans=[0, 1, 2] * 334)))
    assert read_coefficients(write_jpeg(color_frame(scans=[0, 1, 2] * 333))).width == 24


def progressive_scan_bomb(side: int, scans: int) -> bytes:
    """A grey progressive file whose scans are a few bytes each but touch every block.

    After one scan for the DC, each scan says "no AC coefficient" in end-of-band runs of 2**14
    blocks, the longest there are (T.81, G.1.2.2).
    """
    blocks = (side // 8) ** 2
    runs = -(-blocks // (1 << 14))
    table = segment(0xC4, bytes([0x10, 1, *[0] * 15, 0xE0]))  # the code 0: a run, 14 more bits
    bits = ("0" + "0" * 14) * runs
    packed = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    frame = bytes([8, *side.to_bytes(2, "big") * 2, 1, 1, 0x11, 0])
    start = SOI + segment(0xDB, bytes([0, *[1] * 64])) + segment(0xC2, frame)
    start += segment(0xC4, bytes([0x00, 1, *[0] * 15, 0]))  # the code 0: no difference
    start += segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + bytes(-(-blocks // 8))
    return start + (table + segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + packed) * scans + EOI


def test_progressive_scan_bomb() -> None:
    assert read_coefficients(progressive_scan_bomb(64, 999)).progressive
    assert "more than 1000 scans" in refusal(progressive_scan_bomb(64, 1000))


@pytest.mark.slow
def test_large_progressive_scan_bomb() -> None:
    """Fewer scans are allowed in larger frames, so that the work stays bounded."""
    bomb = progressive_scan_bomb(16000, 1000)
    start = time.monotonic()
    assert "more than 64 scans" in refusal(bomb)
    assert time.monotonic() - start < 30


def test_component_without_scan() -> None:
    frame = color_frame(scans=[0, 2])
    assert "component 1 has no scan" in refusal(write_jpeg(frame))
    planes = read_coefficients(write_jpeg(frame), tolerant=True).planes
    assert planes[0].any()
    assert not planes[1].any()


def test_zero_and_missing_quantization() -> None:
    frame = flat_frame()
    frame.quantization[0, 7, 7] = 0
    assert "quantization table of component 0 holds a zero" in refusal(write_jpeg(frame))
    frame.quantization = np.zeros((0, 8, 8), np.uint16)
    assert "Quantization table 0x00 was not defined" in refusal(write_jpeg(frame))


def test_two_and_four_components() -> None:
    grey = flat_frame()
    for count, kind in ((2, "2 components are"), (4, r"4 components (CMYK or YCCK) are")):
        frame = Frame(24, 16, list(grey.planes) * count, [(1, 1)] * count, grey.quantization)
        frame.quantization = np.repeat(grey.quantization, count, 0)
        frame.component_ids = range(count)
        assert f"{kind} not supported; convert it" in refusal(write_jpeg(frame))


@pytest.mark.parametrize(
    ("markers", "process"),
    [
        ((0xC3, 0xCB), "lossless JPEG"),
        ((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical JPEG"),
        ((0xC8,), "a JPEG extension"),
        ((0xF7,), "JPEG-LS"),
    ],
)
def test_other_processes_are_refused(markers: tuple[int, ...], process: str) -> None:
    """Frames of T.81, table B.1, and of T.87."""
    for marker in markers:
        data = write_jpeg(flat_frame()).replace(b"\xff\xc1", bytes([0xFF, marker]))
        for tolerant in (False, True):
            assert refusal(data, tolerant=tolerant) == (
                f"bytes: {process} (marker 0x{marker:02x}) is not supported; {CONVERT}"
            )


def test_a_hierarchical_progression_is_refused() -> None:
    data = write_jpeg(flat_frame())
    begin = segment(0xDE, bytes([8, 0, 16, 0, 24, 1, 1, 0x11, 0]))
    assert refusal(data[:2] + begin + data[2:]) == (
        f"bytes: hierarchical JPEG (marker 0xde) is not supported; {CONVERT}"
    )


def header_of(width: int, height: int, components: int = 1) -> bytes:
    """A file that says so of itself."""
    data = bytearray(write_jpeg(flat_frame()))
    at = data.index(b"\xff\xc1")
    data[at + 5 : at + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    data[at + 9] = components
    return bytes(data)


def test_sizes_that_are_not_taken() -> None:
    assert refusal(header_of(24, 0)) == (
        "bytes: Empty JPEG image: its header leaves the height to a DNL marker, which is not"
        f" supported; {CONVERT}"
    )
    for width, height, count in ((0, 16, 1), (0, 0, 1), (24, 0, 0)):
        assert refusal(header_of(width, height, count)) == (
            f"bytes: Empty JPEG image: its header says {width} x {height} pixels of {count}"
            " components; give a whole JPEG file"
        )
    assert refusal(header_of(65501, 16)) == (
        "bytes: 65501 x 16 pixels are too many: Maximum supported image dimension is 65500"
        " pixels; scale or crop it"
    )


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, cause in (
        (tmp_path / "missing.jpg", "cannot read: No such file or directory; check the path"),
        (tmp_path, "is a directory; give the path of a JPEG file"),
        (pipe, "is not a regular file; pass its bytes"),
    ):
        with pytest.raises(AccessError, match=f"^{re.escape(str(path))}: {cause}$"):
            read_coefficients(path)
    for awkward in ("new\nline.jpg", "zero\0byte.jpg", ""):
        with pytest.raises(AccessError) as caught:
            read_coefficients(awkward)
        assert str(caught.value).isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(SOI + EOI)
    path.chmod(0)
    with pytest.raises(
        AccessError, match=r"secret\.jpg: cannot read: Permission denied; check the path$"
    ):
        read_coefficients(path)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_first_failing_source_is_named(tmp_path: Path, threads: int) -> None:
    good = write_jpeg(flat_frame(400, 400))
    sources: list[Any] = [good] * 40
    sources[17], sources[18], sources[30] = good[:-40], b"text", tmp_path / "missing.jpg"
    for _ in range(5):
        with pytest.raises(ImageError, match=r"^bytes \(image 17\): damaged: Premature end"):
            read_coefficients_many(sources, threads=threads)


def test_usage() -> None:
    wrong: Any
    for wrong in (3, None, Path, ["a.jpg"]):
        with pytest.raises(UsageError, match="an image is a path or bytes, not "):
            read_coefficients(wrong)
    for wrong in ("a.jpg", b"data", Path("a.jpg")):
        with pytest.raises(UsageError, match="takes a sequence"):
            read_coefficients_many(wrong)
    with pytest.raises(UsageError, match="threads is 0"):
        read_coefficients_many([], threads=0)
    with pytest.raises(UsageError, match="max_pixels is 0"):
        read_coefficients(b"", max_pixels=0)


# Subprocesses run with -P: the current folder may hold the sources without the native module.
LITTLE_MEMORY = """
import resource, sys
from jpegcompile.errors import ImageError
from jpegcompile.runtime.coefficients import read_coefficients_many
data = sys.stdin.buffer.read()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20),) * 2)
for threads in (1, 2, 64):
    for tolerant in (False, True):
        try:
            read_coefficients_many([data] * 70, threads=threads, tolerant=tolerant)
        except ImageError as error:
            print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is for Linux")
def test_a_huge_header_with_little_memory() -> None:
    """Memory that runs out is an error, in every thread; 16000 x 16000 is within the limit."""
    data = bytearray(write_jpeg(flat_frame()))
    frame_header = data.index(b"\xff\xc1")
    data[frame_header + 5 : frame_header + 9] = (16000).to_bytes(2, "big") * 2
    done = subprocess.run(
        [sys.executable, "-P", "-c", LITTLE_MEMORY],
        input=bytes(data),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 6
    for line in lines:
        assert line.endswith(
            "not enough memory for 16000 x 16000 pixels; use a machine with more, or have"
            " read_coefficients refuse such files (max_pixels)"
        )


FUZZ = """
import random, sys
from jpegcompile.errors import ImageError
from jpegcompile.runtime.coefficients import read_coefficients
data = sys.stdin.buffer.read()
chance = random.Random(1)
read = 0
for _ in range(2000):
    mutated = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        position = chance.randrange(len(mutated))
        kind = chance.randrange(4)
        if kind == 0:
            mutated[position] = chance.randrange(256)
        elif kind == 1:
            mutated[position] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del mutated[position : position + chance.choice((1, 2, 50))]
        else:
            mutated[position:position] = chance.randbytes(chance.choice((1, 2, 50)))
    for tolerant in (False, True):
        try:
            for plane in read_coefficients(mutated, tolerant=tolerant, max_pixels=1 << 20).planes:
                plane.sum()
            read += 1
        except ImageError as error:
            assert str(error).isprintable(), error
            assert str(error).startswith("bytes: "), error
print(read)
"""


@pytest.mark.parametrize("progressive", [False, True])
def test_random_damage_never_crashes(progressive: bool) -> None:
    data = make_jpeg(40, 30, progressive=progressive)
    done = subprocess.run(
        [sys.executable, "-P", "-c", FUZZ], input=data, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    assert 500 < int(done.stdout) < 4000
