"""Compile GPU kernels ahead of time; no GPU is needed.

A cubin serves every geometry: of the integers only those that are always multiples of 16
(`is_aligned`) are compiled as such, and no value is compiled in. The same launch gives the same
bytes in every process: they hold neither lines nor paths of the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.interpreter import InterpretedFunction

from jpegcompile.errors import InternalError, UsageError
from jpegcompile.gpu.archs import ARCHITECTURES
from jpegcompile.gpu.cubin_file import StoredCubin, constants_text
from jpegcompile.gpu.disassembly import Resources, resources
from jpegcompile.gpu.elf import Parameter, kernel_parameters
from jpegcompile.gpu.kernels import kernel_of
from jpegcompile.gpu.launch import Launch, is_aligned

ARCHS = tuple(ARCHITECTURES.values())
# What a program may use of shared memory, in bytes, by compute capability.
SHARED_BYTES = {80: 163 << 10, 86: 99 << 10, 89: 99 << 10, 90: 227 << 10, 100: 227 << 10}
TENSOR_COLUMNS = 512
# Of a multiprocessor, and that a thread may have at most.
REGISTERS, MOST_REGISTERS = 65536, 255
# How many more a kernel that spills may have when it is compiled again.
MORE_REGISTERS = 32
# Threads.
WARP = 32
# Triton appends two parameters: memory that is shared by all programs, and memory for profiles.
# Kernels here use neither, so that both may be null.
SCRATCH = (("global_scratch", "*i8"), ("profile_scratch", "*i8"))
_ALIGNED = [["tt.divisibility", 16]]


@dataclass(frozen=True)
class Cubin:
    """A compiled kernel.

    Attributes:
        arch: compute capability that it is compiled for, such as 90.
        kernel: MODULE:FUNCTION within `jpegcompile.kernels`.
        constants: that it is compiled with.
        entry: name of the function in `code`.
        parameters: names and types, as Triton writes them, in order; the last two are SCRATCH.
        warps: of a program.
        shared: bytes of dynamic shared memory of a program.
        tensor_columns: of tensor memory (sm_100).
        used: registers and instructions.
        code: the ELF file.
    """

    arch: int
    kernel: str
    constants: Mapping[str, Any]
    entry: str
    parameters: tuple[tuple[str, str], ...]
    warps: int
    shared: int
    tensor_columns: int
    used: Resources
    code: bytes

    @property
    def stored(self) -> StoredCubin:
        """What files keep of it."""
        return StoredCubin(
            self.arch,
            self.kernel,
            constants_text(self.constants),
            self.parameters[: -len(SCRATCH)],
            self.warps,
            self.entry,
            self.shared,
            self.code,
        )


def compile_launch(launch: Launch, arch: int, chip: int | None = None) -> Cubin:
    """The compiled kernel of a launch.

    Args:
        launch: what to compile; its numbers only tell which arguments are integers.
        arch: one of ARCHS.
        chip: compute capability that it must run on, such as 89 for code of 80; `arch` by default.

    Raises:
        UsageError: if the architecture is unknown, or kernels are interpreted.
        InternalError: if the kernel exceeds a limit or spills registers.
    """
    cubin = compile_unchecked(launch, arch)
    if cubin.used.stack or cubin.used.local_instructions:
        # ptxas stops at fewer registers than there are, so that more programs run at once, and
        # spills the few bytes that are missing.
        cubin = compile_unchecked(launch, arch, cubin.used.registers + MORE_REGISTERS)
    check_limits(cubin, chip or arch)
    return cubin


def compile_unchecked(launch: Launch, arch: int, registers: int | None = None) -> Cubin:
    """The compiled kernel of a launch, which may spill registers; see `compile_launch`.

    Args:
        launch: what to compile.
        arch: one of ARCHS.
        registers: that a thread may have; what ptxas takes if not given.
    """
    kernel = kernel_of(launch.kernel)
    if arch not in ARCHS:
        raise UsageError(f"architecture is {arch}; use {', '.join(map(str, ARCHS))}")
    if isinstance(kernel, InterpretedFunction):
        raise UsageError(
            f"{launch.kernel}: is interpreted, not compiled; start without TRITON_INTERPRET"
        )
    types = _types(launch, kernel)
    constants = {name: launch.constants[name] for name, kind in types.items() if not kind}
    aligned = {
        (place,): _ALIGNED
        for place, (name, kind) in enumerate(types.items())
        if kind.startswith("*") or (kind and is_aligned(name))
    }
    signature = {name: kind or "constexpr" for name, kind in types.items()}
    tiling = launch.tiling
    options = {"num_warps": tiling.warps, "num_stages": tiling.stages, "enable_fp_fusion": True}
    if registers is not None:
        options["maxnreg"] = min(registers, REGISTERS // (WARP * tiling.warps), MOST_REGISTERS)
    with triton.knobs.compilation.scope():
        triton.knobs.compilation.disable_line_info = True
        compiled = triton.compile(
            ASTSource(kernel, signature, constants, aligned),
            target=GPUTarget("cuda", arch, 32),
            options=options,
        )
    metadata, code = compiled.metadata, compiled.asm["cubin"]
    parameters = (*((name, kind) for name, kind in types.items() if kind), *SCRATCH)
    check_parameters(launch.kernel, parameters, kernel_parameters(code, metadata.name))
    if metadata.global_scratch_size or metadata.profile_scratch_size:
        raise InternalError(
            f"{launch.kernel}: needs scratch memory, which launchers do not give; do not make"
            " tensor descriptors in a kernel"
        )
    return Cubin(
        arch,
        launch.kernel,
        constants,
        metadata.name,
        parameters,
        metadata.num_warps,
        metadata.shared,
        metadata.tmem_size or 0,
        resources(code),
        code,
    )


def check_limits(cubin: Cubin, chip: int) -> None:
    """Refuse a kernel that `chip` could not run, or not run well.

    Raises:
        InternalError: if it spills registers or takes more memory than the chip has.
    """
    where = f"{cubin.kernel} for sm_{cubin.arch} with {constants_text(cubin.constants)}"
    if chip not in SHARED_BYTES:
        known = ", ".join(map(str, SHARED_BYTES))
        raise UsageError(f"{where}: compute capability {chip} is unknown; use {known}")
    if cubin.tensor_columns > TENSOR_COLUMNS:
        raise InternalError(
            f"{where}: takes {cubin.tensor_columns} columns of tensor memory of {TENSOR_COLUMNS};"
            " use a smaller tiling"
        )
    if cubin.shared > SHARED_BYTES[chip]:
        raise InternalError(
            f"{where}: takes {cubin.shared} bytes of shared memory, sm_{chip} has"
            f" {SHARED_BYTES[chip]}; use a smaller tiling"
        )
    if cubin.used.stack or cubin.used.local_instructions:
        raise InternalError(
            f"{where}: spills registers, {cubin.used.stack} bytes and"
            f" {cubin.used.local_instructions} instructions; use a smaller tiling or more warps"
        )


def _types(launch: Launch, kernel: Any) -> dict[str, str]:
    """The type of each argument, as Triton writes it; empty for constants.

    A pointer that the launch does not use has the type of the result.
    """
    types = {}
    for parameter in kernel.params:
        name = parameter.name
        if parameter.is_constexpr:
            types[name] = ""
        elif name in launch.numbers:
            _check_number(launch.kernel, name, launch.numbers[name])
            types[name] = "i32"
        else:
            types[name] = "*" + launch.pointers.get(name, launch.pointers["y"])
    return types


def _check_number(kernel: str, name: str, value: int) -> None:
    if not -(1 << 31) <= value < 1 << 31:
        raise InternalError(f"{kernel}: {name} is {value}, beyond 32 bits; use a smaller map")
    if is_aligned(name) and value % 16:
        raise InternalError(f"{kernel}: {name} is {value}; it must be a multiple of 16")


def check_parameters(
    kernel: str, parameters: tuple[tuple[str, str], ...], found: tuple[Parameter, ...]
) -> None:
    """Compare what a launcher passes with what a cubin takes.

    Args:
        kernel: for the error.
        parameters: names and types.
        found: in the cubin, by their ordinals.

    Raises:
        InternalError: if an offset or a size differs.
    """
    expected, offset = [], 0
    for ordinal, (_, kind) in enumerate(parameters):
        size = 8 if kind.startswith("*") else 4
        offset = -(-offset // size) * size
        expected.append(Parameter(ordinal, offset, size))
        offset += size
    if tuple(expected) != found:
        raise InternalError(
            f"{kernel}: its cubin takes parameters {found}, expected {tuple(expected)};"
            " use Triton 3.9"
        )
