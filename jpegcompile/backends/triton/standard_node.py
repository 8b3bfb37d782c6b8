"""A standard ONNX node to be written as a PyTorch expression, and helpers to write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from jpegcompile.messages import Message


@dataclass(frozen=True)
class Standard:
    """A standard ONNX node, ready to be written.

    Attributes:
        op: its operator.
        inputs: expressions of its inputs; "" for an omitted one.
        values: values of constant inputs; None for other inputs.
        attrs: its attributes.
        opset: opset of the graph.
        outputs: number of outputs.
    """

    op: str
    inputs: Sequence[str]
    values: Sequence[NDArray[Any] | None]
    attrs: Mapping[str, Any]
    opset: int
    outputs: int = 1

    def value(self, index: int) -> NDArray[Any] | None:
        """Return the values of an input; None if it is not a constant or is omitted."""
        return self.values[index] if index < len(self.values) else None

    def given(self, index: int) -> str:
        """Return the expression of an input; "" if it is omitted."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def integers(self, index: int, name: str) -> list[int] | None:
        """Return integers that are an attribute or, in later opsets, an input.

        Args:
            index: index of the input.
            name: name of the attribute.

        Returns:
            The integers; None if neither is given.

        Raises:
            NotWrittenError: if the input is not a constant.
        """
        if name in self.attrs:
            values = self.attrs[name]
            return [int(v) for v in (values if isinstance(values, list | tuple) else [values])]
        if not self.given(index):
            return None
        found = self.value(index)
        if found is None:
            raise NotWrittenError(
                Message("torch-input-not-constant", f"its input {index} is not a constant")
            )
        return [int(v) for v in found.reshape(-1)]


class NotWrittenError(Exception):
    """A node cannot be written as a PyTorch expression.

    Attributes:
        reason: why not; "it" is the node.
    """

    def __init__(self, reason: Message) -> None:
        """Create an error for the node at hand."""
        super().__init__(reason)
        self.reason = reason


Writer = Callable[[Standard], str]


def call(function: str) -> Writer:
    """Return a writer of a function call with the inputs."""
    return lambda n: f"{function}({', '.join(n.inputs)})"


def method(name: str) -> Writer:
    """Return a writer of a method call on the first input; `name` includes the arguments."""
    return lambda n: f"{n.inputs[0]}.{name}"


def text_of(value: Any) -> str:
    """Return a string attribute, which ONNX stores as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)
