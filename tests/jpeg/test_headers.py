"""Bytes between header markers that markers parse around are no damage; lost coefficients are."""

from __future__ import annotations

import io
from pathlib import Path

import jpeglib
import numpy as np
import pytest
from PIL import Image
from support.coefficient_files import SAMPLINGS, random_file
from support.decode_cases import assert_same, decode_session, decoded, planes_of
from support.decode_refusals import refusal
from support.images import make_jpeg
from support.jpeg_writer import EOI, SOI, segment

from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.operators.ingest import DECODE

SOS, DHT, DQT, COM, APP14 = 0xDA, 0xC4, 0xDB, 0xFE, 0xEE
DAMAGE = "; replace the file, or read the undamaged part (--tolerant, or tolerant=True in"
ADOBE = segment(APP14, b"Adobe\0\x64\0\0\0\0\x02")
# What stands between markers of real files.
JUNK = {
    "two zeros": b"\0\0",
    "padding": bytes(1000),
    "text": b"\r\n-- made by a camera --\r\n",
    "stuffed": b"\x12\xff\0\x34",
    "fill bytes": b"\xff" * 9,
    "more than a buffer": bytes(70000),
    "lone markers": b"\xff\x01\xff\xd3\xff\x01",
    "a comment that says to be shorter than it is": segment(COM, b"")[:-1] + b"\x05abcdefgh",
    "an unknown JFIF": segment(0xE0, b"JFIF\0\x07\x03\0\0\1\0\1\x09\x09"),
    "an unknown APP0": segment(0xE0, b"???"),
    "an unknown APP14": segment(APP14, b"Adobe"),
    "a number of lines": segment(0xDC, b"\0\x01"),
}


def segments(data: bytes) -> list[tuple[int, int]]:
    """Positions and markers of the segments behind SOI, and of EOI."""
    found = []
    at = 2
    while at < len(data):
        marker = data[at + 1]
        found.append((at, marker))
        if marker == 0xD9:
            return found
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == SOS:
            while data[at] != 0xFF or data[at + 1] in (0, *range(0xD0, 0xD8)):
                at += 1
    raise AssertionError("no end")


def header_places(data: bytes, *, later: bool) -> list[int]:
    """Where a segment begins behind another one, or SOI; up to the first scan, or behind it."""
    found = segments(data)
    first = next(i for i, (_, marker) in enumerate(found) if marker == SOS)
    return [
        found[i][0]
        for i in range(len(found))
        if (i == 0 or found[i - 1][1] != SOS) and (i > first) == later
    ]


def with_junk(data: bytes, junk: bytes, places: list[int]) -> bytes:
    for at in sorted(places, reverse=True):
        data = data[:at] + junk + data[at:]
    return data


def assert_reads(data: bytes, whole: Coefficients, folder: Path) -> None:
    """Equal to the file without junk, and to what jpeglib reads."""
    found = read_coefficients(data)
    path = folder / "file.jpg"
    path.write_bytes(data)
    other = jpeglib.read_dct(str(path))
    expected = [other.Y, other.Cb, other.Cr][: len(whole.planes)]
    for plane, wanted, planes in zip(found.planes, whole.planes, expected, strict=True):
        np.testing.assert_array_equal(plane, wanted)
        np.testing.assert_array_equal(plane, planes)
    np.testing.assert_array_equal(found.quantization, whole.quantization)
    assert (found.color_space, found.sampling) == (whole.color_space, whole.sampling)
    assert read_coefficients(path).planes[0].tobytes() == found.planes[0].tobytes()


def damage(data: bytes) -> str:
    """The cause for which a file is called damaged in strict reading; tolerant reading takes it."""
    message = refusal(data)
    assert message.startswith("bytes: damaged: ")
    assert DAMAGE in message
    read_coefficients(data, tolerant=True)
    return message.removeprefix("bytes: damaged: ").partition(";")[0]


FILES = {
    "baseline": make_jpeg(50, 37, subsampling="4:2:0"),
    "gray with restarts": make_jpeg(50, 37, "L", restart_marker_blocks=3),
    "optimized": make_jpeg(50, 37, subsampling="4:4:4", optimize=True),
    "progressive": make_jpeg(50, 37, progressive=True),
    "three scans": random_file(SAMPLINGS["4:2:0"], 50, 37),
}


@pytest.mark.parametrize("kind", JUNK)
@pytest.mark.parametrize("name", FILES)
def test_junk_in_the_header(tmp_path: Path, name: str, kind: str) -> None:
    data = FILES[name]
    places = header_places(data, later=False)
    assert len(places) > 4
    whole = read_coefficients(data)
    for at in places if len(JUNK[kind]) < 100 else places[:1] + places[-1:]:
        assert_reads(with_junk(data, JUNK[kind], [at]), whole, tmp_path)
    assert_reads(with_junk(data, JUNK[kind], places), whole, tmp_path)


@pytest.mark.parametrize("kind", JUNK)
def test_junk_between_the_tables_of_scans(tmp_path: Path, kind: str) -> None:
    data = FILES["progressive"]
    places = header_places(data, later=True)
    assert len(places) > 4
    assert_reads(with_junk(data, JUNK[kind], places), read_coefficients(data), tmp_path)


def test_pixels_are_those_of_pillow() -> None:
    """Pillow decodes the file to the pixels of the one without junk."""
    data = FILES["optimized"]
    whole = read_coefficients(data)
    # Pillow's own reader asks for a marker behind SOI.
    places = header_places(data, later=False)[1:]
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    # jpeglib does not take the last of these, a segment whose length is 0.
    for junk in (JUNK["text"], JUNK["padding"], b"\xff\xe5\0\0"):
        file = with_junk(data, junk, places)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file))), pixels)
        np.testing.assert_array_equal(read_coefficients(file).planes[0], whole.planes[0])


