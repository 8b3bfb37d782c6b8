"""Find regions of a graph whose nodes together compute one function of each pixel.

Exporters write SiLU as Mul(x, Sigmoid(x)), GELU as five nodes, and so on. A region reads one map
and any number of constants.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from onnx import helper

from jpegcompile.frequency_plan import PIECEWISE_LINEAR
from jpegcompile.ir.graph import value_of
from jpegcompile.operators.pixelwise import FUNCTIONS

# Nonlinear if several operands are maps, or only the second one is.
PRODUCTS = frozenset(("Div", "Max", "Min", "Mul", "Pow", "Where"))
_WITHIN = frozenset(
    (
        *("Add", "And", "Cast", "Clip", "Equal", "Greater", "GreaterOrEqual", "Identity"),
        *("LeakyRelu", "Less", "LessOrEqual", "Neg", "Not", "Or", "PRelu", "Relu", "Sub", "Sum"),
    )
)
_COMMUTATIVE = frozenset(("Add", "Max", "Min", "Mul", "Sum"))
_PIXELWISE = frozenset(FUNCTIONS) | PRODUCTS | _WITHIN


@dataclass(frozen=True)
class Region:
    """Nodes that together compute y[n,c,h,w] = f(x[n,c,h,w]; constants).

    Attributes:
        nodes: nodes in graph order; the last one computes the result.
        source: the map x.
        constants: constants in the order in which the nodes read them.
    """

    nodes: tuple[gs.Node, ...]
    source: gs.Tensor
    constants: tuple[gs.Constant, ...]

    def program(self) -> str:
        """Nodes as ONNX text that reads `spatial` and constants c0, c1, ... and sets `result`."""
        names = {id(self.source): "spatial"}
        names |= {id(t): f"c{index}" for index, t in enumerate(self.constants)}
        names |= {id(n.outputs[0]): f"v{index}" for index, n in enumerate(self.nodes)}
        names[id(self.nodes[-1].outputs[0])] = "result"
        return "\n        ".join(_statement(node, names) for node in self.nodes)


def program_name(program: str) -> str:
    """Name of the operator for a program; different programs have different names."""
    return f"JpegPointwise_{hashlib.sha256(program.encode()).hexdigest()[:12]}"


def region_of(
    root: gs.Node, positions: Mapping[int, int], kept: Container[str] = ()
) -> Region | None:
    """Find the smallest region that ends in `root`, extended by functions directly upstream.

    Args:
        root: a node of the graph.
        positions: position of every node in graph order, by `id`.
        kept: names of nodes that must not be part of a region.

    Returns:
        The region; None if no region ends in `root`.
    """
    if not is_pixelwise(root) or root.name in kept:
        return None
    shape = tuple(root.outputs[0].shape or ())
    inside = [root]
    while len(sources := _sources(inside)) > 1:
        latest = max(sources, key=lambda tensor: _position(tensor, positions))
        if not _can_enter(latest, shape) or latest.inputs[0].name in kept:
            return None
        inside.append(latest.inputs[0])
    if not sources or tuple(sources[0].shape or ()) != shape:
        return None
    before, source = _functions_before(sources[0], inside, kept)
    inside += before
    nodes = tuple(sorted(inside, key=lambda node: positions[id(node)]))
    constants = {id(t): t for n in nodes for t in n.inputs if value_of(t) is not None}
    numbers = [constant.values for constant in constants.values()]
    numbers += [v for node in nodes for v in node.attrs.values() if isinstance(v, float)]
    # The text format of programs has no infinities.
    if not all(np.isfinite(n).all() for n in numbers):
        return None
    return Region(nodes, source, tuple(constants.values()))


def _functions_before(
    source: gs.Tensor, inside: list[gs.Node], kept: Container[str]
) -> tuple[list[gs.Node], gs.Tensor]:
    """Return the chain of functions upstream of a source, and the chain's own source.

    Nothing outside the region may read the chain. It may contain arithmetic with constants between
    two functions. It stops at piecewise linear operators, which are lowered separately.
    """
    taken: list[gs.Node] = []
    passed: list[gs.Node] = []
    first = tensor = source
    while tensor.inputs and _is_read_by(tensor, [*inside, *taken, *passed]):
        node = tensor.inputs[0]
        variables = [t for t in node.inputs if value_of(t) is None]
        is_chain = len(variables) == 1 and is_pixelwise(node) and node.name not in kept
        is_chain = is_chain and node.op not in PIECEWISE_LINEAR
        if not is_chain or tuple(variables[0].shape or ()) != tuple(source.shape):
            break
        passed.append(node)
        tensor = variables[0]
        if node.op in FUNCTIONS:
            taken, passed, first = [*taken, *passed], [], tensor
    return taken, first


def _sources(inside: Sequence[gs.Node]) -> list[gs.Tensor]:
    made = {id(node.outputs[0]) for node in inside}
    read = {id(t): t for n in inside for t in n.inputs if t.name and value_of(t) is None}
    return [tensor for key, tensor in read.items() if key not in made]


def _position(tensor: gs.Tensor, positions: Mapping[int, int]) -> int:
    return positions[id(tensor.inputs[0])] if tensor.inputs else -1


def _can_enter(tensor: gs.Tensor, shape: tuple[Any, ...]) -> bool:
    """Whether a tensor has this shape and is the output of a per-pixel function."""
    if not tensor.inputs or tuple(tensor.shape or ()) != shape:
        return False
    return is_pixelwise(tensor.inputs[0])


def is_pixelwise(node: gs.Node) -> bool:
    """Whether a node is a function of each pixel that is finite for finite operands.

    A quotient qualifies if its divisor is bounded away from zero, as in x / (1 + exp(-x)). A power
    qualifies if its exponent is a positive integer.
    """
    if node.domain not in (None, "", "ai.onnx") or len(node.outputs) != 1:
        return False
    if node.op == "Div" and value_of(node.inputs[1]) is None:
        return _stays_away_from_zero(node.inputs[1])
    if node.op == "Pow":
        exponent = value_of(node.inputs[1])
        return exponent is not None and bool(np.all((exponent > 0) & (exponent % 1 == 0)))
    return node.op in _PIXELWISE


def _stays_away_from_zero(tensor: gs.Tensor) -> bool:
    """Whether a tensor is the sum of a constant >= 1/2 and a non-negative term."""
    if not tensor.inputs or tensor.inputs[0].op != "Add":
        return False
    operands = tensor.inputs[0].inputs
    constants = [value for value in map(value_of, operands) if value is not None]
    producers = [t.inputs[0] for t in operands if t.inputs]
    if len(constants) != 1 or len(producers) != 1 or not bool(np.all(constants[0] >= 0.5)):
        return False
    producer = producers[0]
    is_square = producer.op == "Mul" and producer.inputs[0] is producer.inputs[1]
    return is_square or producer.op in ("Abs", "Exp", "Sigmoid", "Softplus")


def _is_read_by(tensor: gs.Tensor, nodes: Sequence[gs.Node]) -> bool:
    """Whether only these nodes read a tensor; False for a tensor without readers."""
    return bool(tensor.outputs) and all(any(r is n for n in nodes) for r in tensor.outputs)


def _statement(node: gs.Node, names: Mapping[int, str]) -> str:
    attributes = ", ".join(_attribute(key, value) for key, value in sorted(node.attrs.items()))
    given = [names[id(t)] if t.name else "" for t in node.inputs]
    # Exporters write SiLU as x * sigmoid(x) or as sigmoid(x) * x.
    operands = ", ".join(sorted(given) if node.op in _COMMUTATIVE else given)
    written = f" <{attributes}>" if attributes else ""
    return f"{names[id(node.outputs[0])]} = {node.op}{written} ({operands})"


def _attribute(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{name}: float = {value!r}"
    if isinstance(value, str | bytes):
        text = value.decode() if isinstance(value, bytes) else value
        return f'{name}: string = "{text}"'
    if isinstance(value, list | tuple):
        return f"{name} = [{', '.join(map(str, value))}]"
    if isinstance(value, type | np.dtype):
        value = helper.np_dtype_to_tensor_dtype(np.dtype(value))
    return f"{name}: int = {int(value)}"
