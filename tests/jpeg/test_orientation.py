"""The orientation of a file, as Pillow reads it; metadata that are damaged give none."""

from __future__ import annotations

import io
import math
import struct
import warnings

import numpy as np
import pytest
from PIL import Image
from support.images import make_jpeg
from support.jpeg_writer import SOI, segment

from jpegcompile.jpeg.read import read_coefficients

ORIENTATION = 0x0112
BYTE, ASCII, SHORT, LONG, RATIONAL, SBYTE, SSHORT, SLONG, SRATIONAL = 1, 2, 3, 4, 5, 6, 8, 9, 10
FLOAT, DOUBLE, IFD, LONG8 = 11, 12, 13, 16
FORMATS = {
    BYTE: "B3x",
    SHORT: "H2x",
    LONG: "I",
    ASCII: "B3x",
    RATIONAL: "I",
    SBYTE: "b3x",
    SSHORT: "h2x",
    SLONG: "i",
    FLOAT: "f",
    IFD: "I",
}
# Read by the decoder of clean baseline files, and by libjpeg.
FILES = {False: make_jpeg(17, 9), True: make_jpeg(17, 9, progressive=True)}


def entry(order: str, tag: int, kind: int, value: float, count: int = 1) -> bytes:
    """An entry of an image file directory (TIFF 6.0, section 2)."""
    return struct.pack(order + "HHI", tag, kind, count) + struct.pack(order + FORMATS[kind], value)


def exif(order: str, *entries: bytes, gap: int = 0, magic: int = 42) -> bytes:
    """The content of an APP1 segment with one directory, `gap` bytes behind the header."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", magic, 8 + gap)
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries)
    return b"Exif\0\0" + head + bytes(gap) + directory + bytes(4)


def with_segments(data: bytes, *contents: bytes) -> bytes:
    """The file with APP1 segments at its start."""
    return SOI + b"".join(segment(0xE1, content) for content in contents) + data[2:]


def orientation_of(*contents: bytes) -> int:
    """What the reader says of files with these APP1 segments; both decoders have to agree."""
    found = {
        read_coefficients(with_segments(data, *contents)).frame.orientation
        for data in FILES.values()
    }
    assert len(found) == 1
    return found.pop()


def pillow_orientation(*contents: bytes) -> object:
    """What Pillow's ImageOps.exif_transpose turns by."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of entries that Pillow leaves out
        image = Image.open(io.BytesIO(with_segments(FILES[False], *contents)))
        try:
            return image.getexif().get(ORIENTATION, 1)
        except (SyntaxError, struct.error):  # of what is no TIFF structure; it turns nothing
            return 1


def turned(*contents: bytes) -> object:
    """The same, 1 where it turns by nothing."""
    found = pillow_orientation(*contents)
    return found if found in range(1, 9) else 1


def test_files_without_metadata_are_not_turned() -> None:
    assert orientation_of() == 1


@pytest.mark.parametrize("progressive", FILES)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_pillow_writes(progressive: bool, orientation: int) -> None:
    written = Image.Exif()
    written[ORIENTATION] = orientation
    written[0x010F] = "a camera"
    data = make_jpeg(16, 24, progressive=progressive, exif=written)
    assert Image.open(io.BytesIO(data)).getexif()[ORIENTATION] == orientation
    assert read_coefficients(data).frame.orientation == orientation


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [SHORT, LONG, SBYTE, SSHORT, SLONG, IFD])
@pytest.mark.parametrize("gap", [0, 1, 1000])
def test_byte_orders_and_types(order: str, kind: int, gap: int) -> None:
    content = exif(
        order,
        entry(order, 0x0100, LONG, 6),
        entry(order, ORIENTATION, kind, 6),
        entry(order, 0x0128, SHORT, 3),
        gap=gap,
    )
    assert pillow_orientation(content) == 6
    assert orientation_of(content) == 6


