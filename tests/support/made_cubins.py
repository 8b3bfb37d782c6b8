"""Files of kernels that have the parameters of ours, and no code: what a stand-in driver loads.

python -m support.made_cubins FILE [ARCH]
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from jpegcompile.gpu.cubin_file import StoredCubin, constants_text, write_cubins
from jpegcompile.gpu.kernels import arguments_of
from jpegcompile.gpu.programs import (
    ASM_CLIP,
    ASM_RELU,
    CLIP,
    NOTHING,
    PRELU,
    RELU,
    Program,
    of_approximation,
)

# Pairs of constants' values that go together.
Choice = Mapping[str, int]
ACTIVATIONS = (NOTHING, RELU, PRELU, CLIP)
# Rows, channels and depth; the depth of thin kernels follows from the window.
TILINGS = ((64, 64, 16), (64, 32, 32), (128, 64, 64))
THIN_TILINGS = ((64, 64, 16), (64, 64, 32), (64, 64, 64))
# More than a kernel may take without being allowed to. Each kernel takes a size of its own, by
# which logs of launches tell which it is.
SHARED = 60 << 10
RESIDUALS: tuple[Choice, ...] = (
    {"RESIDUAL": 0, "RESIDUAL_ROWS": 0, "RESIDUAL_MIXED": 0},
    {"RESIDUAL": 1, "RESIDUAL_ROWS": 0, "RESIDUAL_MIXED": 0},
    {"RESIDUAL": 1, "RESIDUAL_ROWS": 0, "RESIDUAL_MIXED": 1},
    {"RESIDUAL": 1, "RESIDUAL_ROWS": 1, "RESIDUAL_MIXED": 1},
)
RESULTS: tuple[Choice, ...] = (
    {"Y_ROWS": 0, "Y_MIXED": 0},
    {"Y_ROWS": 0, "Y_MIXED": 1},
    {"Y_ROWS": 1, "Y_MIXED": 1},
)
COEFFICIENTS: tuple[Choice, ...] = tuple(
    {"ACTIVATED": activated, "Y_ROWS": rows, "Y_MIXED": activated}
    for activated in (0, 1)
    for rows in (0, 1)
)


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


def stored(
    kernel: str, constants: Mapping[str, object], arch: int, storage: str = "fp32"
) -> StoredCubin:
    """A kernel of the package, of the constants that it has."""
    names = arguments_of(kernel)
    parameters = tuple((name, _type(name, storage)) for name in names if not name.isupper())
    entry = kernel.partition(":")[2]
    sizes = [8 if kind.startswith("*") else 4 for _, kind in parameters] + [8, 8]
    own = constants_text({name: constants[name] for name in names if name.isupper()})
    return StoredCubin(arch, kernel, own, parameters, 4, entry, SHARED, elf(entry, sizes))


_MATRICES = ("inverse", "other_inverse", "approximated", "forward")
_MAPS = ("x", "y", "residual", "other", "low")
_POINTERS = frozenset([*_MAPS, "weight", "vector", *_MATRICES])


def _type(name: str, storage: str) -> str:
    if name in ("bias", "constants"):
        return "*fp32"
    return f"*{storage}" if name in _POINTERS else "i32"


def _tiled(tilings: Iterable[tuple[int, int, int]]) -> Iterator[dict[str, int]]:
    for rows, channels, depth in tilings:
        yield {"BM": rows, "BN": channels, "BK": depth}


def _program(program: Program) -> dict[str, object]:
    return {"PROGRAM": program.steps, "COUNT": program.constants}


Tilings = Sequence[tuple[int, int, int]]


def all_cubins(
    arch: int = 90, precision: str = "ieee", tilings: Tilings = TILINGS, least_shared: int = SHARED
) -> Iterator[StoredCubin]:
    """All that the operators for CUDA ask for, each with a size of shared memory of its own."""
    kernels = (*_of_convolutions(arch, precision, tilings), *_of_maps(arch, precision))
    for index, cubin in enumerate(kernels):
        yield replace(cubin, shared=least_shared + 16 * index)


def _of_convolutions(arch: int, precision: str, tilings: Tilings) -> Iterator[StoredCubin]:
    fixed = {"APPROXIMATE": 0, "TRANSPOSED": 0, "PRECISION": precision}
    for program, y in product(map(_program, ACTIVATIONS), RESULTS):
        for tiling, added in product(_tiled(tilings), RESIDUALS):
            constants = {**fixed, **program, **y, **added, **tiling}
            yield stored("conv.triton:conv_pixels", constants, arch)
        for tiling in _tiled(THIN_TILINGS):
            yield stored("conv.triton:conv_thin", {**fixed, **program, **y, **tiling}, arch)
    for program, y, x_rows, added, tiling in product(
        map(_program, ACTIVATIONS), COEFFICIENTS, (0, 1), RESIDUALS, _tiled(tilings)
    ):
        constants = {**fixed, **program, **y, "X_ROWS": x_rows, **added, **tiling}
        yield stored("conv.triton:conv_rows", constants, arch)


def _of_maps(arch: int, precision: str) -> Iterator[StoredCubin]:
    one = {"BM": 64, "BN": 32, "PRECISION": precision}
    nothing = {"PROGRAM": (), "COUNT": 0, "APPROXIMATE": 0}
    for constants in _of_functions():
        yield stored("arithmetic.triton:elementwise", {**constants, **one}, arch)
    for asm, y in product((0, 1), RESULTS):
        yield stored("max_pool.triton:max_pool", {**nothing, "ASM": asm, **y, **one}, arch)
    yield stored("average_pool.triton:global_average_pool", {**nothing, **one}, arch)
    for thin in (0, 1):
        yield stored("layout.triton:from_planes", {"THIN": thin, **one}, arch)
    yield stored("layout.triton:to_planes", one, arch)


def _of_functions() -> Iterator[dict[str, object]]:
    exact = (NOTHING, RELU, CLIP)
    programs = (*exact, ASM_RELU, ASM_CLIP, *map(of_approximation, exact[1:]))
    unused = dict.fromkeys(
        ("OTHER", "OTHER_ROWS", "OTHER_MIXED", "OTHER_CHANNEL", "VECTOR", "ONES", "ON_DC"), 0
    )
    x_maps = ({"X_ROWS": rows, "X_MIXED": mixed} for rows, mixed in ((0, 0), (0, 1), (1, 1)))
    for program, x, y in product(programs, x_maps, RESULTS):
        approximates = {"APPROXIMATE": int(program.approximates)}
        yield {**_program(program), **unused, **approximates, **x, **y}


def write(path: Path, arch: int = 90) -> None:
    """A file of all kernels."""
    write_cubins(path, all_cubins(arch))


if __name__ == "__main__":
    write(Path(sys.argv[1]), *map(int, sys.argv[2:]))
