"""Launches of nodes, replayed by Triton's interpreter on memory like that of the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from support.cuda_launches import Run
from support.gpu_maps import Doubles

from jpegcompile.dct.frequencies import band
from jpegcompile.gpu.cubin_file import StoredCubin
from jpegcompile.gpu.kernels import kernel_of

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


def attributes_of(names: str, orders: list[Order], **others: Any) -> dict[str, Any]:
    found = dict(others)
    for name, order in zip(names.split(), orders, strict=True):
        found |= {f"{name}_group": order.group, f"{name}_frequencies": order.frequencies}
    return found


def line_of(shape: Shape) -> str:
    return " ".join(["input", *map(str, shape)])
