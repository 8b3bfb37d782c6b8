"""What a cubin says about the parameters of a kernel.

A cubin is a 64-bit ELF file. Its section `.nv.info.KERNEL` is a list of attributes. An attribute
begins with a byte that tells its form, a byte that tells which it is, and two bytes: a value, or,
of the form SVAL, the size of what follows. The attribute KPARAM_INFO describes one parameter:

    bytes 0 to 3    0
    bytes 4 and 5   ordinal
    bytes 6 and 7   offset in bytes from the first parameter
    bytes 8 to 11   bits 18 to 31 hold the size in bytes
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from jpegcompile.errors import InternalError

_SVAL, _KPARAM_INFO = 0x04, 0x17
# Header of the file: where section headers begin, how many there are, which one holds names.
_HEADER = struct.Struct("<4sBB10x24xQ10xHHH")
# Header of a section: name, offset, size.
_SECTION = struct.Struct("<I20xQQ")
_PARAMETER = struct.Struct("<IHHI")


@dataclass(frozen=True)
class Parameter:
    """Where a parameter of a kernel stands.

    Attributes:
        ordinal: its place among the parameters.
        offset: in bytes, from the first one.
        size: in bytes.
    """

    ordinal: int
    offset: int
    size: int


def kernel_parameters(cubin: bytes, entry: str) -> tuple[Parameter, ...]:
    """The parameters of a kernel by their ordinals.

    Args:
        cubin: the file.
        entry: name of the kernel.

    Raises:
        InternalError: if the file is damaged or has no such kernel.
    """
    try:
        sections = dict(_sections(cubin))
        attributes = sections[f".nv.info.{entry}"]
        found = [_parameter(payload) for payload in _attributes(attributes, _KPARAM_INFO)]
    except (struct.error, KeyError, ValueError) as error:
        raise InternalError(
            f"cubin of {entry}: parameters cannot be read: {error}; compile it again"
        ) from error
    return tuple(sorted(found, key=lambda parameter: parameter.ordinal))


def _sections(cubin: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and contents of sections; those without bytes in the file have no content."""
    magic, bits, order, at, size, count, of_names = _HEADER.unpack_from(cubin)
    if (magic, bits, order) != (b"\x7fELF", 2, 1):
        raise ValueError("it is not a little-endian ELF file of 64 bits")
    headers = [_SECTION.unpack_from(cubin, at + i * size) for i in range(count)]
    _, start, length = headers[of_names]
    names = cubin[start : start + length]
    for name, offset, length in headers:
        text = names[name : names.index(b"\0", name)].decode("ascii")
        yield text, cubin[offset : offset + length]


def _attributes(section: bytes, wanted: int) -> Iterator[bytes]:
    """What follows the attributes of a kind."""
    at = 0
    while at < len(section):
        form, kind, size = struct.unpack_from("<BBH", section, at)
        at += 4
        length = size if form == _SVAL else 0
        if form == _SVAL and kind == wanted:
            yield section[at : at + length]
        at += length


def _parameter(payload: bytes) -> Parameter:
    _, ordinal, offset, flags = _PARAMETER.unpack(payload)
    return Parameter(ordinal, offset, flags >> 18)
