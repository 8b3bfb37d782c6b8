"""Files of kernels that have the parameters of ours, and no code: what a stand-in driver loads.

python -m support.made_cubins FILE [ARCH]
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from support.case_programs import case_programs

from jpegcompile.gpu.compile_all import distinct
from jpegcompile.gpu.cubin_file import StoredCubin, constants_text, write_cubins
from jpegcompile.gpu.kernels import arguments_of
from jpegcompile.gpu.launch import Launch, Tiling
from jpegcompile.gpu.library.form import Form
from jpegcompile.gpu.library.forms import library_forms
from jpegcompile.gpu.library.function_forms import forms_of
from jpegcompile.gpu.programs import Program
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.precision import FLOAT32, Precision

# Rows, channels and depth; the depth of thin kernels follows from the window.
Tilings = Sequence[tuple[int, int, int]]
TILINGS = ((64, 64, 16), (64, 32, 32), (128, 64, 64))
# More than a kernel may take without being allowed to. Each kernel takes a size of its own, by
# which logs of launches tell which it is.
SHARED = 60 << 10


def elf(entry: str, sizes: Sequence[int]) -> bytes:
    """A cubin of one kernel that says which parameters it has, and nothing else."""
    # Attributes of other forms stand between the parameters, and these in another order.
    info = struct.pack("<BBHI", 4, 0x37, 4, 134) + struct.pack("<BBH", 3, 0x50, 0)
    offsets, offset = [], 0
    for size in sizes:
        offset = -(-offset // size) * size
        offsets.append(offset)
        offset += size
    for ordinal in reversed(range(len(sizes))):
        flags = sizes[ordinal] << 18 | 0x1F000
        info += struct.pack("<BBHIHHI", 4, 0x17, 12, 0, ordinal, offsets[ordinal], flags)
    names = b"\0.shstrtab\0.nv.info." + entry.encode() + b"\0"
    header = struct.Struct("<IIQQQQIIQQ")
    at_info = 64 + len(names)
    at_headers = at_info + len(info)
    sections = (
        header.pack(*[0] * 10)
        + header.pack(1, 3, 0, 0, 64, len(names), 0, 0, 1, 0)
        + header.pack(11, 0x70000000, 0, 0, at_info, len(info), 0, 0, 4, 0)
    )
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    file = struct.pack("<HHIQQQIHHHHHH", 2, 190, 1, 0, 0, at_headers, 0, 64, 0, 0, 64, 3, 1)
    return ident + file + names + info + sections


def stored(kernel: str, constants: Mapping[str, object], arch: int) -> StoredCubin:
    """A kernel of copies, of the constants that it has."""
    names = [name for name in arguments_of(kernel) if not name.isupper()]
    numbers = dict.fromkeys([name for name in names if name not in ("x", "y")], 0)
    pointers = {"x": "fp32", "y": "fp32"}
    return stored_launch(Launch(kernel, (1, 1, 1), pointers, numbers, constants), arch)


def stored_launch(launch: Launch, arch: int) -> StoredCubin:
    """The kernel of a launch."""
    names = arguments_of(launch.kernel)
    parameters = tuple((name, _type(launch, name)) for name in names if not name.isupper())
    entry = launch.kernel.partition(":")[2]
    sizes = [8 if kind.startswith("*") else 4 for _, kind in parameters] + [8, 8]
    own = constants_text({name: launch.constants[name] for name in names if name.isupper()})
    code = elf(entry, sizes)
    return StoredCubin(arch, launch.kernel, own, parameters, 4, entry, SHARED, code)


def _type(launch: Launch, name: str) -> str:
    if name in launch.numbers:
        return "i32"
    return "*" + launch.pointers.get(name, launch.pointers["y"])


def all_cubins(
    arch: int = 90,
    precision: Precision = FLOAT32,
    tilings: Tilings = TILINGS,
    least_shared: int = SHARED,
    programs: Sequence[Program] = (),
) -> Iterator[StoredCubin]:
    """All that the operators for CUDA ask for, each with a size of shared memory of its own.

    Behind them come kernels of `programs`, which are a model's own.
    """
    own = [form for program in programs for form in forms_of(program)]
    launches = [
        form.launch(precision, tiling)
        for form in (*library_forms(), *own)
        for tiling in _tilings(form, precision, tilings)
    ]
    for index, launch in enumerate(distinct(launches)):
        yield replace(stored_launch(launch, arch), shared=least_shared + 16 * index)


def _tilings(form: Form, precision: Precision, tilings: Tilings) -> Sequence[Tiling]:
    if isinstance(form.kernel, Convolution):
        return [Tiling(*one) for one in tilings]
    return form.tilings(precision)


def write(path: Path, arch: int = 90) -> None:
    """A file of all kernels, those of the programs of `run_cuda` among them."""
    write_cubins(path, all_cubins(arch, programs=case_programs()))


if __name__ == "__main__":
    write(Path(sys.argv[1]), *map(int, sys.argv[2:]))
