"""Launches of nodes, replayed by Triton's interpreter on memory like that of the device."""

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
            found[name] = value if name == "PRECISION" else int(value)
    return found


def replayed(
    done: Run, inputs: Mapping[int, NDArray[Any]], cubins: Mapping[int, StoredCubin]
) -> Doubles:
    """What the output's memory holds behind the launches; not a number where nothing is written.

    Args:
        done: what a node made the driver do.
        inputs: that are on the device; integers keep their type.
        cubins: by their shared memory.
    """
    memory = {
        address: torch.full((max(done.bytes[name] // 4, 1),), float("nan"))
        for name, address in done.memory.items()
    }
    for index, values in inputs.items():
        stored = values if values.dtype.kind in "iu" else values.astype(np.float32)
        memory[done.memory[f"input {index}"]] = torch.from_numpy(stored.ravel())
    memory |= {address: torch.from_numpy(v.copy()) for address, v in done.copied.items()}
    for launched in done.launches:
        cubin = cubins[launched.shared]
        given = {
            name: memory[value].view(_TYPES[kind]) if kind.startswith("*") else value
            for (name, kind), value in zip(
                cubin.parameters, launched.arguments(cubin).values(), strict=True
            )
        }
        # Lanes that are masked may divide by zero.
        with np.errstate(all="ignore"):
            kernel_of(cubin.kernel)[launched.grid](**given, **constants_of(cubin.constants))
    return memory[done.memory["output 0"]].double().numpy()


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
        memory = replayed(made.done, {0: stored}, made.cubins)
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
