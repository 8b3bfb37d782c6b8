"""Regions as programs, which native kernels interpret, and as function bodies.

Kernels and function bodies are both looked up by operator name. Programs therefore share a few
operators, JpegPointwise_1 and so on. A model defines one function body for each of them; their
common kernel reads the program from the attribute `program` (`kernels/pixelwise/program.h`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.pixelwise import Region
from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.operators.constants import MOST_PROGRAM_STEPS
from jpegcompile.operators.pixelwise import FUNCTIONS

# Since this opset, Max and Min broadcast and Where exists.
_OPSET = 9
# Powers with exponents up to this are written as products.
_MOST_FACTORS = 16

_PLAIN = frozenset(
    (
        *("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max"),
        *("Min", "Mul", "Neg", "Not", "Or", "PRelu", "Relu", "Sub", "Sum", "Where"),
    )
)
_CHAINS = {"Max": "Max", "Min": "Min", "Sum": "Add"}


@dataclass(frozen=True)
class RegionProgram:
    """A region as a program for kernels and as a function body.

    Attributes:
        steps: the program for kernels, one step on each line.
        body: ONNX text that reads `spatial` and `constants` and sets `result`.
        constants: array [count, channels or 1, 1, 1] with at least one constant.
    """

    steps: str
    body: str
    constants: NDArray[Any]


def region_program(region: Region, opset: int) -> RegionProgram | None:
    """Convert a region to a program.

    Returns:
        None if programs do not support one of the region's operators or constants.
    """
    source, target = region.source, region.nodes[-1].outputs[0]
    if opset < _OPSET or source.dtype != target.dtype:
        return None
    writer = _Writer(int(source.shape[1]), np.dtype(source.dtype))
    writer.names[id(source)] = "x"
    try:
        for node in region.nodes:
            writer.write(node)
    except _NotProgrammedError:
        return None
    return None if len(writer.steps) > MOST_PROGRAM_STEPS else writer.program()


class _NotProgrammedError(Exception):
    """Programs do not support an operator or a constant."""


@dataclass
class _Writer:
    """Writes a program; `names` are the names of tensors in the program, by `id`."""

    channels: int
    dtype: np.dtype[Any]
    names: dict[int, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    constants: list[NDArray[Any]] = field(default_factory=list)

    def write(self, node: gs.Node) -> None:
        """Write the steps of a node, and record the name of its output."""
        special = _SPECIAL.get(node.op)
        if special is not None:
            made = special(self, node)
        elif node.op in FUNCTIONS:
            made = self.function(node)
        elif node.op in _PLAIN:
            operands = [self.operand(t) for t in node.inputs]
            made = self.chain(node.op, operands)
        else:
            raise _NotProgrammedError
        self.names[id(node.outputs[0])] = made

    def operand(self, tensor: gs.Tensor) -> str:
        """Name of a tensor; a constant is added to the table."""
        if id(tensor) not in self.names:
            values = value_of(tensor)
            if values is None or values.dtype != self.dtype:
                raise _NotProgrammedError
            self.names[id(tensor)] = self.constant(values)
        return self.names[id(tensor)]

    def constant(self, values: NDArray[Any]) -> str:
        """Add a constant, one value or one for each channel, and return its name."""
        is_scalar, shape = values.size == 1, values.shape[-3:]
        if not is_scalar and (shape != (self.channels, 1, 1) or values.size != self.channels):
            raise _NotProgrammedError
        self.constants.append(values.reshape(-1))
        return f"c{len(self.constants) - 1}"

    def chain(self, op: str, operands: list[str]) -> str:
        """Write an operator as one step, or as several if it has more than two operands."""
        if op not in _CHAINS:
            return self.step(op, operands)
        first, *rest = operands
        for operand in rest:
            first = self.step(_CHAINS[op], [first, operand])
        return first

    def step(self, op: str, operands: list[str], attributes: dict[str, Any] | None = None) -> str:
        """Write one step and return the name of its result."""
        made, given = f"v{len(self.steps)}", attributes or {}
        called = "GeluTanh" if given.get("approximate") == "tanh" else op
        numbers = [repr(float(np.float32(v))) for v in given.values() if not isinstance(v, str)]
        self.steps.append(" ".join([called, *operands, *numbers]))
        types = {name: "string" if isinstance(v, str) else "float" for name, v in given.items()}
        written = ", ".join(
            f'{name}: string = "{v}"' if types[name] == "string" else f"{name}: float = {v!r}"
            for name, v in given.items()
        )
        spelled = ", ".join("spatial" if name == "x" else name for name in operands)
        self.body.append(f"{made} = {op}{f' <{written}>' if written else ''} ({spelled})")
        return made

    def function(self, node: gs.Node) -> str:
        """Write a function of one pixel with all its attributes, including defaults."""
        attributes = {
            name: (value.decode() if isinstance(value, bytes) else value)
            for name, value in {**FUNCTIONS[node.op], **node.attrs}.items()
        }
        source = self.operand(node.inputs[0])
        if source.startswith("c"):
            raise _NotProgrammedError
        return self.step(node.op, [source], attributes)

    def program(self) -> RegionProgram:
        """Return the program written so far."""
        count = max((values.size for values in self.constants), default=1)
        table = [np.broadcast_to(values, (count,)) for values in self.constants]
        constants = np.stack(table or [np.zeros(1)]).astype(self.dtype)[..., None, None]
        # The body first gathers each constant from the table.
        taken = [
            line
            for number in range(len(self.constants))
            for line in (
                f"i{number} = Constant <value = int64 {{{number}}}> ()",
                f"c{number} = Gather<axis=0>(constants, i{number})",
            )
        ]
        last = self.body[-1].partition(" = ")[2]
        body = "\n        ".join([*taken, *self.body[:-1], f"result = {last}"])
        return RegionProgram("\n".join(self.steps), body, constants)


def _identity(writer: _Writer, node: gs.Node) -> str:
    return writer.operand(node.inputs[0])


def _cast(writer: _Writer, node: gs.Node) -> str:
    """Cast a truth value to a number; in kernels truth values are numbers."""
    source, target = node.inputs[0], node.outputs[0]
    if source.dtype != np.bool_ or target.dtype != writer.dtype or value_of(source) is not None:
        raise _NotProgrammedError
    given = writer.operand(source)
    one, zero = writer.constant(np.ones(1)), writer.constant(np.zeros(1))
    return writer.step("Where", [given, one, zero])


def _clip(writer: _Writer, node: gs.Node) -> str:
    made = writer.operand(node.inputs[0])
    for index, name, op in ((1, "min", "Max"), (2, "max", "Min")):
        bound = input_at(node, index)
        if bound is not None:
            made = writer.step(op, [made, writer.operand(bound)])
        elif name in node.attrs:
            made = writer.step(op, [made, writer.constant(np.asarray(float(node.attrs[name])))])
    return made


def _leaky_relu(writer: _Writer, node: gs.Node) -> str:
    slope = writer.constant(np.asarray(float(node.attrs.get("alpha", 0.01))))
    return writer.step("PRelu", [writer.operand(node.inputs[0]), slope])


def _power(writer: _Writer, node: gs.Node) -> str:
    exponent = value_of(node.inputs[1])
    if exponent is None or exponent.size != 1 or float(exponent.reshape(-1)[0]) > _MOST_FACTORS:
        raise _NotProgrammedError
    base = made = writer.operand(node.inputs[0])
    for _ in range(int(exponent.reshape(-1)[0]) - 1):
        made = writer.step("Mul", [made, base])
    return made


_SPECIAL: dict[str, Callable[[_Writer, gs.Node], str]] = {
    "Cast": _cast,
    "Clip": _clip,
    "Identity": _identity,
    "LeakyRelu": _leaky_relu,
    "Pow": _power,
}
