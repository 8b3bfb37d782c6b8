"""Programs of functions of a pixel that have names, and of the native library's operators."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

from jpegcompile.gpu import programs
from jpegcompile.gpu.programs import PIXEL, Program, guarded, of_approximation, parse, step
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.pixelwise import FUNCTIONS, KNOWN_PROGRAMS, PIXELWISE, PROGRAM

# Attributes with which PyTorch writes a function, besides the defaults of ONNX.
_WRITTEN: Mapping[str, Mapping[str, float | str]] = {
    "Gelu": {"approximate": "tanh"},
    "HardSigmoid": {"alpha": 1 / 6},
}
# The programs of operators that are no functions with names, by what C++ calls them.
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


# Of convolutions, by what is behind them.
ACTIVATIONS: Mapping[str, Program] = {
    "": programs.NOTHING,
    "Relu": programs.RELU,
    "PRelu": programs.PRELU,
    "Clip": programs.CLIP,
}
# What native kernels of other names do, as it is called above.
_KERNELS = {
    "batch_normalization": "affine",
    "sub": "subtract",
    "product": "multiply",
    "maximum": "larger",
    "minimum": "smaller",
}
_FUNCTIONS = frozenset(operator.name for operator in PIXELWISE)


def program_of(operator: Operator, attributes: Mapping[str, Any], constants: int) -> Program:
    """The function of each pixel that the native library launches for a node.

    Args:
        operator: of the node.
        attributes: of the node.
        constants: how many a program of the model's own has for each channel.
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
    """The program of a function with a name.

    Args:
        name: of the ONNX operator, or Silu.
        attributes: of a node; the others have the defaults of ONNX.
    """
    given = {n: attributes.get(n, default) for n, default in FUNCTIONS.get(name, {}).items()}
    if given.pop("approximate", "none") == "tanh":
        name = "GeluTanh"
    return Program((step(name, PIXEL, numbers=tuple(map(_float32, given.values()))),))


def function_programs() -> list[Program]:
    """Those that the native library has: with default attributes, and as PyTorch writes them."""
    spelled = (name.removeprefix("Jpeg") for name in KNOWN_PROGRAMS.values())
    names = dict.fromkeys([*FUNCTIONS, *spelled])
    written = [function_program(name, attributes) for name, attributes in _WRITTEN.items()]
    return [*(function_program(name, {}) for name in names), *written]


def operator_programs() -> Iterator[tuple[str, Program]]:
    """Programs of other operators by what C++ calls them."""
    yield from _OF_OPERATORS.items()


def _float32(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])
