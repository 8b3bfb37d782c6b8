"""What the native library launches on CUDA, by stand-ins for the driver and for ONNX Runtime.

The stand-ins are C++ (`tests/native/`), and compiled when a test asks for them first.
"""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support.native import library
from support.once import made_once

from jpegcompile.gpu.cubin_file import StoredCubin
from jpegcompile.gpu.layout import MapLayout

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "tests/native"
DRIVER, PROGRAM = "libcuda.so.1", "cuda_launches"
STREAM = 0x5000
Floats = NDArray[np.float32]
Attribute = int | float | str | Sequence[int]


def numbers(index: int, *shape: int) -> Floats:
    """What input `index` of a node holds; see cuda_launches.cc."""
    values = (37 * np.arange(np.prod(shape, dtype=int)) + 11 * index) % 101 - 50
    return (values / 64).astype(np.float32).reshape(shape)


@dataclass(frozen=True, eq=False)
class Given:
    """An input of a node, number by number.

    Attributes:
        values: of the input, in its type.
        is_constant: whether the model holds it.
    """

    values: NDArray[Any]
    is_constant: bool = False

    def line(self, path: Path) -> str:
        """The line that describes it, once its numbers are in a file."""
        path.write_bytes(np.ascontiguousarray(self.values).tobytes())
        kind = "float" if self.values.dtype == np.float32 else str(self.values.dtype)
        constant = ("constant",) if self.is_constant else ()
        return " ".join(["data", *constant, kind, str(path), *map(str, self.values.shape)])


def in_groups(layout: MapLayout, name: str) -> dict[str, int]:
    """The strides of a map [N, C/16, H, W, 16] or, of rows, [N, C/16, tiles, K, 16]."""
    stored = layout.channels // 16
    if layout.is_rows:
        tiles = layout.tiles[0] * layout.tiles[1]
        group = tiles * layout.kept * 16
        strides = {"row": 0, "kept": layout.kept}
    else:
        group = layout.height * layout.width * 16
        strides = {"row": layout.width * 16, "kept": 0}
    strides |= {"image": stored * group, "pixel": 16, "group": group}
    return {f"{name}_{key}": value for key, value in strides.items()}


@dataclass(frozen=True)
class Node:
    """A node of a graph.

    Attributes:
        op: its operator.
        attributes: numbers, lists of integers, and texts.
        inputs: lines that describe them, see cuda_launches.cc, or their numbers.
    """

    op: str
    attributes: Mapping[str, Attribute]
    inputs: Sequence[str | Given]

    def write(self, path: Path) -> None:
        """Write the file that describes it, and those of its numbers beside it."""
        lines = [
            given if isinstance(given, str) else given.line(path.with_suffix(f".{index}"))
            for index, given in enumerate(self.inputs)
        ]
        path.write_text(self._head() + "\n".join(lines) + "\n")

    def _head(self) -> str:
        lines = [f"op {self.op}"]
        for name, value in self.attributes.items():
            if isinstance(value, str):
                lines.append(f"text {name} {value.replace(chr(10), ';')}")
            elif isinstance(value, int | float):
                lines.append(f"{type(value).__name__} {name} {value!r}")
            else:
                lines.append(" ".join(["ints", name, *map(str, value)]))
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Launched:
    """One launch, as the driver got it."""

    entry: str
    grid: tuple[int, ...]
    block: int
    shared: int
    stream: int
    parameters: tuple[bytes, ...]

    def arguments(self, cubin: StoredCubin) -> dict[str, int]:
        """Integers and addresses by name; the two behind them are null."""
        assert [int.from_bytes(p, "little") for p in self.parameters[-2:]] == [0, 0]
        named = zip(cubin.parameters, self.parameters[:-2], strict=True)
        return {
            name: struct.unpack("<q" if kind.startswith("*") else "<i", value)[0]
            for (name, kind), value in named
        }


