"""Read the parameters of a kernel from a cubin.

A cubin is a 64-bit ELF file. Its section `.nv.info.KERNEL` is a list of attributes. An attribute
begins with one byte for its form, one byte for its kind and two bytes for a value. For the form
SVAL, the value is the size of the payload that follows. The payload of the kind KPARAM_INFO
describes one parameter:

    bytes 0 to 3    0
    bytes 4 and 5   ordinal
    bytes 6 and 7   offset in bytes from the first parameter
    bytes 8 to 11   bits 18 to 31 are the size in bytes
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from jpegcompile.errors import InternalError
from jpegcompile.messages import Message

_SVAL, _KPARAM_INFO = 0x04, 0x17
# File header: offset, size and number of section headers, and the index of the section of names.
_HEADER = struct.Struct("<4sBB10x24xQ10xHHH")
# Header of a section: name, offset, size.
_SECTION = struct.Struct("<I20xQQ")
_PARAMETER = struct.Struct("<IHHI")


@dataclass(frozen=True)
class Parameter:
    """Position of a parameter of a kernel.

    Attributes:
        ordinal: index among the parameters.
        offset: offset from the first parameter in bytes.
        size: size in bytes.
    """

    ordinal: int
    offset: int
    size: int


def kernel_parameters(cubin: bytes, entry: str) -> tuple[Parameter, ...]:
    """Return the parameters of a kernel, sorted by ordinal.

    Args:
        cubin: content of the file.
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
            Message(
                "cubin-parameters-unreadable",
                f"cubin of {entry}: cannot read its parameters: {error}; compile it again",
            )
        ) from error
    return tuple(sorted(found, key=lambda parameter: parameter.ordinal))


def _sections(cubin: bytes) -> Iterator[tuple[str, bytes]]:
    """Iterate over names and contents of the sections."""
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
    """Iterate over the payloads of the attributes of a kind."""
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
