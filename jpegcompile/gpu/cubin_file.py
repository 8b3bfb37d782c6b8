r"""Files of compiled kernels.

    jpegcompile cubins 1 INDEXBYTES\n
    INDEXBYTES bytes of index, a line for each cubin
    cubins, each at a multiple of 16 bytes from the end of the index, zeros between them

The fields of a line are separated by tabs:

    arch         such as 90
    kernel       conv.triton:conv_pixels
    constants    NAME=value, sorted, separated by spaces; booleans as 0 and 1, a program as its
                 steps Name,a,b,c,p,q joined by ';' with p and q in hexadecimal
    entry        name of the function
    warps        warps of a program
    shared       dynamic shared memory of a program in bytes
    parameters   name:type, in order, separated by spaces, without the last two parameters, which
                 are pointers to scratch memory and can be null
    offset       start of the cubin, from the end of the index
    size         size of the cubin in bytes
    sha256       hash of the cubin
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jpegcompile.errors import AccessError, InternalError, UsageError
from jpegcompile.files import write_whole
from jpegcompile.messages import Message

_MAGIC = b"jpegcompile cubins 1 "
# Longest first line of a cubin file.
_MOST_HEADER = 64
_ALIGNMENT = 16


@dataclass(frozen=True, order=True)
class StoredCubin:
    """A compiled kernel in a file; the module's docstring explains the fields."""

    arch: int
    kernel: str
    constants: str
    parameters: tuple[tuple[str, str], ...]
    warps: int
    entry: str
    shared: int
    code: bytes = field(repr=False)

    @property
    def key(self) -> tuple[object, ...]:
        """The fields by which launchers choose a cubin."""
        return self.arch, self.kernel, self.constants, self.parameters, self.warps


def constants_text(constants: Mapping[str, Any]) -> str:
    """Return the text of a kernel's constants in a file.

    Raises:
        InternalError: if a value has no text.
    """
    return " ".join(f"{name}={_value_text(constants[name])}" for name in sorted(constants))


def _value_text(value: Any) -> str:
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, tuple):
        return ";".join(
            ",".join((name, str(a), str(b), str(c), _number_text(p), _number_text(q)))
            for name, a, b, c, p, q in value
        )
    if isinstance(value, str) and value.isalnum() and value.isascii():
        return value
    raise InternalError(
        Message(
            "kernel-constant-without-text",
            f"constant {value!r} has no text; extend `constants_text`",
        )
    )


def _number_text(value: float) -> str:
    # Readers do not parse infinities.
    if not math.isfinite(value):
        raise InternalError(
            Message(
                "program-number-not-finite",
                f"number {value!r} of a program is not finite; keep it out of programs",
            )
        )
    return float(value).hex()


def write_cubins(path: str | os.PathLike[str], cubins: Iterable[StoredCubin]) -> None:
    """Write a cubin file atomically; the order of `cubins` does not matter.

    Raises:
        AccessError: if the file cannot be written.
        InternalError: as `cubins_content`.
    """
    write_whole(path, cubins_content(cubins, path))


def cubins_content(cubins: Iterable[StoredCubin], path: str | os.PathLike[str]) -> bytes:
    """Return the content of a cubin file.

    Args:
        cubins: the cubins in any order.
        path: path of the file, for messages.

    Raises:
        InternalError: if two cubins differ but launchers could not tell them apart.
    """
    lines, code, held = [], bytearray(), set()
    for cubin in sorted(set(cubins)):
        if cubin.key in held:
            raise InternalError(
                Message(
                    "cubins-indistinguishable",
                    f"{path}: two cubins of {cubin.kernel} for sm_{cubin.arch} have the same"
                    " constants, types and warps; compile one tiling of it",
                )
            )
        held.add(cubin.key)
        code += bytes(-len(code) % _ALIGNMENT)
        fields = (
            str(cubin.arch),
            cubin.kernel,
            cubin.constants,
            cubin.entry,
            str(cubin.warps),
            str(cubin.shared),
            " ".join(f"{name}:{kind}" for name, kind in cubin.parameters),
            str(len(code)),
            str(len(cubin.code)),
            hashlib.sha256(cubin.code).hexdigest(),
        )
        lines.append("\t".join(fields) + "\n")
        code += cubin.code
    index = "".join(lines).encode("ascii")
    return b"%s%d\n%s%s" % (_MAGIC, len(index), index, code)


def is_cubin_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a cubin file, by its first bytes."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def read_cubins(path: str | os.PathLike[str]) -> tuple[StoredCubin, ...]:
    """Read the cubins of a file, in the order of the file.

    Raises:
        AccessError: if the file cannot be read.
        UsageError: if it is not a cubin file, or is damaged.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise AccessError(
            Message(
                "cubin-file-unreadable",
                f"{path}: cannot read compiled kernels: {error.strerror}; check the path",
            )
        ) from error
    end = content.find(b"\n", 0, _MOST_HEADER)
    if not content.startswith(_MAGIC) or end < 0:
        raise UsageError(
            Message(
                "cubin-file-unknown",
                f"{path}: is not a file of compiled kernels; give a file that jpegcompile wrote",
            )
        )
    try:
        size = int(content[len(_MAGIC) : end])
        index = content[end + 1 : end + 1 + size]
        code = memoryview(content)[end + 1 + size :]
        return tuple(_cubin(line, code) for line in index.decode("ascii").splitlines())
    except ValueError as error:
        raise UsageError(
            Message("cubin-file-damaged", f"{path}: is damaged: {error}; compile the kernels again")
        ) from error


def _cubin(line: str, code: memoryview) -> StoredCubin:
    arch, kernel, constants, entry, warps, shared, parameters, *place = line.split("\t")
    offset, size, digest = place
    content = bytes(code[int(offset) : int(offset) + int(size)])
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"the hash of {kernel} for sm_{arch} does not match")
    pairs = tuple((name, kind) for name, _, kind in (p.partition(":") for p in parameters.split()))
    return StoredCubin(int(arch), kernel, constants, pairs, int(warps), entry, int(shared), content)
