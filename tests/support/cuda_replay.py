"""Launches of the native library on CUDA, replayed by Triton's interpreter.

Memory is like that of the device. The result of a node is compared with the operator in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from support.cuda_launches import Node, Run, numbers
from support.gpu_maps import Doubles

from jpegcompile.dct.frequencies import band
from jpegcompile.gpu.cubin_file import StoredCubin
from jpegcompile.gpu.kernels import kernel_of

BATCH = 2
Shape = tuple[int, int, int, int]
_TYPES = {
    "*fp32": torch.float32,
    "*i32": torch.int32,
    "*i16": torch.int16,
    "*u16": torch.uint16,
}


@dataclass(frozen=True)
class Order:
    """How a map stands: in planes or groups of channels, whole or by few frequencies."""

    group: int = 1
    block: int = 1
    frequencies: int = 0

    def decoded(self, memory: Doubles, shape: Shape) -> Doubles:
        """The map [N, C, H, W] that memory holds."""
        batch, channels, height, width = shape
        if self.group == 1:
            return memory.reshape(shape)
        if not self.frequencies:
            groups = memory.reshape(batch, channels // 16, height, width, 16)
            return groups.transpose(0, 1, 4, 2, 3).reshape(shape)
        b, kept = self.block, band(self.block, self.frequencies).reshape(-1)
        places = (batch, channels // 16, height // b, width // b)
        count = int(np.prod(places)) * int(kept.sum()) * 16
        tiles = np.zeros((*places, b * b, 16))
        tiles[..., kept, :] = memory.reshape(-1)[:count].reshape(*places, -1, 16)
        split = tiles.reshape(*places, b, b, 16)
        return split.transpose(0, 1, 6, 2, 4, 3, 5).reshape(shape)


def constants_of(text: str) -> dict[str, Any]:
    """The constants of a kernel from their text."""
    found: dict[str, Any] = {}
    for constant in text.split(" "):
        name, _, value = constant.partition("=")
        if name == "PROGRAM":
            steps = [step.split(",") for step in value.split(";") if step]
            found[name] = tuple(
                (f, int(a), int(b), int(c), float.fromhex(p), float.fromhex(q))
                for f, a, b, c, p, q in steps
            )
        else:
            found[name] = int(value) if value.lstrip("-").isdigit() else value
    return found


def _at(memory: Mapping[int, torch.Tensor], address: int, kind: str) -> torch.Tensor:
    """What stands from an address on, which may be within a piece of memory."""
    first = max(begin for begin in memory if begin <= address)
    values = memory[first].ravel().view(_TYPES[kind])
    place = (address - first) // values.element_size()
    assert place < values.numel()
    return values[place:]


def replayed(
    done: Run,
    cubins: Mapping[int, StoredCubin],
    inputs: Mapping[int, NDArray[Any]] | None = None,
) -> Doubles:
    """What the output's memory holds behind the launches; not a number where nothing is written.

    Args:
        done: what a node made the driver do.
        cubins: by their shared memory.
        inputs: that do not hold `numbers`, by their place; integers keep their type.
    """
    memory = {
        address: torch.full((max(done.bytes[name] // 4, 1),), float("nan"))
        for name, address in done.memory.items()
    }
    for name, address in done.memory.items():
        kind, _, index = name.partition(" ")
        if kind == "input":
            memory[address] = torch.from_numpy(numbers(int(index), done.bytes[name] // 4))
    for place, values in (inputs or {}).items():
        stored = values if values.dtype.kind in "iu" else values.astype(np.float32)
        memory[done.memory[f"input {place}"]] = torch.from_numpy(stored.ravel())
    memory |= {address: torch.from_numpy(v.copy()) for address, v in done.copied.items()}
    for launched in done.launches:
        cubin = cubins[launched.shared]
        given = {
            name: _at(memory, value, kind) if kind.startswith("*") else value
            for (name, kind), value in zip(
                cubin.parameters, launched.arguments(cubin).values(), strict=True
            )
        }
        # Lanes that are masked may divide by zero.
        with np.errstate(all="ignore"):
            kernel_of(cubin.kernel)[launched.grid](**given, **constants_of(cubin.constants))
    return memory[done.memory["output 0"]].double().numpy()


@dataclass(frozen=True)
class Case:
    """A node, how its maps stand, and what it computes of them in float64.

    Attributes:
        name: of the test.
        node: of a graph.
        maps: order and shape of the maps that it takes, by the place of the input.
        y: how the result stands.
        meant: of the maps [N, C, H, W].
    """

    name: str
    node: Node
    maps: Mapping[int, tuple[Order, Shape]]
    y: Order
    meant: Callable[..., Doubles]


def attributes_of(names: str, orders: list[Order], **others: Any) -> dict[str, Any]:
    found = dict(others)
    for name, order in zip(names.split(), orders, strict=True):
        found |= {f"{name}_group": order.group, f"{name}_frequencies": order.frequencies}
    return found


def line_of(shape: Shape) -> str:
    return " ".join(["input", *map(str, shape)])


def check_case(case: Case, done: Run, cubins: Mapping[int, StoredCubin]) -> None:
    """Compare the result of a node with what it means."""
    assert not done.refused
    stored = {k: numbers(k, *shape).astype(float) for k, (_, shape) in case.maps.items()}
    result = replayed(done, cubins)
    maps = [order.decoded(stored[k], shape) for k, (order, shape) in case.maps.items()]
    expected = case.meant(*maps)
    assert done.made == expected.shape
    actual = case.y.decoded(result, expected.shape)
    # Products of matrices in float32, a few in a row.
    np.testing.assert_allclose(actual, expected, atol=2e-5 * np.abs(expected).max())
