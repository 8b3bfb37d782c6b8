"""Baseline JPEG files with one scan of all components, which store exactly the given coefficients.

As `jpeg_writer`, with MCUs of several components (ITU-T T.81, A.2.3), restart markers, and Huffman
codes of any lengths: symbols get their lengths in turn from a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from support.jpeg_writer import AC_SYMBOLS, DC_SYMBOLS, EOI, SOI, ZIGZAG, segment

from jpegcompile.jpeg.frame import Frame

END_OF_BLOCK, ZERO_RUN = 0x00, 0xF0
Blocks: TypeAlias = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class HuffmanTable:
    """A canonical code (T.81, annex C): the symbols in the order of their codes."""

    counts: tuple[int, ...]
    symbols: tuple[int, ...]

    @classmethod
    def of_lengths(cls, symbols: Sequence[int], lengths: Sequence[int]) -> HuffmanTable:
        """Symbol i has the length i of `lengths`, which has to leave the code of all ones free."""
        order = sorted(range(len(symbols)), key=lambda index: lengths[index])
        counts = tuple(list(lengths).count(length) for length in range(1, 17))
        assert sum(2.0**-length for length in lengths) < 1
        return cls(counts, tuple(symbols[index] for index in order))

    def codes(self) -> dict[int, str]:
        """The code of each symbol, as text of 0 and 1."""
        codes, code, place = {}, 0, 0
        for length, count in enumerate(self.counts, 1):
            for symbol in self.symbols[place : place + count]:
                codes[symbol] = format(code, f"0{length}b")
                code += 1
            place += count
            code <<= 1
        return codes

    def segment(self, selector: int) -> bytes:
        """DHT (T.81, B.2.4.2); 0x00 and more for DC, 0x10 and more for AC."""
        return segment(0xC4, bytes([selector, *self.counts, *self.symbols]))


# The most frequent AC symbols have codes inside an index of ten bits, most others codes of 16 bits.
SHORT_AND_LONG = (
    HuffmanTable.of_lengths(DC_SYMBOLS, [2, 3, 3, 3, 4, 5, 6, 7, 8, 12, 14, 16]),
    HuffmanTable.of_lengths(
        AC_SYMBOLS, [3, 10, 2, 3, 4, 5, 6, 7, 9, 11, 13, 16, *[16] * (len(AC_SYMBOLS) - 12)]
    ),
)
# Every code has the same length.
EVEN = (
    HuffmanTable.of_lengths(DC_SYMBOLS, [4] * len(DC_SYMBOLS)),
    HuffmanTable.of_lengths(AC_SYMBOLS, [8] * len(AC_SYMBOLS)),
)


def write_interleaved(
    frame: Frame,
    planes: Sequence[Blocks],
    quantization: NDArray[np.uint16],
    tables: tuple[HuffmanTable, HuffmanTable] = SHORT_AND_LONG,
    *,
    restart_interval: int = 0,
) -> bytes:
    """The bytes of a file (SOF1).

    Args:
        frame: its size and sampling.
        planes: of each component integers [block rows, block columns, 8, 8], natural order.
        quantization: uint16 [components, 8, 8].
        tables: for the DC and the AC coefficients of all components.
        restart_interval: in MCUs; 0 for none.
    """
    out = SOI
    for index, table in enumerate(quantization):
        values = np.asarray(table, ">u2").reshape(-1)[ZIGZAG]
        out += segment(0xDB, bytes([0x10 | index]) + values.tobytes())
    components = range(len(planes))
    header = bytes([8, *frame.height.to_bytes(2, "big"), *frame.width.to_bytes(2, "big")])
    header += bytes([len(planes)])
    for index, (horizontal, vertical) in enumerate(frame.sampling):
        header += bytes([index + 1, horizontal << 4 | vertical, index])
    out += segment(0xC1, header)
    out += tables[0].segment(0x00) + tables[1].segment(0x10)
    if restart_interval:
        out += segment(0xDD, restart_interval.to_bytes(2, "big"))
    scan = bytes(
        [len(planes), *(byte for index in components for byte in (index + 1, 0)), 0, 63, 0]
    )
    out += segment(0xDA, scan)
    mcus = list(_mcus(frame, planes))
    step = restart_interval or len(mcus)
    for number, start in enumerate(range(0, len(mcus), step)):
        if number:
            out += bytes([0xFF, 0xD0 + (number - 1) % 8])
        out += _entropy_coded(mcus[start : start + step], tables)
    return out + EOI


def _mcus(frame: Frame, planes: Sequence[Blocks]) -> Iterator[list[tuple[int, Blocks]]]:
    """The blocks of each MCU, with their components; blocks beyond the planes are zeros."""
    alone = len(planes) == 1
    horizontal, vertical = (1, 1) if alone else frame.most_sampling
    rows, columns = -(-frame.height // (8 * vertical)), -(-frame.width // (8 * horizontal))
    empty = np.zeros((8, 8), np.int16)
    for row in range(rows):
        for column in range(columns):
            blocks = []
            for index, plane in enumerate(planes):
                across, down = (1, 1) if alone else frame.sampling[index]
                for y in range(row * down, (row + 1) * down):
                    for x in range(column * across, (column + 1) * across):
                        inside = y < plane.shape[0] and x < plane.shape[1]
                        blocks.append((index, plane[y, x] if inside else empty))
            yield blocks


def _magnitude(value: int) -> tuple[int, str]:
    """The size category of a value and the bits that follow it (T.81, F.1.2.1)."""
    size = abs(value).bit_length()
    bits = value if value > 0 else value + (1 << size) - 1
    return size, format(bits, f"0{size}b") if size else ""


def _entropy_coded(
    mcus: Sequence[list[tuple[int, Blocks]]], tables: tuple[HuffmanTable, HuffmanTable]
) -> bytes:
    dc_codes, ac_codes = tables[0].codes(), tables[1].codes()
    bits: list[str] = []
    previous: dict[int, int] = {}
    for component, block in (pair for mcu in mcus for pair in mcu):
        values = [int(block.flat[place]) for place in ZIGZAG]
        size, magnitude = _magnitude(values[0] - previous.get(component, 0))
        previous[component] = values[0]
        bits += [dc_codes[size], magnitude]
        run = 0
        for value in values[1:]:
            if value == 0:
                run += 1
                continue
            bits += [ac_codes[ZERO_RUN]] * (run // 16)
            size, magnitude = _magnitude(value)
            bits += [ac_codes[run % 16 << 4 | size], magnitude]
            run = 0
        if run:
            bits.append(ac_codes[END_OF_BLOCK])
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")
