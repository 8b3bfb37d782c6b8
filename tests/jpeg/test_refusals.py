"""Kinds of files that are not read are refused in one line with the cause and what to do."""

from __future__ import annotations

import numpy as np
import pytest
from support.decode_refusals import color_frame, flat_frame, refusal
from support.jpeg_writer import Frame, segment, write_jpeg

from jpegcompile.jpeg.read import read_coefficients

CONVERT = "convert it to a baseline JPEG"

UNPACK = "unpack it and give the JPEG files inside"
UNKNOWN, UNSUPPORTED = "jpeg-not-recognized", "jpeg-kind-unsupported"


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
            "an AppleDouble file of macOS ('._...')",
            "leave it out, because the image is in the file without '._'",
        ),
        (b"\0\1\2\3", "data of an unknown kind", None),
    ],
)
def test_other_formats_are_named(data: bytes, kind: str, advice: str | None) -> None:
    for tolerant in (False, True):
        assert refusal(data, UNKNOWN, tolerant=tolerant) == (
            f"bytes: not a JPEG: it looks like {kind}; {advice or 'give a whole JPEG file'}"
        )


def test_bytes_before_the_start() -> None:
    data = write_jpeg(flat_frame())
    for front in (b"\n", b"HTTP/1.1 200 OK\r\n\r\n", bytes(5000)):
        assert f"begins at byte {len(front)}" in refusal(front + data, UNKNOWN)
    assert "it looks like a zip archive; unpack" in refusal(b"PK\x03\x04" + data, UNKNOWN)
    assert "only zeros" in refusal(bytes(5000), UNKNOWN)


def test_component_without_scan() -> None:
    frame = color_frame(scans=[0, 2])
    assert "component 1 has no scan" in refusal(write_jpeg(frame))
    planes = read_coefficients(write_jpeg(frame), tolerant=True).planes
    assert planes[0].any()
    assert not planes[1].any()


def test_zero_and_missing_quantization() -> None:
    frame = flat_frame()
    frame.quantization[0, 7, 7] = 0
    assert "quantization table of component 0 contains a zero" in refusal(write_jpeg(frame))
    frame.quantization = np.zeros((0, 8, 8), np.uint16)
    assert "Quantization table 0x00 was not defined" in refusal(write_jpeg(frame))


def test_two_and_four_components() -> None:
    gray = flat_frame()
    for count, kind in ((2, "2 components are"), (4, r"4 components (CMYK or YCCK) are")):
        frame = Frame(24, 16, list(gray.planes) * count, [(1, 1)] * count, gray.quantization)
        frame.quantization = np.repeat(gray.quantization, count, 0)
        frame.component_ids = range(count)
        assert f"{kind} not supported; convert it" in refusal(write_jpeg(frame), UNSUPPORTED)


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
            assert refusal(data, UNSUPPORTED, tolerant=tolerant) == (
                f"bytes: {process} (marker 0x{marker:02x}) is not supported; {CONVERT}"
            )


def test_a_hierarchical_progression_is_refused() -> None:
    data = write_jpeg(flat_frame())
    begin = segment(0xDE, bytes([8, 0, 16, 0, 24, 1, 1, 0x11, 0]))
    assert refusal(data[:2] + begin + data[2:], UNSUPPORTED) == (
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
    assert "DNL marker" in refusal(header_of(24, 0), UNSUPPORTED)
    for width, height, count in ((0, 16, 1), (0, 0, 1), (24, 0, 0)):
        words = f"{width} x {height} pixels and {count} components"
        assert words in refusal(header_of(width, height, count))
    assert "65501 x 16 pixels" in refusal(header_of(65501, 16), "jpeg-too-large")
