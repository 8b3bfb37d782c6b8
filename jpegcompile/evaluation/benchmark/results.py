"""The results of `bench`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from statistics import median
from typing import Any

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.benchmark.ahead import Sharing
from jpegcompile.evaluation.benchmark.difference import Difference
from jpegcompile.evaluation.benchmark.job import COMPILED, PORTABLE, SPATIAL
from jpegcompile.evaluation.benchmark.operators import NodeTime, by_operator
from jpegcompile.evaluation.verification import Verification
from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.messages import Message
from jpegcompile.results.machine import processor_name
from jpegcompile.results.merging import merged_ignored, require_same
from jpegcompile.results.record import decoded
from jpegcompile.runtime.native import Execution
from jpegcompile.runtime.triton.execution import ModuleExecution

# The value of the key "kind" in JSON.
KIND = "benchmark"
# Attributes of a benchmark that may differ between runs whose cells are merged.
_OF_ONE_RUN = ("inputs", "cells", "ignored")


def originals_among(sides: Iterable[str]) -> list[str]:
    """Return the sides that run the original model, in their order."""
    return [side for side in sides if side not in (COMPILED, PORTABLE)]


@dataclass(frozen=True)
class Timing:
    """The times of one stage.

    Attributes:
        stage: "decode", "ingest", "network" or "end to end"; for images of any size "input",
            "network", "end to end" or "pipelined".
        inputs: name of the set of inputs; None if inputs do not matter.
        rounds: seconds of a batch in each round, by side.
    """

    stage: str
    inputs: str | None
    rounds: Mapping[str, Sequence[float]]

    def seconds(self, side: str) -> float:
        """Return the seconds of a batch: the median over the rounds."""
        return median(self.rounds[side])

    @property
    def originals(self) -> list[str]:
        """Sides that run the original model, the reference first."""
        return originals_among(self.rounds)

    def ratio(self, side: str, original: str | None = None) -> float:
        """Return the median ratio to the time of an original side, by default the first one."""
        reference = self.rounds[original or self.originals[0]]
        return median(own / other for own, other in zip(self.rounds[side], reference, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "stage": self.stage,
            "inputs": self.inputs,
            "seconds": {side: self.seconds(side) for side in self.rounds},
            "ratio": {side: self.ratio(side) for side in list(self.rounds)[1:]},
            "ratio_to": {
                original: {
                    side: self.ratio(side, original)
                    for side in self.rounds
                    if side not in self.originals
                }
                for original in self.originals
            },
            "rounds": {side: list(values) for side, values in self.rounds.items()},
        }


@dataclass(frozen=True)
class Side:
    """The process of a side, with a model at one batch size and one number of threads.

    Attributes:
        creation: seconds to create the session or open the module.
        memory: largest resident memory after a run of the whole model, bytes; None if unknown.
        base: largest resident memory before the model was opened, bytes; None if unknown.
        check: comparison of the outputs with the original's; None for the original itself.
        nodes: times of nodes, the slowest first; empty unless requested.
        differences: differences between the original's outputs with a rival's reader and with the
            float decode; empty if images have the network's size.
        sharing: division of threads between reader and network; None if they do not overlap.
    """

    creation: float
    memory: int | None
    base: int | None
    check: Verification | None
    nodes: tuple[NodeTime, ...] = ()
    differences: tuple[Difference, ...] = ()
    sharing: Sharing | None = None

    @property
    def own_memory(self) -> int | None:
        """Memory without the memory of the interpreter and its modules, bytes."""
        return None if self.memory is None or self.base is None else self.memory - self.base

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "creation": self.creation,
            "memory": self.memory,
            "base": self.base,
            "check": None if self.check is None else self.check.to_json(),
            "differences": [asdict(difference) for difference in self.differences],
            "sharing": None if self.sharing is None else asdict(self.sharing),
            "nodes": [asdict(node) for node in self.nodes],
            "operators": {
                op: {"nodes": count, "seconds": seconds}
                for op, (count, seconds) in by_operator(self.nodes).items()
            },
        }


@dataclass(frozen=True)
class Cell:
    """All sides at one batch size and one number of threads.

    Attributes:
        batch: inputs in a batch.
        threads: threads of ONNX Runtime and of decoding.
        sides: sides by name: "spatial" or, for images of any size, names of rivals; "compiled";
            and "portable" if requested.
        timings: times of the stages.
    """

    batch: int
    threads: int
    sides: Mapping[str, Side]
    timings: tuple[Timing, ...]

    def ratio(self, side: str, what: str) -> float | None:
        """Return `creation`, `memory` or `own_memory` of a side divided by the first side's."""
        own, first = (getattr(self.sides[name], what) for name in (side, next(iter(self.sides))))
        return own / first if own is not None and first else None

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        others = list(self.sides)[1:]
        return {
            "batch": self.batch,
            "threads": self.threads,
            "sides": {name: side.to_json() for name, side in self.sides.items()},
            "timings": [timing.to_json() for timing in self.timings],
            "ratio": {
                side: {
                    what: self.ratio(side, what) for what in ("creation", "memory", "own_memory")
                }
                for side in others
            },
        }