VALID = exif("<", entry("<", ORIENTATION, SHORT, 5))
INVALID = {
    "value 0": exif("<", entry("<", ORIENTATION, SHORT, 0)),
    "value 9": exif("<", entry("<", ORIENTATION, SHORT, 9)),
    "value 65536 + 3": exif("<", entry("<", ORIENTATION, LONG, 65539)),
    "byte": exif("<", entry("<", ORIENTATION, BYTE, 3)),  # bytes to Pillow, too
    "text": exif("<", entry("<", ORIENTATION, ASCII, 3)),
    "fraction": exif("<", entry("<", ORIENTATION, RATIONAL, 3)),
    "no value": exif("<", entry("<", ORIENTATION, SHORT, 3, count=0)),
    "values beyond the end": exif("<", entry("<", ORIENTATION, SHORT, 3, count=3)),
    "unknown type": exif("<", entry("<", ORIENTATION, LONG, 3).replace(b"\4", b"\x0e", 1)),
    "cut off": exif("<", entry("<", ORIENTATION, SHORT, 3))[:-6],
    "no entries": exif("<"),
    "magic": exif("<", entry("<", ORIENTATION, SHORT, 3), magic=43),
    "byte order": VALID.replace(b"II", b"IM"),
    "signature": VALID.replace(b"Exif", b"exif"),
    "directory beyond the end": VALID.replace(b"\x08\0\0\0", b"\xff\xff\xff\xff"),
    "signature alone": b"Exif\0\0",
    "empty": b"",
    "profile": b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>",
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_metadata_turn_nothing(name: str) -> None:
    assert orientation_of(VALID) == 5
    # Bytes and text are no numbers to Pillow, either.
    assert pillow_orientation(INVALID[name]) not in range(2, 9)
    assert orientation_of(INVALID[name]) == 1


def xmp(content: bytes) -> bytes:
    """The content of an APP1 segment of XMP."""
    return b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + content + b"</x:xmpmeta>"


def property_of(value: bytes) -> bytes:
    return xmp(b'<rdf:Description tiff:Orientation="' + value + b'"/>')


def several(order: str, *values: int) -> bytes:
    """More values than an entry holds; they stand behind the directory."""
    kind = struct.pack(order + "HHII", ORIENTATION, SHORT, len(values), 8 + 2 + 12 + 4)
    return exif(order, kind) + struct.pack(f"{order}{len(values)}H", *values)


def outside(order: str, kind: int, values: bytes, count: int = 1) -> bytes:
    """An entry whose values stand behind the directory."""
    place = 8 + 2 + 12 + 4
    return exif(order, struct.pack(order + "HHII", ORIENTATION, kind, count, place)) + values


def behind(*entries: bytes) -> bytes:
    """Entries in front of one that says 6."""
    return exif("<", *entries, entry("<", ORIENTATION, SHORT, 6))


def with_header(header: bytes) -> bytes:
    """Metadata that say 5 in the byte order of a header of four bytes, behind that header."""
    order = "<" if header.startswith(b"I") else ">"
    valid = exif(order, entry(order, ORIENTATION, SHORT, 5))
    return valid[:6] + header + valid[10:]


def far(tag: int, kind: int, count: int, place: int = 5000) -> bytes:
    """An entry whose values stand at a place in the file, or beyond its end."""
    return struct.pack("<HHII", tag, kind, count, place)


MAKE, MODEL = 0x010F, 0x0110
# Of the last bytes the entry of the orientation.
SPLIT = exif("<", entry("<", MODEL, SHORT, 1), entry("<", ORIENTATION, SHORT, 6))
MAKER = exif("<", entry("<", 0x0110, SHORT, 1))
# By several segments, or by what few programs write.
UNUSUAL: dict[str, tuple[int, tuple[bytes, ...]]] = {
    "two values in the entry": (3, (exif("<", entry("<", ORIENTATION, SHORT, 3, count=2)),)),
    "three values, little endian": (6, (several("<", 6, 3, 1),)),
    "three values, big endian": (6, (several(">", 6, 3, 1),)),
    "signature twice": (5, (b"Exif\0\0" + VALID,)),
    "first entry counts": (
        3,
        (exif("<", *(entry("<", ORIENTATION, SHORT, value) for value in (3, 6))),),
    ),
    "an entry without value, then one": (
        6,
        (
            exif(
                "<",
                entry("<", ORIENTATION, SHORT, 3, count=0),
                entry("<", ORIENTATION, SHORT, 6),
            ),
        ),
    ),
    "two structures": (5, (VALID, several("<", 6, 3, 1))),
    "nothing in the first structure": (1, (MAKER, VALID)),
    "one structure in two segments": (6, (SPLIT[:30], b"Exif\0\0" + SPLIT[30:])),
    "values in the second segment": (
        6,
        (several("<", 6, 3, 1)[:-6], property_of(b"3"), b"Exif\0\0" + struct.pack("<3H", 6, 3, 1)),
    ),
    "one structure in three segments": (
        6,
        (SPLIT[:8], b"Exif\0\0" + SPLIT[8:31], b"Exif\0\0", b"Exif\0\0" + SPLIT[31:]),
    ),
    "signature in the second segment": (5, (b"Exif\0\0", b"Exif\0\0" + VALID)),
    "values beyond the end in front": (1, (behind(far(MAKE, ASCII, 30)),)),
    "values beyond the end in front, and XMP": (
        3,
        (behind(far(MAKE, ASCII, 30)), property_of(b"3")),
    ),
    "values longer than the file in front": (
        6,
        (behind(far(MAKE, LONG, 5000, place=8)),),
    ),
    # 30 and 28 bytes of 50: too long together, so the second is passed over, wherever it stands.
    "values that are too long together": (
        6,
        (behind(far(MAKE, SHORT, 15, place=0), far(MODEL, SHORT, 14)),),
    ),
    # Another entry of a tag is not looked at.
    "values beyond the end of a tag that is there": (
        6,
        (behind(entry("<", MAKE, SHORT, 1), far(MAKE, LONG, 4)),),
    ),
    "values beyond the end behind": (
        6,
        (
            exif(
                "<",
                entry("<", ORIENTATION, SHORT, 6),
                far(MAKE, LONG, 4),
            ),
        ),
    ),
    "unknown type in front": (
        6,
        (behind(far(MAKE, 14, 30)),),
    ),
    "no byte order, and XMP": (1, (INVALID["byte order"], property_of(b"6"))),
    "no magic number, and XMP": (1, (INVALID["magic"], property_of(b"6"))),
    "a header that ends, and XMP": (1, (VALID[:13], property_of(b"6"))),
    "a header alone, and XMP": (6, (VALID[:14], property_of(b"6"))),
    "magic number of the other order, big endian": (5, (with_header(b"MM\x2a\0"),)),
    "magic number of the other order, little endian": (5, (with_header(b"II\0\x2a"),)),
    "BigTIFF, big endian": (5, (with_header(b"MM\0\x2b"),)),
    "BigTIFF, little endian": (1, (with_header(b"II\x2b\0"), property_of(b"6"))),
    "float": (6, (exif(">", entry(">", ORIENTATION, FLOAT, 6.0)),)),
    "float of no orientation": (1, (exif(">", entry(">", ORIENTATION, FLOAT, 6.5)),)),
    "double": (6, (outside(">", DOUBLE, struct.pack(">d", 6)),)),
    "double of no orientation": (1, (outside("<", DOUBLE, struct.pack("<d", math.nan)),)),
    "fraction 12/2": (6, (outside("<", RATIONAL, struct.pack("<II", 12, 2)),)),
    "fraction 13/2": (1, (outside("<", RATIONAL, struct.pack("<II", 13, 2)),)),
    "fraction 6/0": (1, (outside("<", RATIONAL, struct.pack("<II", 6, 0)),)),
    "fraction of large numbers": (
        1,
        (outside("<", RATIONAL, struct.pack("<II", 4294967291, 715827882)),),
    ),
    "fraction -6/-1": (6, (outside(">", SRATIONAL, struct.pack(">ii", -6, -1)),)),
    "fraction -6/-1 without signs": (1, (outside(">", RATIONAL, struct.pack(">ii", -6, -1)),)),
    "64 bits": (6, (outside("<", LONG8, struct.pack("<Q", 6)),)),
    "64 bits of no orientation": (1, (outside("<", LONG8, struct.pack("<Q", 2**32 + 6)),)),
    "an empty segment, then one": (5, (b"Exif\0\0", VALID)),
    "XMP attribute": (6, (property_of(b"6"),)),
    "XMP element": (8, (xmp(b"<tiff:Orientation>8</tiff:Orientation>"),)),
    "XMP behind EXIF without orientation": (6, (MAKER, property_of(b"6"))),
    "EXIF counts more than XMP": (5, (property_of(b"6"), VALID)),
    "EXIF that says 0": (1, (INVALID["value 0"], property_of(b"6"))),
    "last XMP counts": (3, (property_of(b"6"), property_of(b"3"))),
    "last XMP does not say": (1, (property_of(b"6"), xmp(b""))),
    "XMP of no digit, then one": (4, (xmp(b"tiff:Orientation='6' tiff:Orientation=\"4\""),)),
    "XMP beyond 8": (1, (property_of(b"9"),)),
    "XMP that ends": (1, (xmp(b"")[:29] + b'tiff:Orientation="',)),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_metadata_as_in_pillow(name: str) -> None:
    expected, contents = UNUSUAL[name]
    assert turned(*contents) == expected
    assert orientation_of(*contents) == expected


def test_every_beginning_and_change_of_metadata() -> None:
    for size in range(len(VALID)):
        assert orientation_of(VALID[:size]) == turned(VALID[:size])
    chance = np.random.default_rng(1)
    for _ in range(300):
        damaged = bytearray(VALID)
        damaged[chance.integers(len(damaged))] = chance.integers(256)
        assert orientation_of(bytes(damaged)) == turned(bytes(damaged))


def test_exif_beyond_its_limit_is_left_out() -> None:
    """2^20 bytes of content count: here the place of the value is the last of them, or beyond."""
    most = 1 << 20
    part = 60000

    def split(place: int) -> list[bytes]:
        head = outside("<", SHORT, b"", count=3)
        content = head[:6] + head[6:24] + struct.pack("<I", place) + head[28:]
        joined = content[6:].ljust(place, b"\0") + struct.pack("<3H", 6, 6, 6)
        return [b"Exif\0\0" + joined[at : at + part] for at in range(0, len(joined), part)]

    inside, beyond = split(most - 6), split(most - 5)
    assert pillow_orientation(*inside) == pillow_orientation(*beyond) == 6
    assert orientation_of(*inside) == 6
    assert orientation_of(*beyond) == 1


def test_other_segments_stand_in_front() -> None:
    assert orientation_of(INVALID["profile"], VALID) == 5
    assert (
        orientation_of(INVALID["empty"], VALID, exif(">", entry(">", ORIENTATION, SHORT, 2))) == 5
    )


def test_a_longest_segment() -> None:
    content = exif(">", entry(">", ORIENTATION, SHORT, 7), gap=65000)
    assert orientation_of(content) == 7


@pytest.mark.parametrize("progressive", FILES)
def test_metadata_behind_the_scan_are_too_late(progressive: bool) -> None:
    data = FILES[progressive]
    late = data[:-2] + segment(0xE1, VALID) + data[-2:]
    assert read_coefficients(late).frame.orientation == 1
