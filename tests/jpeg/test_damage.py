"""Damaged files are refused or read as far as possible; nothing crashes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.decode_refusals import flat_frame, refusal
from support.images import make_jpeg
from support.jpeg_writer import write_jpeg

from jpegcompile.jpeg.read import read_coefficients, read_coefficients_many

# Of ../shared/images/bad/EXPECTED.md: the cause in strict reading, and in tolerant reading where
# that fails too.
BAD_FILES: dict[str, tuple[str | None, str | None]] = {
    "empty": ("not a JPEG: it is empty", "not a JPEG: it is empty"),
    "soi_only": ("damaged: Premature end", "contains no image"),
    "header_only": ("damaged: Premature end", "missing SOS marker"),
    "text": ("not a JPEG: it looks like text", "not a JPEG: it looks like text"),
    "png_named": ("not a JPEG: it looks like a PNG", "not a JPEG: it looks like a PNG"),
    "zero_size": ("empty JPEG image", "empty JPEG image"),
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
    "zero_quant_table": ("quantization table of component 0 contains a zero",) * 2,
    "no_huffman_table": (None, None),
}
# Codes other than "jpeg-damaged".
CODES = {
    "empty": "jpeg-not-recognized",
    "text": "jpeg-not-recognized",
    "png_named": "jpeg-not-recognized",
    "precision_12": "jpeg-kind-unsupported",
    "bomb_65535x65535": "jpeg-too-large",
    "bomb_60000x60000": "jpeg-too-large",
}


@pytest.mark.shared
@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.parametrize("tolerant", [False, True])
def test_bad_files(shared: Path, name: str, tolerant: bool) -> None:
    path = shared / "images" / "bad" / f"{name}.jpg"
    cause = BAD_FILES[name][tolerant]
    if cause is not None:
        for source, start in ((path, str(path)), (path.read_bytes(), "bytes")):
            message = refusal(source, CODES.get(name, "jpeg-damaged"), tolerant=tolerant)
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


# Run with -P: the current folder may hold the sources without the native module.
FUZZ = """
import random, sys
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.read import read_coefficients
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