@dataclass
class Run:
    """What a node made the driver do.

    Attributes:
        made: shape of the result; empty if the node was refused.
        refused: what the library said, or "".
        memory: addresses of tensors by name, such as "input 0"; the first is "scratch", the next
            one "scratch 1".
        bytes: that each of them has.
        copied: what was copied to the device, by address.
        launches: in order.
        log: the rest of the log.
    """

    made: tuple[int, ...] = ()
    refused: str = ""
    memory: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    copied: dict[int, Floats] = field(default_factory=dict)
    launches: list[Launched] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """Take in a line of the output."""
        kind, *words = line.split()
        if kind == "made":
            self.made = tuple(map(int, words))
        elif kind == "refused":
            self.refused = line.partition(" ")[2]
        elif kind in ("input", "output", "scratch"):
            count = sum(name.startswith("scratch") for name in self.memory)
            number = str(count or "") if kind == "scratch" else words[0]
            name = f"{kind} {number}".rstrip()
            self.memory[name], self.bytes[name] = int(words[-2], 16), int(words[-1])
        elif kind == "copy":
            self.copied[int(words[0], 16)] = np.frombuffer(bytes.fromhex(words[1]), np.float32)
        elif kind == "launch":
            self.launches.append(_launched(words))
        else:
            self.log.append(line)


def _launched(words: Sequence[str]) -> Launched:
    entry, _, x, y, z, _, block, _, shared, _, stream, _, *parameters = words
    return Launched(
        entry,
        (int(x), int(y), int(z)),
        int(block),
        int(shared),
        int(stream, 16),
        tuple(map(bytes.fromhex, parameters)),
    )


@cache
def _built() -> tuple[Path, Path]:
    """The stand-in for the driver, and the program that runs nodes."""
    folder = made_once("cuda", _build)
    return folder / DRIVER, folder / PROGRAM


def _build(folder: Path) -> None:
    driver, program = folder / DRIVER, folder / PROGRAM
    compiler = [os.environ.get("CXX", "g++"), "-std=c++20", "-O0", "-pthread"]
    # Files that are compiled as one share the time that standard headers take.
    together: list[str | Path] = ["-x", "c++", "-"]
    parts = _joined("stand_in_cuda", "stand_in_driver", "stand_in_image")
    subprocess.run(
        [*compiler, "-shared", "-fPIC", *together, "-o", driver], input=parts, text=True, check=True
    )
    native = library()
    options = [f"-I{ROOT / 'kernels'}", f"-Wl,-rpath,{native.parent}", "-ldl"]
    # The table has the names of another file in the same namespace.
    sources = [*together, NATIVE / "stand_in_table.cc", "-x", "none"]
    parts = _joined("cuda_launches", "pool", "stand_in", "stand_in_objects")
    subprocess.run(
        [*compiler, *sources, native, *options, "-o", program], input=parts, text=True, check=True
    )


def _joined(*names: str) -> str:
    """C++ that includes these files of the stand-ins."""
    return "".join(f'#include "{NATIVE / name}.cc"\n' for name in names)


def run(
    folder: Path, cubins: Path | str, nodes: Sequence[Node] = (), **environment: str
) -> tuple[str, list[Run]]:
    """The library's status, and what each node made the driver do.

    Args:
        folder: for files.
        cubins: compiled kernels.
        nodes: to run in one process.
        environment: variables in place of the usual ones.
    """
    driver, program = _built()
    files = []
    for index, node in enumerate(nodes):
        files.append(folder / f"node{index}")
        node.write(files[-1])
    usual = {"JPEGCOMPILE_LIBCUDA": str(driver), "JPEGCOMPILE_CUBINS": str(cubins)}
    done = subprocess.run(
        [program, *files],
        env={**os.environ, **usual, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    status, *lines = done.stdout.splitlines()
    runs: list[Run] = []
    for line in lines:
        if line.split()[0] in ("made", "refused"):
            runs.append(Run())
        runs[-1].add(line)
    return status, runs
