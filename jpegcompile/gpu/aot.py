"""Compile GPU kernels ahead of time; no GPU is needed.

A cubin works for every geometry: no integer value is compiled in, except that some integers are
known to be multiples of 16 (`is_aligned`). The same launch compiles to the same bytes in every
process, since a cubin contains neither line numbers nor paths of the source.
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
from jpegcompile.messages import Message

ARCHS = tuple(ARCHITECTURES.values())
# Largest shared memory of a program in bytes, by compute capability.
SHARED_BYTES = {80: 163 << 10, 86: 99 << 10, 89: 99 << 10, 90: 227 << 10, 100: 227 << 10}
TENSOR_COLUMNS = 512
# Registers of a multiprocessor, and largest number of registers of a thread.
REGISTERS, MOST_REGISTERS = 65536, 255
# Additional registers for a second compilation of a kernel that spills.
MORE_REGISTERS = 32
# Threads of a warp.
WARP = 32
# Triton appends two pointers: to memory that all programs share, and to memory for profiles. The
# kernels here use neither, so both can be null.
SCRATCH = (("global_scratch", "*i8"), ("profile_scratch", "*i8"))
_ALIGNED = [["tt.divisibility", 16]]


@dataclass(frozen=True)
class Cubin:
    """A compiled kernel.

    Attributes:
        arch: compute capability, such as 90.
        kernel: MODULE:FUNCTION within `jpegcompile.kernels`.
        constants: compile-time constants.
        entry: name of the function in `code`.
        parameters: names and Triton types of the parameters in order; the last two are SCRATCH.
        warps: warps of a program.
        shared: dynamic shared memory of a program in bytes.
        tensor_columns: columns of tensor memory (sm_100).
        used: used registers and instructions.
        code: content of the ELF file.
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
        """The part of the cubin that files record."""
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
    """Compile the kernel of a launch, and check its limits.

    Args:
        launch: the launch. The values of its numbers do not matter.
        arch: compute capability, one of ARCHS.
        chip: compute capability of the GPU to run on, such as 89 for code of 80. By default, it is
            `arch`.

    Raises:
        UsageError: if the architecture is unknown, or kernels are interpreted.
        InternalError: if the kernel exceeds a limit or spills registers.
    """
    cubin = compile_unchecked(launch, arch)
    if cubin.used.stack or cubin.used.local_instructions:
        # ptxas limits the registers so that more programs run concurrently, and then spills some.
        cubin = compile_unchecked(launch, arch, cubin.used.registers + MORE_REGISTERS)
    check_limits(cubin, chip or arch)
    return cubin


def compile_unchecked(launch: Launch, arch: int, registers: int | None = None) -> Cubin:
    """Compile the kernel of a launch without a check of its limits; the kernel can spill registers.

    Args:
        launch: the launch.
        arch: compute capability, one of ARCHS.
        registers: largest number of registers of a thread; chosen by ptxas if not given.

    Raises:
        UsageError: if the architecture is unknown, or kernels are interpreted.
        InternalError: if the kernel requires scratch memory or unexpected parameters.
    """
    kernel = kernel_of(launch.kernel)
    if arch not in ARCHS:
        raise UsageError(
            Message(
                "architecture-unsupported",
                f"architecture is {arch}; use {', '.join(map(str, ARCHS))}",
            )
        )
    if isinstance(kernel, InterpretedFunction):
        raise UsageError(
            Message(
                "kernels-interpreted",
                f"{launch.kernel}: kernels are interpreted in this process and cannot be compiled;"
                " start it without TRITON_INTERPRET",
            )
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
            Message(
                "kernel-needs-scratch-memory",
                f"{launch.kernel}: requires scratch memory, which launchers do not pass; do not"
                " create tensor descriptors in a kernel",
            )
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
    """Require a kernel to run on a GPU without spilling registers.

    Args:
        cubin: the compiled kernel.
        chip: compute capability of the GPU.

    Raises:
        UsageError: if the compute capability is unknown.
        InternalError: if the kernel spills registers or requires more memory than the GPU has.
    """
    where = f"{cubin.kernel} for sm_{cubin.arch} with {constants_text(cubin.constants)}"
    if chip not in SHARED_BYTES:
        known = ", ".join(map(str, SHARED_BYTES))
        raise UsageError(
            Message(
                "compute-capability-unknown",
                f"{where}: compute capability {chip} is unknown; use {known}",
            )
        )
    if cubin.tensor_columns > TENSOR_COLUMNS:
        raise InternalError(
            Message(
                "kernel-exceeds-tensor-memory",
                f"{where}: requires {cubin.tensor_columns} columns of tensor memory, but there are"
                f" {TENSOR_COLUMNS}; use a smaller tiling",
            )
        )
    if cubin.shared > SHARED_BYTES[chip]:
        raise InternalError(
            Message(
                "kernel-exceeds-shared-memory",
                f"{where}: requires {cubin.shared} bytes of shared memory, but sm_{chip} has"
                f" {SHARED_BYTES[chip]}; use a smaller tiling",
            )
        )
    if cubin.used.stack or cubin.used.local_instructions:
        raise InternalError(
            Message(
                "kernel-spills-registers",
                f"{where}: spills registers, {cubin.used.stack} bytes and"
                f" {cubin.used.local_instructions} instructions; use a smaller tiling or more"
                " warps",
            )
        )


def _types(launch: Launch, kernel: Any) -> dict[str, str]:
    """Return the Triton type of each argument; empty for constants.

    The type of a pointer that the launch does not use is the type of the output.
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
        raise InternalError(
            Message(
                "kernel-number-beyond-32-bits",
                f"{kernel}: {name} is {value}, beyond 32 bits; use a smaller map",
            )
        )
    if is_aligned(name) and value % 16:
        raise InternalError(
            Message(
                "kernel-number-misaligned",
                f"{kernel}: {name} is {value}, not a multiple of 16; please report it",
            )
        )


def check_parameters(
    kernel: str, parameters: tuple[tuple[str, str], ...], found: tuple[Parameter, ...]
) -> None:
    """Compare the parameters that a launcher passes with the parameters of a cubin.

    Args:
        kernel: name of the kernel for the message.
        parameters: names and Triton types that a launcher passes.
        found: parameters of the cubin, sorted by ordinal.

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
            Message(
                "cubin-parameters-differ",
                f"{kernel}: its cubin has parameters {found}, but {tuple(expected)} were expected;"
                " use Triton 3.9",
            )
        )
