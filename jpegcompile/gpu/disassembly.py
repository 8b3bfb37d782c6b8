"""Resource usage of a compiled kernel, measured with the tools that Triton includes."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import triton

from jpegcompile.errors import AccessError
from jpegcompile.messages import Message

_USAGE = re.compile(r"REG:(\d+) STACK:(\d+) SHARED:(\d+)")
# An instruction follows its address and an optional predicate.
_INSTRUCTION = re.compile(r"^\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_]*)", re.M)
_LOCAL = re.compile(r"LDL|STL")
_TENSOR = re.compile(r"[A-Z]*MMA")


@dataclass(frozen=True)
class Resources:
    """Resource usage of a kernel.

    Attributes:
        registers: registers of a thread.
        stack: stack of a thread in bytes.
        local_instructions: number of loads and stores of local memory, which spilled registers use.
        tensor_instructions: number of instructions of matrix units.
        instructions: number of all instructions.
    """

    registers: int
    stack: int
    local_instructions: int
    tensor_instructions: int
    instructions: int


def resources(cubin: bytes) -> Resources:
    """Return the resource usage of the only kernel of a cubin.

    Raises:
        AccessError: if the tools are missing or fail.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.cubin")
        path.write_bytes(cubin)
        usage = _run(triton.knobs.nvidia.cuobjdump.path, "--dump-resource-usage", str(path))
        code = _run(triton.knobs.nvidia.nvdisasm.path, "-c", str(path))
    used = _USAGE.search(usage)
    names = _INSTRUCTION.findall(code)
    if used is None or not names:
        raise AccessError(
            Message(
                "disassembly-not-understood",
                "cannot parse the output of cuobjdump or nvdisasm; install Triton 3.9",
            )
        )
    return Resources(
        int(used[1]),
        int(used[2]),
        sum(_LOCAL.fullmatch(name) is not None for name in names),
        sum(_TENSOR.fullmatch(name) is not None for name in names),
        len(names),
    )


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise AccessError(
            Message("disassembly-failed", f"{command[0]}: failed: {error}; install Triton again")
        ) from error
    return done.stdout
