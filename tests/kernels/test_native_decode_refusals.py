"""Errors of JpegDecode for unsupported files and nodes: the node, the cause, what to do."""

from __future__ import annotations

import resource
from itertools import product
from typing import Any

import numpy as np
import pytest
from support.coefficient_files import SAMPLINGS, random_file
from support.decode_cases import decode_session, decoded, said
from support.images import make_jpeg
from support.jpeg_writer import SOI

from jpegcompile.operators.ingest import DECODE, DECODE_GRAY

WHOLE = random_file(SAMPLINGS["4:2:0"], 24, 16)
GRAY = random_file(SAMPLINGS["gray"], 24, 16)
RGB_IDS = tuple(map(ord, "RGB"))


def sampled(name: str, **options: Any) -> bytes:
    return random_file(SAMPLINGS[name], 24, 16, **options)


def refusal(file: bytes, op: str = DECODE, **attributes: Any) -> str:
    given: dict[str, Any] = {"height": 16, "width": 24, **attributes}
    if op == DECODE:
        given.setdefault("subsampling", "4:2:0")
    session = decode_session(op, **given)
    return said(op, lambda: decoded(session, file))


SAMPLING = "but the model is compiled for 4:2:0; give a file of that sampling"
BYTES = "give the bytes of a whole JPEG file"
CONVERT = "convert it to a baseline JPEG"
SIZE = "but the model takes 24x16; give a file of that size"
FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", f"not a JPEG: it is empty; {BYTES}"),
    "text": (b"ceci n'est pas une image", f"not a JPEG: it looks like text; {BYTES}"),
    "png": (b"\x89PNG\r\n\x1a\n", f"not a JPEG: it looks like a PNG image; {CONVERT}"),
    "start alone": (SOI, f"damaged: Premature end of JPEG file; {BYTES}"),
    "cut": (WHOLE[:-40], f"damaged: Premature end of JPEG file; {BYTES}"),
    "cut off": (
        b"\r\n" + WHOLE,
        "not a JPEG: a JPEG begins at byte 2, after other data; remove the bytes before it",
    ),
    "height 0": (
        WHOLE.replace(b"\0\x10\0\x18\x03", b"\0\0\0\x18\x03"),
        f"the height is in a DNL marker, which is not supported; {CONVERT}",
    ),
    "12 bits": (
        WHOLE.replace(b"\xff\xc1\0\x11\x08", b"\xff\xc1\0\x11\x0c"),
        "12-bit samples are not supported; convert it to an 8-bit JPEG",
    ),
    "lossless": (
        WHOLE.replace(b"\xff\xc1", b"\xff\xc3"),
        f"lossless JPEG (marker 0xc3) is not supported; {CONVERT}",
    ),
    "cmyk": (
        make_jpeg(24, 16, "CMYK"),
        "4 components (CMYK or YCCK) are not supported; convert it to RGB or grayscale",
    ),
    "one scan missing": (
        sampled("4:2:0", scans=[0, 2]),
        f"corrupt data: component 1 has no scan or no quantization table; {BYTES}",
    ),
    "scan bomb": (
        sampled("4:2:0", scans=[0, 1, 2] * 334),
        "more than 1000 scans; encode it again if the file is trusted",
    ),
    "another size": (random_file(SAMPLINGS["4:2:0"], 16, 24), f"the file is 16x24 {SIZE}"),
    "one pixel more": (random_file(SAMPLINGS["4:2:0"], 25, 16), f"the file is 25x16 {SIZE}"),
    "huge": (
        WHOLE.replace(b"\0\x10\0\x18\x03", b"\xff\xdc\xff\xdc\x03"),
        f"the file is 65500x65500 {SIZE}",
    ),
    "4:4:4": (sampled("4:4:4"), f"the file is 4:4:4 {SAMPLING}, or use jpegcompile.load"),
    "4:4:0": (sampled("4:4:0"), f"the file is 4:4:0 {SAMPLING}, or use jpegcompile.load"),
    "gray": (GRAY, f"the file is gray {SAMPLING}, or use jpegcompile.load"),
    "rgb": (
        sampled("4:2:0", component_ids=RGB_IDS),
        f"the file is RGB-coded {SAMPLING}, or use jpegcompile.load",
    ),
    "4:1:0": (
        sampled("4:1:0"),
        f"the file is factors 4x2 1x1 1x1 {SAMPLING}, or use jpegcompile.load",
    ),
    "crossed": (
        sampled("crossed"),
        f"the file is factors 2x1 1x2 1x2 {SAMPLING}, or use jpegcompile.load",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_files(name: str) -> None:
    file, message = FILES[name]
    assert refusal(file) == message


def test_bytes_behind_a_scan() -> None:
    """The number of bytes that libjpeg reports depends on how far it reads ahead."""
    message = refusal(WHOLE[:-2] + bytes(40) + WHOLE[-2:])
    assert message.startswith("damaged: Corrupt JPEG data: ")
    assert message.endswith(f" extraneous bytes before marker 0xd9; {BYTES}")


def test_zero_in_a_table() -> None:
    # The luma table comes first, in zigzag order, with 16 bits.
    start = WHOLE.index(b"\xff\xdb") + 5
    file = WHOLE[:start] + b"\0\0" + WHOLE[start + 2 :]
    assert refusal(file) == (
        f"corrupt data: the quantization table of component 0 contains a zero; {BYTES}"
    )


@pytest.mark.parametrize(
    ("file", "takes_color", "found"),
    [
        (WHOLE, 0, "4:2:0"),
        (sampled("4:2:0", component_ids=RGB_IDS), 1, "RGB-coded"),
        (sampled("luma subsampled"), 1, "factors 1x1 2x2 2x2"),
    ],
)
def test_files_that_are_not_gray(file: bytes, takes_color: int, found: str) -> None:
    assert refusal(file, DECODE_GRAY, takes_color=takes_color) == (
        f"the file is {found} but the model is compiled for gray; give a file of that sampling,"
        " or use jpegcompile.load"
    )


def test_every_other_subsampling_is_refused() -> None:
    names = ("4:4:4", "4:2:2", "4:4:0", "4:2:0", "4:1:1")
    for name, other in product(names, names):
        if name == other:
            session = decode_session(DECODE, height=16, width=24, subsampling=name)
            assert len(decoded(session, sampled(other))) == 3
        else:
            message = refusal(sampled(other), subsampling=name)
            start = f"the file is {other} but the model is compiled for {name}; "
            assert message.startswith(start)


@pytest.mark.parametrize("shape", [(), (1, 4), (2, 1, 1)])
def test_other_ranks(shape: tuple[int, ...]) -> None:
    session = decode_session(DECODE, len(shape), height=16, width=24, subsampling="4:2:0")
    feed = {"jpeg": np.zeros(shape, np.uint8)}
    text = str(list(shape)).replace(" ", "")
    assert said(DECODE, lambda: session.run(None, feed)) == (
        f"jpeg has shape {text}; give the bytes of one file, [bytes]"
    )


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"height": 0}, "height is 0;"),
        ({"width": 65536}, "width is 65536;"),
        ({"width": -(2**63)}, f"width is {-(2**63)};"),
        *(
            (
                {"subsampling": name},
                f"subsampling is '{name}'; it must be one of 4:4:4, 4:2:2, 4:4:0, 4:2:0 and 4:1:1",
            )
            for name in ("4:2:1", "gray")
        ),
    ],
)
def test_attributes(attributes: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"height": 16, "width": 24, "subsampling": "4:2:0", **attributes}
    assert message in said(DECODE, lambda: decode_session(DECODE, **given))


@pytest.mark.parametrize("missing", ["height", "width", "subsampling"])
def test_missing_attributes(missing: str) -> None:
    given: dict[str, Any] = {"height": 16, "width": 24, "subsampling": "4:2:0"}
    del given[missing]
    assert missing in said(DECODE, lambda: decode_session(DECODE, **given))


def test_a_large_model_takes_no_memory_for_another_file() -> None:
    """2,000 refused files leak no memory: one leaked frame each would be 3 GB."""
    session = decode_session(DECODE, height=1024, width=768, subsampling="4:2:0")
    whole = make_jpeg(768, 1024, subsampling="4:2:0", quality=10)
    decoded(session, whole)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1000):
        said(DECODE, lambda: decoded(session, whole[:3000]))
        said(DECODE, lambda: decoded(session, WHOLE))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 << 10  # kibibytes
