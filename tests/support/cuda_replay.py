"""Launches of the native library on CUDA, replayed by Triton's interpreter.

Memory is like that of the device. The result of a node is compared with the operator in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from support.cuda_launches import Launched, Node, Run, numbers, run
from support.gpu_maps import Doubles, largest_error
from support.made_cubins import TILINGS, Tilings, all_cubins

from jpegcompile.dct.frequencies import band
from jpegcompile.gpu.cubin_file import StoredCubin, write_cubins
from jpegcompile.gpu.kernels import kernel_of
from jpegcompile.gpu.launch import Launch

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


@dataclass(frozen=True)
class MapCase:
    """A node of one map, and what it computes of it in float64.

    Attributes:
        name: of the test.
        node: of a graph; the map is its first input.
        x: how the map stands.
        shape: of the map.
        y: how the result stands.
        meant: of the map [N, C, H, W].
    """

    name: str
    node: Node
    x: Order
    shape: Shape
    y: Order
    meant: Callable[[Doubles], Doubles]

    def error(self, made: Made) -> float:
        """The largest error of what the launches make, as a fraction of the largest value."""
        assert not made.done.refused
        stored = numbers(0, *self.shape).astype(float)
        expected = self.meant(self.x.decoded(stored, self.shape))
        assert made.done.made == expected.shape
        memory = replayed(made.done, made.cubins, {0: stored})
        return largest_error(self.y.decoded(memory, expected.shape), expected)


@dataclass(frozen=True)
class Made:
    """What a node made the driver do.

    Attributes:
        done: by the node.
        cubins: that there were, by their shared memory.
    """

    done: Run
    cubins: Mapping[int, StoredCubin]

    def launched(self, entry: str) -> tuple[Launched, StoredCubin]:
        """The only launch of a kernel."""
        (one,) = [one for one in self.done.launches if one.entry == entry]
        return one, self.cubins[one.shared]

    def scaled(self, entry: str, argument: str, factor: float) -> Made:
        """The same with a fault: numbers on the device are larger, which a launch reads."""
        launched, cubin = self.launched(entry)
        address = launched.arguments(cubin)[argument]
        copied = {**self.done.copied, address: self.done.copied[address] * np.float32(factor)}
        return replace(self, done=replace(self.done, copied=copied))


def made_by(folder: Path, nodes: Sequence[Node], tilings: Tilings = TILINGS) -> list[Made]:
    """What each node makes the driver do, in one process, with all kernels of the library."""
    cubins = list(all_cubins(tilings=tilings))
    write_cubins(folder / "made", cubins)
    by_shared = {cubin.shared: cubin for cubin in cubins}
    return [Made(done, by_shared) for done in run(folder, folder / "made", nodes)[1]]


def require_same(launched: Launched, cubin: StoredCubin, launch: Launch, but: str = "") -> None:
    """A launch of the library is that of Python: kernel, grid, constants and integers.

    Args:
        launched: by the library.
        cubin: of the launch.
        launch: by Python.
        but: what integers begin with that may differ.
    """
    assert (cubin.kernel, launched.grid) == (launch.kernel, launch.grid)
    constants = constants_of(cubin.constants)
    assert constants == {name: launch.constants[name] for name in constants}
    found = launched.arguments(cubin)
    integers = {
        name: found[name]
        for name, kind in cubin.parameters
        if kind == "i32" and not (but and name.startswith(but))
    }
    assert integers == {name: launch.numbers[name] for name in integers}


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
