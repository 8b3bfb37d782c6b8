"""A JPEG encoder for tests: given coefficients in, a file that stores exactly them out.

It writes what ordinary encoders do not: any sampling factors, any table, any order and number of
scans, frames larger than their data. Each scan holds one component, so that its blocks are those
of the component's true size in row-major order (ITU-T T.81, A.2.2). The Huffman tables are as
plain as the format allows: code i of a fixed length means symbol i of a list.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

# Position of zigzag index k in natural order (T.81, figure A.6).
ZIGZAG = sorted(
    range(64),
    key=lambda n: (n // 8 + n % 8, n % 8 if (n // 8 + n % 8) % 2 == 0 else n // 8),
)
DC_SYMBOLS = range(12)
AC_SYMBOLS = [0x00, 0xF0, *(run << 4 | size for run in range(16) for size in range(1, 11))]
DC_CODE_LENGTH, AC_CODE_LENGTH = 4, 8

SOI, EOI = b"\xff\xd8", b"\xff\xd9"


@dataclass
class Frame:
    """What a file says of itself; `planes` are [block rows, block columns, 8, 8], natural order."""

    width: int
    height: int
    planes: Sequence[NDArray[np.int16]]
    sampling: Sequence[tuple[int, int]]
    quantization: NDArray[np.uint16]
    component_ids: Sequence[int] = (1, 2, 3)
    scans: Sequence[int] | None = None
    adobe_transform: int | None = None
    extra: bytes = field(default=b"")


def segment(marker: int, content: bytes) -> bytes:
    """A marker segment (T.81, B.1.1.4)."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def write_jpeg(frame: Frame) -> bytes:
    """The bytes of a sequential Huffman-coded file (SOF1, since tables may have 16 bits)."""
    out = SOI + frame.extra
    if frame.adobe_transform is not None:
        out += segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, frame.adobe_transform))
    for index, table in enumerate(frame.quantization):
        entries = struct.pack(">64H", *(int(table.flat[n]) for n in ZIGZAG))
        out += segment(0xDB, bytes([0x10 | index]) + entries)
    header = struct.pack(">BHHB", 8, frame.height, frame.width, len(frame.planes))
    for index, (horizontal, vertical) in enumerate(frame.sampling):
        header += bytes([frame.component_ids[index], horizontal << 4 | vertical, index])
    out += segment(0xC1, header)
    out += segment(0xC4, _huffman_table(0x00, DC_CODE_LENGTH, bytes(DC_SYMBOLS)))
    out += segment(0xC4, _huffman_table(0x10, AC_CODE_LENGTH, bytes(AC_SYMBOLS)))
    for index in range(len(frame.planes)) if frame.scans is None else frame.scans:
        out += segment(0xDA, bytes([1, frame.component_ids[index], 0x00, 0, 63, 0]))
        out += _entropy_coded(frame.planes[index])
    return out + EOI


def _huffman_table(selector: int, length: int, symbols: bytes) -> bytes:
    counts = bytes(len(symbols) if n == length else 0 for n in range(1, 17))
    return bytes([selector]) + counts + symbols


@cache
def _magnitude(value: int) -> tuple[int, str]:
    """The size category of a value and the bits that follow it (T.81, F.1.2.1)."""
    size = abs(value).bit_length()
    bits = value if value > 0 else value + (1 << size) - 1
    return size, format(bits, f"0{size}b") if size else ""


def _entropy_coded(plane: NDArray[np.int16]) -> bytes:
    ac_codes = {s: format(i, f"0{AC_CODE_LENGTH}b") for i, s in enumerate(AC_SYMBOLS)}
    bits: list[str] = []
    previous = 0
    for values in plane.reshape(-1, 64)[:, ZIGZAG].tolist():
        size, magnitude = _magnitude(values[0] - previous)
        previous = values[0]
        bits += [format(size, f"0{DC_CODE_LENGTH}b"), magnitude]
        run = 0
        for value in values[1:]:
            if value == 0:
                run += 1
                continue
            bits += [ac_codes[0xF0]] * (run // 16)
            size, magnitude = _magnitude(value)
            bits += [ac_codes[run % 16 << 4 | size], magnitude]
            run = 0
        if run:
            bits.append(ac_codes[0x00])
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    packed = int(text, 2).to_bytes(len(text) // 8, "big") if text else b""
    return packed.replace(b"\xff", b"\xff\x00")
