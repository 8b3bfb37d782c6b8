"""The native ingest equals the reference for every number of frequencies along both axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.preprocessing import assert_as_reference, native, network, tolerance
from support.processes import succeeds

from jpegcompile.dct.axis_operator import used_frequencies
from jpegcompile.dct.ingest import ingest
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.network_input import NetworkInput

# Factors of shrinking with which an axis of luma uses 8, 4 and 2 frequencies.
SHRINKS = {8: 3.1, 4: 9.3, 2: 21}


def taken_of(size: tuple[int, int], **fields: Any) -> NetworkInput:
    return network(size, resize={"fit": "exact", "scaled_decoding": True}, **fields)


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize("down", SHRINKS)
@pytest.mark.parametrize("across", SHRINKS)
def test_every_pair_of_counts(down: int, across: int, sampling: str) -> None:
    height, width = round(8 * SHRINKS[down]), round(16 * SHRINKS[across])
    data, taken = random_file(SAMPLINGS[sampling], width, height), taken_of((8, 16))
    placement = taken.geometry.place(read_coefficients(data).frame, taken.size)
    assert used_frequencies(placement.rows, height, 1, False) == down
    assert used_frequencies(placement.columns, width, 1, False) == across
    for block in (1, 8):
        assert_as_reference(data, taken, block)
    if (down, across) != (8, 8):
        # A planted fault: the reference with all frequencies.
        whole = network((8, 16), resize={"fit": "exact"})
        expected = ingest(read_coefficients(data), whole, 1)
        assert np.abs(native(data, taken, 1) - expected).max() > tolerance(expected)


@pytest.mark.parametrize("blocks", range(1, 18))
def test_rows_of_any_number_of_blocks(blocks: int) -> None:
    """Vectors span up to eight blocks, and the last vector of a row may be incomplete."""
    for shrink in (8, 20):
        width = max(1, 8 * blocks // shrink)
        for sampling in ("4:4:4", "4:2:0"):
            data = random_file(SAMPLINGS[sampling], 8 * blocks - 3, 8 * shrink)
            assert_as_reference(data, taken_of((8, width)), 1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_crops_fills_and_turned_files(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = make_jpeg(203, 250, exif=exif.tobytes())
    geometries: list[dict[str, Any]] = [
        {"crop": "center", "fill": 9},
        {"crop": [-3, 5], "mirror": True, "fill": [1, 2, 3]},
        {"crop": "bottom-right", "flip": True},
    ]
    resize = {"size": 12, "filter": "lanczos", "scaled_decoding": True}
    for geometry in geometries:
        taken = network((16, 24), resize=resize, orientation=True, **geometry)
        placement = taken.geometry.place(read_coefficients(data).frame, taken.size)
        assert placement.is_transposed == (orientation > 4)
        assert_as_reference(data, taken, 8)


@pytest.mark.parametrize("isa", ["plain", "avx2", "avx512"])
def test_instruction_sets(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each instruction set runs in its own process, since it is chosen at load time."""
    monkeypatch.setenv("JPEGCOMPILE_ISA", isa)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    code = """
from itertools import product
from support.coefficient_files import SAMPLINGS, random_file
from support.preprocessing import assert_as_reference, network
resize = {"fit": "exact", "scaled_decoding": True}
made = 0
for index, (down, across) in enumerate(product((3.1, 9.3, 21), repeat=2)):
    # A third of the widths from 9 to 16 for each pair.
    for width in range(9 + (index + index // 3) % 3, 17, 3):
        size = (round(width * across), round(8 * down))
        data = random_file(SAMPLINGS["4:2:0"], *size)
        assert_as_reference(data, network((8, width), resize=resize), 1)
        made += 1
print(made)
"""
    assert succeeds(code).strip() == "24"
