"""What the definition of an operator says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar

ElementType = Literal["float", "int16", "int64", "uint8", "uint16"]
AttributeType = Literal["int", "ints", "float", "string"]
Role = Literal["map", "vector", "weights", "matrix", "plane", "index", "bytes"]
Masking = Literal["", "asm", "apx"]
# What stands for an input: a tensor, or its name.
Given = TypeVar("Given")

# A block size that is no attribute: the map holds pixels.
PIXELS = "1"


@dataclass(frozen=True)
class Operand:
    """An input or an output of an operator.

    Attributes:
        name: in the function body, in Python and in C++.
        role: "map" of features; "vector", numbers that go by channel, and by pixel where the shape
            says so; "weights" of a convolution and constants like them; "matrix" of an axis and
            "plane", constants that describe a transform; "index", integers for function bodies;
            "bytes" of files and their coefficients.
        shape: a name or a number for each dimension, as in "N C H W". Dimensions of one name are
            equal within a node, "?" is any extent, and "*" by itself any shape. A vector may have
            any shape that broadcasts to the given one, and so may a map that says it broadcasts.
        type: of the elements. "float" is the precision of the node, float32 for native kernels.
        block: of a map, the attribute that holds its block size; `PIXELS` at block size 1.
        is_grouped: whether kernels may hand the map on in groups of channels.
        is_compact: whether kernels may hand its tiles on as few coefficients.
        is_optional: whether a node may leave the input out.
        is_broadcast: whether a map may have one image or one channel in place of all.
    """

    name: str
    role: Role
    shape: str
    type: ElementType = "float"
    block: str = ""
    is_grouped: bool = False
    is_compact: bool = False
    is_optional: bool = False
    is_broadcast: bool = False

    @cached_property
    def dimensions(self) -> tuple[str, ...] | None:
        """The names and numbers of its shape; None for any shape."""
        return None if self.shape == "*" else tuple(self.shape.split())

    @property
    def group_attribute(self) -> str:
        """Says how many channels stand side by side, where the map may be grouped."""
        return f"{self.name}_group"

    @property
    def frequencies_attribute(self) -> str:
        """Says which frequencies the tiles have places for, where the map may be compact."""
        return f"{self.name}_frequencies"


@dataclass(frozen=True)
class Attribute:
    """An attribute of an operator.

    Attributes:
        name: of the attribute.
        type: of its value.
        default: what a node without the attribute means; None where every node has it.
    """

    name: str
    type: AttributeType
    default: int | float | str | None = None


@dataclass(frozen=True)
class Body:
    """What an operator means in standard ONNX.

    Attributes:
        statements: ONNX text that makes the outputs from the inputs; attributes are `@name`. It
            uses operators that are the same from opset 7 on, or up to `below`.
        below: the body is for models of lower opsets than this; None for all others.
    """

    statements: str
    below: int | None = None


@dataclass(frozen=True)
class Operator:
    """An operator of the domain.

    Attributes:
        name: of the operator.
        summary: what it computes, in a few words.
        inputs, outputs: in the order of a node.
        attributes: besides those that follow from the layouts of maps.
        bodies: its meaning for runtimes without our kernels, the one for the lowest opsets first;
            empty for operators that no standard operators can express.
        reference: its NumPy reference, as MODULE:FUNCTION within `kernels/`.
        kernel: its native kernel: `make_KERNEL` in C++.
        base: the convolution that the operator is or contains.
        activation: the activation that is behind the convolution: "Relu", "PRelu", "Clip" or none.
        exact: the operator that this one approximates.
        masking: how it approximates.
        takes_positions: whether an approximation finds positions, not a mask.
        truncates: whether the result keeps the frequencies of the input `band` alone.
        ingest: the ingest that the operator begins with.
        keeps_band: whether a frequency of the result depends on that frequency of the maps alone,
            so that the result has no more frequencies than they have.
    """

    name: str
    summary: str
    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    attributes: tuple[Attribute, ...] = ()
    bodies: tuple[Body, ...] = ()
    reference: str = ""
    kernel: str = ""
    base: str = ""
    activation: str = ""
    exact: str = ""
    masking: Masking = ""
    takes_positions: bool = False
    truncates: bool = False
    ingest: str = ""
    keeps_band: bool = False

    @property
    def maps(self) -> tuple[Operand, ...]:
        """The maps of features among inputs and outputs, in this order."""
        return tuple(operand for operand in (*self.inputs, *self.outputs) if operand.role == "map")

    @property
    def layout_attributes(self) -> tuple[Attribute, ...]:
        """How maps stand in memory; function bodies ignore them."""
        groups = (Attribute(m.group_attribute, "int", 1) for m in self.maps if m.is_grouped)
        few = (Attribute(m.frequencies_attribute, "int", 0) for m in self.maps if m.is_compact)
        return (*groups, *few)

    @cached_property
    def all_attributes(self) -> tuple[Attribute, ...]:
        """Every attribute that a node may have."""
        return (*self.layout_attributes, *self.attributes)

    def position(self, name: str) -> int:
        """Where an input stands.

        Raises:
            KeyError: if the operator has no such input.
        """
        if name not in self._positions:
            raise KeyError(f"{self.name} has no input '{name}'")
        return self._positions[name]

    def has(self, name: str) -> bool:
        """Whether there is an input of that name."""
        return name in self._positions

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        return {operand.name: index for index, operand in enumerate(self.inputs)}

    def in_order(self, inputs: Mapping[str, Given], nothing: Given) -> list[Given]:
        """Named inputs in the order of a node.

        Args:
            inputs: by name.
            nothing: stands where an optional input is left out; none stands at the end.

        Raises:
            KeyError: if a name is unknown, or an input is missing that the operator needs.
        """
        for name in inputs:
            self.position(name)
        missing = [o.name for o in self.inputs if not o.is_optional and o.name not in inputs]
        if missing:
            raise KeyError(f"{self.name} needs an input '{missing[0]}'")
        last = max((self.position(name) for name in inputs), default=-1)
        return [inputs.get(operand.name, nothing) for operand in self.inputs[: last + 1]]

    def body(self, opset: int) -> Body:
        """The function body for a model of that opset.

        Raises:
            KeyError: if the operator has none.
        """
        for body in self.bodies:
            if body.below is None or opset < body.below:
                return body
        raise KeyError(f"{self.name} has no function body")


def by_name(*families: tuple[Operator, ...]) -> Mapping[str, Operator]:
    """The operators of several families by their names.

    Raises:
        ValueError: if two have one name.
    """
    operators: dict[str, Operator] = {}
    for family in families:
        for operator in family:
            if operator.name in operators:
                raise ValueError(f"{operator.name} is defined twice")
            operators[operator.name] = operator
    return operators