@dataclass(frozen=True)
class Benchmark:
    """The result of `bench`.

    Attributes:
        original, compiled: paths of the models.
        mode: input of the compiled model: "coefficients", "jpeg" or "tensor".
        execution: how the nodes of the compiled model ran.
        cpus: processors that the process may use.
        onnxruntime: version of ONNX Runtime.
        rounds: number of rounds; each time is a median over them.
        inputs: number of inputs, and mean bytes of a file, by set of inputs.
        files: number of files of the user that ran, some repeatedly; None without a folder.
        left_out: number of files that the compiled model cannot read directly.
        left_out_pixels: number of these files without readable coefficients.
        cells: results by batch size and threads.
        skipped: unusable files with reasons.
        ignored: reason for each ignored folder, by its path.
        pixel_fallbacks: number of `files` that used the pixel fallback.
        rivals: description of the resize of each rival, by name; empty if images have the
            network's size.
        left_out_rivals: reasons why other rivals were left out, by name.
        read_by_pillow: number of `files` that Pillow read for a rival, by name, if there are any.
        machine: model of the processor that was measured.
    """

    original: str
    compiled: str
    mode: str
    execution: Execution | ModuleExecution
    cpus: int
    onnxruntime: str
    rounds: int
    inputs: Mapping[str, tuple[int, float | None]]
    files: int | None
    left_out: int
    cells: tuple[Cell, ...]
    skipped: tuple[Skipped, ...] = ()
    ignored: Mapping[str, str] = field(default_factory=dict)
    pixel_fallbacks: int = 0
    left_out_pixels: int = 0
    rivals: Mapping[str, str] = field(default_factory=dict)
    left_out_rivals: Mapping[str, str] = field(default_factory=dict)
    read_by_pillow: Mapping[str, int] = field(default_factory=dict)
    machine: str = field(default_factory=processor_name)

    @property
    def checks(self) -> list[Verification]:
        """Checks of every process that ran a compiled model."""
        sides = [side for cell in self.cells for side in cell.sides.values()]
        return [side.check for side in sides if side.check is not None]

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data; times in seconds, memory in bytes."""
        return {
            "kind": KIND,
            "original": self.original,
            "compiled": self.compiled,
            "mode": self.mode,
            "execution": self.execution.to_json(),
            "cpus": self.cpus,
            "onnxruntime": self.onnxruntime,
            "rounds": self.rounds,
            "inputs": {
                name: {"count": count, "bytes": size} for name, (count, size) in self.inputs.items()
            },
            "files": self.files,
            "left_out": self.left_out,
            "left_out_pixels": self.left_out_pixels,
            "cells": [cell.to_json() for cell in self.cells],
            "skipped": [asdict(skipped) for skipped in self.skipped],
            "ignored": dict(self.ignored),
            "pixel_fallbacks": self.pixel_fallbacks,
            "rivals": dict(self.rivals),
            "left_out_rivals": dict(self.left_out_rivals),
            "read_by_pillow": dict(self.read_by_pillow),
            "machine": self.machine,
        }

    @classmethod
    def from_json(cls, data: Any) -> Benchmark:
        """Read what `to_json` returned.

        Raises:
            ValueError: if the data has another form.
        """
        if not isinstance(data, dict) or data.get("kind") != KIND:
            raise ValueError("Benchmark.kind is missing")
        inputs = {name: (one["count"], one["bytes"]) for name, one in data["inputs"].items()}
        found = decoded(cls, {**data, "inputs": inputs}, cls.__name__)
        assert isinstance(found, cls)
        found._check()
        return found

    def _check(self) -> None:
        """Check that every cell has the sides and rounds that the others have.

        Raises:
            ValueError: if not.
        """
        sides = self._sides
        if COMPILED not in sides or originals_among(sides) != (list(self.rivals) or [SPATIAL]):
            raise ValueError(f"the sides are {sides}")
        for cell in self.cells:
            check = cell.sides[COMPILED].check if list(cell.sides) == sides else None
            if check is None or not check.outputs:
                raise ValueError(f"a cell of batch {cell.batch} lacks sides or checks")
            for timing in cell.timings:
                counts = {len(seconds) for seconds in timing.rounds.values()}
                least = min((s for seconds in timing.rounds.values() for s in seconds), default=0.0)
                if list(timing.rounds) != sides or counts != {self.rounds} or least <= 0:
                    raise ValueError(f"'{timing.stage}' lacks times of some sides or rounds")

    @property
    def _sides(self) -> list[str]:
        """The sides of every cell."""
        return list(self.cells[0].sides) if self.cells else []

    def merge(self, other: Benchmark) -> Benchmark:
        """Return the cells of both results, sorted by batch size and threads.

        The number of inputs is the number of the run with more inputs.

        Raises:
            UsageError: if models, machines, rounds, sides or files differ, or both
                have the same cell.
        """
        shared = [one.name for one in fields(self) if one.name not in _OF_ONE_RUN]
        for name in shared:
            require_same(f"'{name}'", getattr(self, name), getattr(other, name))
        require_same("the sides", self._sides, other._sides)
        require_same("the kinds of inputs", list(self.inputs), list(other.inputs))
        cells = {(cell.batch, cell.threads): cell for cell in self.cells}
        for cell in other.cells:
            if (cell.batch, cell.threads) in cells:
                text = (
                    f"both results have batch {cell.batch} with {cell.threads} threads; merge"
                    " results of different batch sizes or numbers of threads"
                )
                raise UsageError(Message("merge-cell-twice", text))
            cells[cell.batch, cell.threads] = cell
        most = max(self, other, key=lambda one: [count for count, _ in one.inputs.values()])
        return replace(
            self,
            inputs=most.inputs,
            cells=tuple(cells[key] for key in sorted(cells)),
            ignored=merged_ignored(self.ignored, other.ignored),
        )
