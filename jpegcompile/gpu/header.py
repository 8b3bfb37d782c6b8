"""The C++ of the programs in `gpu/programs.py` and `gpu/functions.py`, made when kernels are built.

programs.h  a function for each operator's program, and all programs that the library asks for
"""

from __future__ import annotations

from jpegcompile.gpu.functions import function_programs, operator_programs
from jpegcompile.gpu.programs import Program


def programs_header() -> str:
    """The text of programs.h."""
    named = "".join(
        f"inline Program {name}() {{\n  return {_literal(program)};\n}}\n"
        for name, program in operator_programs()
    )
    calls = [f"{name}()" for name, _ in operator_programs()]
    listed = ",\n          ".join([*calls, *map(_literal, function_programs())])
    return f"""// Made by jpegcompile/gpu/header.py from the programs of GPU kernels.
#pragma once

#include <vector>

#include "cuda/programs.h"

namespace jpegcompile::cuda {{

{named}
// All that operators ask for whose programs are not their model's own.
inline std::vector<Program> library_programs() {{
  return {{{listed}}};
}}

}}  // namespace jpegcompile::cuda
"""


def _literal(program: Program) -> str:
    steps = ", ".join(
        f'{{"{name}", {a}, {b}, {c}, {p.hex()}, {q.hex()}}}'
        for name, a, b, c, p, q in program.steps
    )
    return f"{{{{{steps}}}, {program.constants}}}"
