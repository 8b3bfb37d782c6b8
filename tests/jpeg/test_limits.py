"""Files that ask for more time or memory than they are worth are refused, in time."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from support.decode_refusals import color_frame, flat_frame, refusal
from support.jpeg_writer import EOI, SOI, segment, write_jpeg
from support.tiers import thorough

from jpegcompile.jpeg.read import read_coefficients


def test_pixel_limit() -> None:
    data = write_jpeg(flat_frame(24, 16))
    assert read_coefficients(data, max_pixels=384).width == 24
    for tolerant in (False, True):
        message = refusal(data, "jpeg-too-large", max_pixels=383, tolerant=tolerant)
        assert "24 x 16 pixels are more than the limit of 383" in message


def test_scan_bomb() -> None:
    bomb = write_jpeg(color_frame(scans=[0, 1, 2] * 334))
    assert "more than 1000 scans" in refusal(bomb, "jpeg-too-many-scans")
    assert read_coefficients(write_jpeg(color_frame(scans=[0, 1, 2] * 333))).width == 24


def progressive_scan_bomb(side: int, scans: int) -> bytes:
    """A gray progressive file whose scans are a few bytes each but touch every block.

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
    assert "1000 scans" in refusal(progressive_scan_bomb(64, 1000), "jpeg-too-many-scans")


@thorough
def test_large_progressive_scan_bomb() -> None:
    """Fewer scans are allowed in larger frames, so that the work stays bounded."""
    bomb = progressive_scan_bomb(16000, 1000)
    start = time.monotonic()
    assert "more than 64 scans" in refusal(bomb, "jpeg-too-many-scans")
    assert time.monotonic() - start < 30


# Run with -P: the current folder may hold the sources without the native module.
LITTLE_MEMORY = """
import resource, sys
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.read import read_coefficients_many
data = sys.stdin.buffer.read()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20),) * 2)
for threads in (1, 2, 64):
    for tolerant in (False, True):
        try:
            read_coefficients_many([data] * 70, threads=threads, tolerant=tolerant)
        except ImageError as error:
            print(error.code, error)
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
        assert line.split()[0] == "image-memory-exhausted"
        assert "not enough memory for 16000 x 16000 pixels" in line
