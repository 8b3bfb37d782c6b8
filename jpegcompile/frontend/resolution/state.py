"""State of rewriting a model for another image size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from jpegcompile.frontend.resolution.tensors import Dims, Tensors
from jpegcompile.frontend.walk import FreshNames
from jpegcompile.messages import Message


class DeclinedError(Exception):
    """A node cannot follow the image size.

    Attributes:
        reason: why not; "it" is the node.
    """

    def __init__(self, reason: Message) -> None:
        """Create an error for the node at hand."""
        super().__init__(reason)
        self.reason = reason


@dataclass
class Rewriting:
    """State of rewriting a model for another image size.

    Attributes:
        model: the model, changed in place.
        old: tensors at the old size.
        new: tensors at the new size, up to the current node.
        maps: (height, width) of feature maps at the old size -> at the new size.
        joined: sizes of the operands of a Concat along its axis -> at the new size.
        rewritten: names of the changed nodes.
        kept: names of the tensors that depend on no changed tensor.
    """

    model: onnx.ModelProto
    old: Tensors
    new: Tensors
    maps: dict[Dims, set[Dims]] = field(default_factory=dict)
    joined: dict[Dims, set[Dims]] = field(default_factory=dict)
    rewritten: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    _names: FreshNames | None = None

    def has_changed(self, name: str) -> bool:
        """Whether a tensor has another shape or other values at the new size, or is unknown."""
        if name in self.old.constants or name in self.kept:
            return False
        before, after = self.old.dims(name), self.new.dims(name)
        if before is None or after is None or before != after:
            return True
        values, others = self.old.values.get(name), self.new.values.get(name)
        if values is None and others is None:
            return False
        return values is None or others is None or not np.array_equal(values, others)

    def shapes(self, name: str) -> tuple[Dims, Dims]:
        """Return the shapes of a tensor at the old and the new size.

        Raises:
            DeclinedError: if a shape is unknown.
        """
        before, after = self.old.dims(name), self.new.dims(name)
        if before is None or after is None:
            raise DeclinedError(
                Message("resolution-shape-unknown", f"the shape of its operand '{name}' is unknown")
            )
        return before, after

    def remember(self, node: onnx.NodeProto) -> None:
        """Record the new sizes of a node's output maps and, for a Concat, of its operands."""
        for made in node.output:
            before, after = self.old.dims(made), self.new.dims(made)
            if before and after and len(before) == len(after) == 4 and before[2:] != after[2:]:
                self.maps.setdefault(before[2:], set()).add(after[2:])
        if node.op_type == "Concat":
            axis = attribute(node, "axis")
            shapes = [(self.old.dims(name), self.new.dims(name)) for name in node.input]
            joined = [(old[axis], new[axis]) for old, new in shapes if old and new]
            if len(joined) == len(shapes) and any(old != new for old, new in joined):
                old, new = zip(*joined, strict=True)
                self.joined.setdefault(old, set()).add(new)

    def is_computed(self, names: Iterable[str]) -> bool:
        """Whether all these tensors are known, and the model computes one of them."""
        given = [name for name in names if name]
        known = all(name in self.old.values and name in self.new.values for name in given)
        return known and any(name not in self.old.constants for name in given)

    def constant(self, base: str, values: NDArray[Any]) -> str:
        """Add an initializer and return its name."""
        self._names = self._names or FreshNames(self.model.graph)
        tensor = numpy_helper.from_array(values, self._names.fresh(base))
        self.model.graph.initializer.append(tensor)
        self.old.set_constant(tensor)
        self.new.set_constant(tensor)
        return tensor.name

    def fixed(self, node: onnx.NodeProto, index: int) -> NDArray[Any] | None:
        """Return the values of a constant operand; None if it is not a known constant."""
        name = node.input[index] if index < len(node.input) else ""
        return self.old.values.get(name) if name in self.old.constants else None


def attribute(node: onnx.NodeProto, name: str) -> Any:
    """Return the value of an attribute; None if the node does not have it."""
    return next(
        (helper.get_attribute_value(a) for a in node.attribute if a.name == name),
        None,
    )


def integers(node: onnx.NodeProto, name: str, count: int, default: int) -> list[int]:
    """Return an attribute that is a list of integers.

    Args:
        node: the node.
        name: name of the attribute.
        count: number of integers if the node does not have the attribute.
        default: value of each integer if the node does not have the attribute.
    """
    values = attribute(node, name)
    return [default] * count if values is None else [int(value) for value in values]
