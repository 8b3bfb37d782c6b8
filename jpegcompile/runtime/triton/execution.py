"""How the nodes of a compiled module run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModuleExecution:
    """How the nodes of a compiled module run.

    Attributes:
        kernels: number of calls of GPU kernels.
        torch_operators: number of nodes that operators of PyTorch run, by operator.
        precision: precision of maps and products.
        device: device of the module.
        inputs: number of images preprocessed so far "on the host" and "on the device"; only for
            models for files of any size.
    """

    kernels: int
    torch_operators: Mapping[str, int]
    precision: str
    device: str
    inputs: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)

    def __str__(self) -> str:
        """Return one line for people."""
        others = ", ".join(f"{count} {op}" for op, count in self.torch_operators.items())
        text = f"{self.kernels} GPU kernels in {self.precision} on {self.device}"
        if self.inputs:
            made = " and ".join(f"{count} {where}" for where, count in self.inputs.items())
            text = f"{text}; images preprocessed: {made}"
        return f"{text}; by operators of PyTorch: {others}" if others else text
