"""Programs that nodes of `tests/native/cases_programs.cc` and `cases_tiles.cc` bring."""

from __future__ import annotations

from jpegcompile.gpu.functions import function_program
from jpegcompile.gpu.programs import Program, guarded, parse

# Texts with how many constants they read; there is one at least.
_TEXTS = (
    ("Mul x c0\nErf v0\nAdd v1 c1\nMul v2 x", 2),
    ("Add x c0\nMax v0 c1\nMin v1 c2\nMul x v2", 3),
    ("Greater x c0\nPRelu x c1\nWhere v0 x v1\nRelu v2\nSub v3 x", 2),
    ("Neg x\nExp v0\nAdd v1 c0\nDiv x v2", 1),
    (
        "Less c0 c1\nGreaterOrEqual c1 c0\nAnd v0 v1\nNot v2\nOr v3 v2\nEqual c0 c0\n"
        "LessOrEqual v4 v5\nElu x 0.5\nWhere v6 v7 c1",
        2,
    ),
    ("Softplus x\nTanh v0\nMul v1 x\nHardSigmoid v2 0.25 0.5\nMul v3 v2", 1),
)
_ATTRIBUTES = {"alpha": 0.5, "beta": 0.25, "gamma": 1.25}


def case_programs() -> list[Program]:
    """Regions, and functions with other attributes than the defaults."""
    functions = [
        function_program(name, _ATTRIBUTES) for name in ("Celu", "Elu", "HardSigmoid", "Selu")
    ]
    return [*functions, *(guarded(parse(text, count)) for text, count in _TEXTS)]
