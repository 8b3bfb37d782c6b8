"""A model on its way to another size of its image, and what is known of it."""

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


class DeclinedError(Exception):
    """A node cannot follow the size of the image; the text says why."""


@dataclass
class Rewriting:
    """A model on its way to another size.

    Attributes:
        model: changed in place.
        old: what is known at the size of the model.
        new: the same at the other size, up to the node that is looked at.
        maps: height and width of maps -> what they became.
        joined: sizes along the axis of a Concat -> what they became.
        rewritten: names of the nodes that were changed.
        kept: names of the tensors that nodes make of nothing that changed.
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
        """Whether a tensor has another shape, or values, or is not known."""
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
        """Of a tensor, at both sizes.

        Raises:
            DeclinedError: if one is not known.
        """
        before, after = self.old.dims(name), self.new.dims(name)
        if before is None or after is None:
            raise DeclinedError(f"the shape of its operand '{name}' is not known")
        return before, after

    def remember(self, node: onnx.NodeProto) -> None:
        """Take in what became of the maps that a node makes, and of the sizes that it joins."""
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
        """Whether the model itself computes one of these tensors of the size, and all are known."""
        given = [name for name in names if name]
        known = all(name in self.old.values and name in self.new.values for name in given)
        return known and any(name not in self.old.constants for name in given)

    def constant(self, base: str, values: NDArray[Any]) -> str:
        """A new initializer."""
        self._names = self._names or FreshNames(self.model.graph)
        tensor = numpy_helper.from_array(values, self._names.fresh(base))
        self.model.graph.initializer.append(tensor)
        self.old.set_constant(tensor)
        self.new.set_constant(tensor)
        return tensor.name

    def fixed(self, node: onnx.NodeProto, index: int) -> NDArray[Any] | None:
        """Values of an operand that no size of the image changes; None if there are none."""
        name = node.input[index] if index < len(node.input) else ""
        return self.old.values.get(name) if name in self.old.constants else None


def attribute(node: onnx.NodeProto, name: str) -> Any:
    """The value of an attribute; None if the node does not have it."""
    return next(
        (helper.get_attribute_value(a) for a in node.attribute if a.name == name),
        None,
    )


def integers(node: onnx.NodeProto, name: str, count: int, default: int) -> list[int]:
    """An attribute of `count` integers, `default` each if the node does not have it."""
    values = attribute(node, name)
    return [default] * count if values is None else [int(value) for value in values]