def test_jpeg_decode_reads_around_junk() -> None:
    data = FILES["baseline"]
    session = decode_session(DECODE, height=37, width=50, subsampling="4:2:0")
    expected = planes_of(read_coefficients(data))
    for kind in ("two zeros", "stuffed", "more than a buffer"):
        file = with_junk(data, JUNK[kind], header_places(data, later=False))
        assert_same(decoded(session, file), expected)


@pytest.mark.parametrize("tail", [bytes(9), b"\xff\xff", b"text", b"\xff\xd8\xff\xe0"])
def test_what_stands_behind_the_image_is_not_read(tmp_path: Path, tail: bytes) -> None:
    for name in ("baseline", "progressive"):
        assert_reads(FILES[name] + tail, read_coefficients(FILES[name]), tmp_path)


@pytest.mark.parametrize("name", ["baseline", "optimized", "progressive", "three scans"])
def test_bytes_behind_the_data_of_a_scan_are_damage(name: str) -> None:
    """They might be coefficients; libjpeg looks a few bytes ahead, and drops those silently."""
    data = FILES[name]
    found = segments(data)
    for index, (at, _) in enumerate(found):
        if index and found[index - 1][1] == SOS:
            cause = damage(with_junk(data, b"\x55" * 40, [at]))
            assert "extraneous bytes before marker" in cause


def test_bytes_within_the_data_of_a_scan_are_damage() -> None:
    data = FILES["gray with restarts"]
    restart = data.index(b"\xff\xd1")
    cause = damage(with_junk(data, b"\x55" * 40, [restart]))
    assert "extraneous bytes before marker 0xd1" in cause
    swapped = data[: restart + 1] + b"\xd2" + data[restart + 2 :]
    assert "found marker 0xd2 instead of RST1" in damage(swapped)


def test_a_huffman_table_whose_marker_is_broken() -> None:
    """What libjpeg takes in its place makes other coefficients, often without a warning."""
    data = make_jpeg(8, 8, "L", quality=5, optimize=True)
    for at, marker in segments(data):
        if marker == DHT:
            broken = data[:at] + b"\xfe" + data[at + 1 :]
            assert "Huffman table is missing" in damage(broken) or "Corrupt" in damage(broken)
    plain = FILES["baseline"]
    at = next(at for at, marker in segments(plain) if marker == DHT)
    assert damage(plain[:at] + b"\xfe" + plain[at + 1 :]).endswith("a Huffman table is missing")


def test_a_scan_whose_marker_is_broken() -> None:
    """Every later scan of a progressive file refines others, and can be lost without a warning."""
    data = FILES["progressive"]
    causes = set()
    for at, marker in segments(data):
        if marker == SOS:
            broken = data[:at] + b"\xfe" + data[at + 1 :]
            causes.add(damage(broken))
    assert any(cause.endswith("a scan is missing") for cause in causes)


def test_adobe_transform_2_of_three_components() -> None:
    """YCbCr, as libjpeg takes it; so the file is the one without the marker."""
    data = FILES["baseline"]
    assert data[2:4] == b"\xff\xe0"
    bare = SOI + data[20:]
    adobe = SOI + ADOBE + data[20:]
    for file in (adobe, SOI + ADOBE + data[2:]):
        found, expected = read_coefficients(file), read_coefficients(bare)
        assert found.color_space == "ycbcr"
        for plane, wanted in zip(found.planes, expected.planes, strict=True):
            np.testing.assert_array_equal(plane, wanted)
        first, second = (np.asarray(Image.open(io.BytesIO(one))) for one in (file, bare))
        np.testing.assert_array_equal(first, second)
    rgb = SOI + ADOBE.replace(b"\x02", b"\0") + data[20:]
    assert read_coefficients(rgb).color_space == "rgb"
    session = decode_session(DECODE, height=37, width=50, subsampling="4:2:0")
    assert_same(decoded(session, adobe), planes_of(read_coefficients(bare)))


def test_the_range_of_a_sequential_scan() -> None:
    """0 to 0 in place of 0 to 63 is what some encoders write; a precision is of another process."""
    data = FILES["baseline"]
    end = data.index(b"\0\x3f\0", data.index(b"\xff\xda"))
    whole = read_coefficients(data)
    zeros = data[:end] + b"\0\0\0" + data[end + 3 :]
    np.testing.assert_array_equal(read_coefficients(zeros).planes[1], whole.planes[1])
    for fields in (b"\1\x3f\0", b"\0\x3f\1", b"\0\x3f\x10"):
        assert "Invalid SOS parameters" in damage(data[:end] + fields + data[end + 3 :])


def test_two_starts_are_refused() -> None:
    """So does libjpeg, and with it everyone else."""
    assert "two SOI markers" in refusal(SOI + FILES["baseline"])
    with pytest.raises(OSError, match="broken data stream"):
        Image.open(io.BytesIO(SOI + FILES["baseline"])).load()


def test_a_bogus_marker_in_junk_is_refused() -> None:
    data = FILES["baseline"]
    at = header_places(data, later=False)[1]
    assert "Unsupported marker type 0x41" in refusal(with_junk(data, b"ab\xff\x41", [at]))


def test_tolerant_reading_takes_junk_as_well() -> None:
    data = FILES["progressive"]
    junk = with_junk(data, b"\0\0", [at for at, _ in segments(data)])
    planes = read_coefficients(junk, tolerant=True).planes
    np.testing.assert_array_equal(planes[0], read_coefficients(data).planes[0])
    assert junk.endswith(EOI)
