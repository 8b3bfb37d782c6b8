"""Programs of named per-pixel functions and of the native library's operators."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

from jpegcompile.gpu import programs
from jpegcompile.gpu.programs import PIXEL, Program, guarded, of_approximation, parse, step
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.pixelwise import FUNCTIONS, KNOWN_PROGRAMS, PIXELWISE, PROGRAM

# Attributes that PyTorch exports, where they differ from the defaults of ONNX.
_WRITTEN: Mapping[str, Mapping[str, float | str]] = {
    "Gelu": {"approximate": "tanh"},
    "HardSigmoid": {"alpha": 1 / 6},
}
# Programs of operators that are not named functions, by their names in C++.
_OF_OPERATORS: Mapping[str, Program] = {
    "relu": programs.RELU,
    "prelu": programs.PRELU,
    "clip": programs.CLIP,
    "asm_relu": programs.ASM_RELU,
    "asm_prelu": programs.ASM_PRELU,
    "asm_clip": programs.ASM_CLIP,
    "apx_relu": of_approximation(programs.RELU),
    "apx_prelu": of_approximation(programs.PRELU),
    "apx_clip": of_approximation(programs.CLIP),
    "scale": programs.SCALE,
    "add": programs.ADD,
    "subtract": programs.SUBTRACT,
    "affine": programs.AFFINE,
    "scale_add_relu": programs.SCALE_ADD_RELU,
    "multiply": programs.MULTIPLY,
    "larger": programs.LARGER,
    "smaller": programs.SMALLER,
    "spread": programs.SPREAD,
}


# Programs of convolutions by their activation.
ACTIVATIONS: Mapping[str, Program] = {
    "": programs.NOTHING,
    "Relu": programs.RELU,
    "PRelu": programs.PRELU,
    "Clip": programs.CLIP,
}
# Names of native kernels whose program has another name in `_OF_OPERATORS`.
_KERNELS = {
    "batch_normalization": "affine",
    "sub": "subtract",
    "product": "multiply",
    "maximum": "larger",
    "minimum": "smaller",
}
_FUNCTIONS = frozenset(operator.name for operator in PIXELWISE)


def program_of(operator: Operator, attributes: Mapping[str, Any], constants: int) -> Program:
    """Return the per-pixel program that the native library launches for a node.

    Args:
        operator: operator of the node.
        attributes: attributes of the node.
        constants: number of constants for each channel of a model's own program.
    """
    if operator.base:
        return ACTIVATIONS[operator.activation]
    if PROGRAM in attributes:
        return guarded(parse(str(attributes[PROGRAM]), constants))
    if operator.name in _FUNCTIONS:
        return function_program(operator.name.removeprefix("Jpeg"), attributes)
    name = _KERNELS.get(operator.kernel, operator.kernel)
    name = f"{operator.masking}_{name}" if operator.masking else name
    return _OF_OPERATORS.get(name, programs.NOTHING)


def function_program(name: str, attributes: Mapping[str, Any]) -> Program:
    """Return the program of a named function.

    Args:
        name: name of the ONNX operator, or Silu.
        attributes: attributes of a node. Missing attributes have the defaults of ONNX.
    """
    given = {n: attributes.get(n, default) for n, default in FUNCTIONS.get(name, {}).items()}
    if given.pop("approximate", "none") == "tanh":
        name = "GeluTanh"
    return Program((step(name, PIXEL, numbers=tuple(map(_float32, given.values()))),))


def function_programs() -> list[Program]:
    """Return the named functions of the native library, with the attributes of ONNX and PyTorch."""
    spelled = (name.removeprefix("Jpeg") for name in KNOWN_PROGRAMS.values())
    names = dict.fromkeys([*FUNCTIONS, *spelled])
    written = [function_program(name, attributes) for name, attributes in _WRITTEN.items()]
    return [*(function_program(name, {}) for name in names), *written]


def operator_programs() -> Iterator[tuple[str, Program]]:
    """Iterate over the programs of other operators with their names in C++."""
    yield from _OF_OPERATORS.items()


def _float32(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])
