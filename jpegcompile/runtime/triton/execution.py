"""What runs a module of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModuleExecution:
    """What runs the nodes of a module.

    Attributes:
        kernels: calls of GPU kernels.
        torch_operators: how many nodes operators of PyTorch run, by operator.
        precision: of maps and products.
        device: where they run.
        inputs: how many images were preprocessed so far, "on the host" and "on the device"; only of
            models for files of any size.
    """

    kernels: int
    torch_operators: Mapping[str, int]
    precision: str
    device: str
    inputs: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return asdict(self)

    def __str__(self) -> str:
        """One line for people."""
        others = ", ".join(f"{count} {op}" for op, count in self.torch_operators.items())
        text = f"{self.kernels} GPU kernels in {self.precision} on {self.device}"
        if self.inputs:
            made = " and ".join(f"{count} {where}" for where, count in self.inputs.items())
            text = f"{text}; images preprocessed: {made}"
        return f"{text}; by operators of PyTorch: {others}" if others else text
