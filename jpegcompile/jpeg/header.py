"""The kind of an image file, judged by its first bytes."""

from __future__ import annotations

# ITU-T T.81, table B.1: the marker of baseline, extended and progressive frames with Huffman codes.
_READ_FRAMES = (0xC0, 0xC1, 0xC2)
# The markers of sequential and progressive frames with arithmetic codes.
_ARITHMETIC_FRAMES = (0xC9, 0xCA)
# Markers in the same range that do not begin a frame: DHT, JPG, DAC.
_NO_FRAMES = (0xC4, 0xC8, 0xCC)
# Markers without a length: TEM and restart markers.
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))
_START, _SCAN, _END = b"\xff\xd8", 0xDA, 0xD9

# First bytes of other common image formats.
_OTHER_FORMATS = (b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*")


def is_jpeg(head: bytes) -> bool:
    """Whether a file begins like a JPEG file."""
    return head.startswith(_START)


def is_other_image(head: bytes) -> bool:
    """Whether a file begins like an image of another common format."""
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return is_webp or head.startswith(_OTHER_FORMATS)


def has_unread_frame(head: bytes) -> bool:
    """Whether the coefficients of a JPEG file are not readable, judged by its frame header.

    This holds for lossless and arithmetic coding, samples of more than 8 bits, and CMYK. Returns
    False if `head` contains no frame header.
    """
    found = _frame_header(head)
    if found is None:
        return False
    marker, segment = found
    return marker not in _READ_FRAMES or segment[0] != 8 or segment[5] not in (1, 3)


def has_common_frame(head: bytes) -> bool:
    """Whether common decoders read a JPEG file: 8-bit samples, and no lossless coding."""
    found = _frame_header(head)
    return (
        found is not None and found[0] in (*_READ_FRAMES, *_ARITHMETIC_FRAMES) and found[1][0] == 8
    )


def has_unlike_chroma(head: bytes) -> bool:
    """Whether the two chroma components are sampled differently, both by whole factors.

    The float decode refuses such files, but libjpeg-turbo decodes them. Both refuse fractional
    factors.
    """
    found = _frame_header(head)
    if found is None or found[1][5] != 3 or len(found[1]) < 15:
        return False
    factors = [found[1][place] for place in (7, 10, 13)]
    most = max(f >> 4 for f in factors), max(f & 15 for f in factors)
    is_whole = all(
        f >> 4 and f & 15 and most[0] % (f >> 4) == 0 and most[1] % (f & 15) == 0 for f in factors
    )
    return is_whole and factors[1] != factors[2]


def _frame_header(head: bytes) -> tuple[int, bytes] | None:
    """Return marker and parameters (T.81, B.2.2) of the first frame header of a JPEG file."""
    at = len(_START)
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        if marker in (_SCAN, _END):
            return None
        length = int.from_bytes(head[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES:
            segment = head[at + 4 : at + 2 + length]
            return (marker, segment) if len(segment) >= 6 else None
        at += 2 + length
    return None
