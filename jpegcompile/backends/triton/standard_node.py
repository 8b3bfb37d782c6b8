"""A node of ONNX that becomes an expression of PyTorch, and ways to write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Standard:
    """A node of ONNX, ready to be written.

    Attributes:
        op: its operator.
        inputs: expressions of its inputs, "" where one is left out.
        values: of inputs that are constants, None for the others.
        attrs: its attributes.
        opset: of the graph.
        outputs: how many results are wanted.
    """

    op: str
    inputs: Sequence[str]
    values: Sequence[NDArray[Any] | None]
    attrs: Mapping[str, Any]
    opset: int
    outputs: int = 1

    def value(self, index: int) -> NDArray[Any] | None:
        """The values of an input that is a constant; None if it is none, or left out."""
        return self.values[index] if index < len(self.values) else None

    def given(self, index: int) -> str:
        """The expression of an input; "" if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def integers(self, index: int, name: str) -> list[int] | None:
        """Integers that are an attribute or, in later opsets, an input; None if not given.

        Raises:
            NotWrittenError: if the input is not known at compile time.
        """
        if name in self.attrs:
            values = self.attrs[name]
            return [int(v) for v in (values if isinstance(values, list | tuple) else [values])]
        if not self.given(index):
            return None
        found = self.value(index)
        if found is None:
            raise NotWrittenError(f"its input {index} is not known at compile time")
        return [int(v) for v in found.reshape(-1)]


class NotWrittenError(Exception):
    """An operator, or a form of it, that has no expression here."""


Writer = Callable[[Standard], str]


def call(function: str) -> Writer:
    """A call of a function with the inputs."""
    return lambda n: f"{function}({', '.join(n.inputs)})"


def method(name: str) -> Writer:
    """A method of the first input, with its arguments."""
    return lambda n: f"{n.inputs[0]}.{name}"


def text_of(value: Any) -> str:
    """An attribute that is a text, which ONNX stores as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)
