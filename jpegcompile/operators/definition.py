"""The parts of an operator definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar

ElementType = Literal["float", "int16", "int64", "uint8", "uint16"]
AttributeType = Literal["int", "ints", "float", "string"]
Role = Literal["map", "vector", "weights", "matrix", "plane", "index", "bytes"]
Masking = Literal["", "asm", "apx"]
# Rules for operators that have no fixed spatial form.
Raising = Literal[
    "", "batch-normalization", "group-normalization", "ingest", "program", "separable"
]
# Representation of an input: a tensor, or its name.
Given = TypeVar("Given")

# Block size of a spatial map, which needs no attribute.
PIXELS = "1"


@dataclass(frozen=True)
class Operand:
    """An input or an output of an operator.

    Attributes:
        name: name in the function body, in Python and in C++.
        role: "map", a feature map; "vector", numbers for each channel, or for each pixel if the
            shape has pixels; "weights", weights of a convolution and similar constants; "matrix",
            the transform of one axis; "plane", another constant of a transform; "index", integers
            for function bodies; "bytes", content of files or their coefficients.
        shape: a name or a number for each dimension, as in "N C H W". Dimensions with the same name
            are equal within a node, "?" is any size, and "*" alone is any shape. A vector can have
            any shape that broadcasts to the given one. So can a map with `is_broadcast`.
        type: element type. "float" is the precision of the node, which is float32 for native
            kernels.
        block: for a map, the attribute with its block size; `PIXELS` for a spatial map.
        is_grouped: whether kernels support the map in the grouped layout.
        is_compact: whether kernels support the map in the compact layout.
        is_optional: whether the input is optional.
        is_broadcast: whether a map can have one image or one channel that is broadcast.
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
        """Names and numbers of the dimensions; None for any shape."""
        return None if self.shape == "*" else tuple(self.shape.split())

    @property
    def group_attribute(self) -> str:
        """Attribute with the number of channels in a group, for a map that can be grouped."""
        return f"{self.name}_group"

    @property
    def frequencies_attribute(self) -> str:
        """Attribute with the stored frequencies of a tile, for a map that can be compact."""
        return f"{self.name}_frequencies"


@dataclass(frozen=True)
class Attribute:
    """An attribute of an operator.

    Attributes:
        name: name of the attribute.
        type: type of the value.
        default: value if a node does not have the attribute; None if it is required.
    """

    name: str
    type: AttributeType
    default: int | float | str | None = None


@dataclass(frozen=True)
class Body:
    """A function body: the operator in terms of standard ONNX operators.

    Attributes:
        statements: ONNX text that computes the outputs from the inputs. `@name` is an attribute.
            The operators have the same meaning in all opsets from 7, or up to `below`.
        below: the body is for opsets below this; None if there is no limit.
    """

    statements: str
    below: int | None = None


@dataclass(frozen=True)
class Operator:
    """A `jpegcompile` operator.

    Attributes:
        name: name of the operator.
        summary: what the operator computes, as a short noun phrase.
        inputs, outputs: operands in the order of a node.
        attributes: attributes, except for the layouts of maps.
        bodies: function bodies for runtimes without the native kernels, lowest opsets first; empty
            if standard operators cannot express the operator.
        reference: NumPy reference, as MODULE:FUNCTION within `kernels/`.
        kernel: native kernel, `make_KERNEL` in C++.
        base: the convolution that the operator is or contains.
        activation: the activation after the convolution: "Relu", "PRelu", "Clip" or none.
        exact: name of the operator that this operator approximates.
        masking: method of the approximation.
        takes_positions: whether the approximation determines positions instead of a mask.
        truncates: whether the output keeps only the frequencies of the input `band`.
        ingest: name of the ingest that the operator starts with.
        keeps_band: whether each frequency of the output depends only on the same frequency of the
            input maps, so that the output has no additional frequencies.
        spatial: the operator on pixels, in the form of `bodies`: the statements compute the pixels
            of the outputs from the pixels of the maps. The frontend raises nodes by them.
        raising: what raises the operator if `spatial` is empty: a rule of `frontend/raising/`.
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
    spatial: tuple[Body, ...] = ()
    raising: Raising = ""

    @property
    def maps(self) -> tuple[Operand, ...]:
        """The feature maps among the inputs and outputs, inputs first."""
        return tuple(operand for operand in (*self.inputs, *self.outputs) if operand.role == "map")

    @property
    def layout_attributes(self) -> tuple[Attribute, ...]:
        """Attributes with the layouts of maps, which function bodies ignore."""
        groups = (Attribute(m.group_attribute, "int", 1) for m in self.maps if m.is_grouped)
        few = (Attribute(m.frequencies_attribute, "int", 0) for m in self.maps if m.is_compact)
        return (*groups, *few)

    @cached_property
    def all_attributes(self) -> tuple[Attribute, ...]:
        """All attributes of a node."""
        return (*self.layout_attributes, *self.attributes)

    def position(self, name: str) -> int:
        """Return the index of an input.

        Raises:
            KeyError: if the operator has no such input.
        """
        if name not in self._positions:
            raise KeyError(f"{self.name} has no input '{name}'")
        return self._positions[name]

    def has(self, name: str) -> bool:
        """Whether the operator has an input of that name."""
        return name in self._positions

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        return {operand.name: index for index, operand in enumerate(self.inputs)}

    def in_order(self, inputs: Mapping[str, Given], nothing: Given) -> list[Given]:
        """Return named inputs in the order of a node.

        Args:
            inputs: inputs by name.
            nothing: value for an omitted optional input. Omitted inputs at the end are dropped.

        Raises:
            KeyError: if a name is unknown or a required input is missing.
        """
        for name in inputs:
            self.position(name)
        missing = [o.name for o in self.inputs if not o.is_optional and o.name not in inputs]
        if missing:
            raise KeyError(f"{self.name} needs an input '{missing[0]}'")
        last = max((self.position(name) for name in inputs), default=-1)
        return [inputs.get(operand.name, nothing) for operand in self.inputs[: last + 1]]

    def body(self, opset: int) -> Body:
        """Return the function body for a model of that opset.

        Raises:
            KeyError: if the operator has no function body.
        """
        for body in self.bodies:
            if body.below is None or opset < body.below:
                return body
        raise KeyError(f"{self.name} has no function body")


def by_name(*families: tuple[Operator, ...]) -> Mapping[str, Operator]:
    """Return the operators of several families by name.

    Raises:
        ValueError: if two operators have the same name.
    """
    operators: dict[str, Operator] = {}
    for family in families:
        for operator in family:
            if operator.name in operators:
                raise ValueError(f"{operator.name} is defined twice")
            operators[operator.name] = operator
    return operators
