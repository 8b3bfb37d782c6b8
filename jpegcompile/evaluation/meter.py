"""Running maxima of errors over batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.differences import distances, is_continuous, magnitudes
from jpegcompile.evaluation.tolerance import MULTIPLE, Tolerance
from jpegcompile.evaluation.verification import NodeError, OutputError, Verification

Array = NDArray[Any]
Arrays = Mapping[str, Array]

# A channel with fewer values is not judged by itself: its own rounding would be a matter of luck.
_FEWEST = 64


@dataclass(frozen=True)
class Variant:
    """Outputs of the original, computed in another way.

    Attributes:
        values: by name.
        multiple: of their distance to the original's that is allowed.
    """

    values: Arrays
    multiple: float


@dataclass
class _Record:
    """Of one output; a part holds error, largest magnitude and own rounding of each component."""

    parts: list[NDArray[np.float64]] = field(default_factory=list)
    decoder: float | None = None
    worst: float = 0.0
    jumps: int = 0
    own_jumps: int = 0
    entries: int = 0
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    is_vector: bool = True
    same: int = 0
    same_pillow: int = 0
    margins: list[float] = field(default_factory=list)

    def maxima(self) -> NDArray[np.float64]:
        """Over all parts [3, components]; of the whole where not all have as many components."""
        parts = self.parts or [np.zeros((3, 1))]
        if len({part.shape for part in parts}) > 1:
            parts = [part.max(axis=1, keepdims=True) for part in parts]
        return np.asarray(np.max(parts, axis=0))


class Meter:
    """Takes in batches of outputs."""

    def __init__(self, tolerance: Tolerance, layout: str = "NCHW") -> None:
        """Judge by `tolerance`; `layout` says where the channels of maps are."""
        self.tolerance = tolerance
        self.inputs = 0
        self._layout = layout
        self._records: dict[str, _Record] = {}

    def outputs(
        self,
        names: Sequence[str],
        actual: Arrays,
        expected: Arrays,
        pillow: Arrays | None,
        variants: Sequence[Variant] = (),
        *,
        inputs: int,
    ) -> None:
        """Take in the outputs of one batch of so many `inputs`."""
        self.inputs += inputs
        for name in names:
            record = self._records.setdefault(name, _Record())
            others = [(v.values[name], v.multiple) for v in variants]
            record.is_vector &= is_scores(expected[name], inputs)
            self._take(record, actual[name], expected[name], others)
            if pillow is not None:
                distance = _largest_distance(actual[name], pillow[name])
                record.decoder = max(record.decoder or 0.0, distance)
                if record.is_vector and actual[name].shape == pillow[name].shape:
                    record.same_pillow += int(np.sum(_top1(actual[name]) == _top1(pillow[name])))

    def _take(
        self, record: _Record, actual: Array, expected: Array, variants: list[tuple[Array, float]]
    ) -> None:
        record.entries += expected.size
        if actual.shape != expected.shape:
            record.shapes = record.shapes or (actual.shape, expected.shape)
            record.worst = float("inf")
            return
        axis = _component_axis(expected.shape, self._layout)
        largest = _by_component(magnitudes(expected), axis)
        # An error beyond is a jump. The whole counts: a channel may be small.
        limit = self.tolerance.jump * float(np.max(largest, initial=0.0))
        errors = distances(actual, expected)
        jumped = errors > limit
        record.worst = max(record.worst, float(np.max(errors, initial=0.0)))
        record.jumps += int(np.sum(jumped))
        errors = np.where(jumped, 0.0, errors)
        own, own_jumped = np.zeros(expected.shape), np.zeros(expected.shape, bool)
        for values, multiple in variants:
            if values.shape == expected.shape:
                moved = distances(values, expected)
                own_jumped |= moved > limit
                own = np.maximum(own, np.where(moved > limit, 0.0, moved) * (multiple / MULTIPLE))
        record.own_jumps += int(np.sum(own_jumped))
        record.parts.append(
            np.stack([_by_component(errors, axis), largest, _by_component(own, axis)])
        )
        if record.is_vector:
            _compare_top1(record, actual, expected)

    def result(self) -> tuple[OutputError, ...]:
        """What was measured."""
        return tuple(self._output(name, record) for name, record in self._records.items())

    def _output(self, name: str, record: _Record) -> OutputError:
        errors, largest, own = record.maxima()
        pairs = zip(largest, own, strict=True)
        allowed = np.array([self.tolerance.allowed(float(a), float(b)) for a, b in pairs])
        # Where nothing is allowed, any error is infinitely more.
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(errors > 0, errors / allowed, 0.0)
        worst = int(np.argmax(np.nan_to_num(part, nan=np.inf)))
        whole, error, jumps = float(np.max(allowed)), float(errors[worst]), record.jumps
        if self.tolerance.is_given:
            # What the user allows holds for every entry.
            worst, error, jumps = int(np.argmax(largest)), record.worst, 0
        elif record.shapes is not None or jumps > record.own_jumps:
            error = record.worst
        near_ties = sum(margin <= whole for margin in record.margins)
        return OutputError(
            name=name,
            conversion=error,
            decoder=record.decoder,
            largest=float(largest[worst]),
            allowed=float(allowed[worst]),
            same_top1=record.same if record.is_vector else None,
            same_top1_pillow=(
                record.same_pillow if record.is_vector and record.decoder is not None else None
            ),
            own=float(own[worst]),
            near_ties=near_ties,
            component=worst if len(allowed) > 1 else None,
            jumps=jumps,
            own_jumps=record.own_jumps,
            entries=record.entries,
            shapes=record.shapes,
        )


def verification(
    meter: Meter,
    nodes: Sequence[NodeError] = (),
    *,
    traced: int = 0,
    is_exact: bool = True,
    suspect: str | None = None,
) -> Verification:
    """The outcome; arguments as for `Verification`."""
    return Verification(
        meter.inputs,
        traced,
        meter.result(),
        tuple(sorted(nodes, key=lambda node: node.relative, reverse=True)),
        is_exact,
        meter.tolerance.is_half,
        suspect,
    )


def _component_axis(shape: Sequence[int], layout: str) -> int | None:
    """The axis whose indices are judged one by one; None if the output is judged as a whole.

    It is that of the channels of maps, of the fields of a detector's rows [N, rows, fields] or
    [N, fields, rows], and the last of what has more axes.
    """
    axis = None
    if len(shape) == 4:
        axis = 3 if layout == "NHWC" else 1
    elif len(shape) > 4:
        axis = len(shape) - 1
    elif len(shape) == 3 and 2 * min(shape[1:]) <= max(shape[1:]):
        axis = 1 if shape[1] < shape[2] else 2
    if axis is None or shape[axis] < 2:
        return None
    return axis if int(np.prod(shape)) // shape[axis] >= _FEWEST else None


def _by_component(values: NDArray[np.float64], axis: int | None) -> NDArray[np.float64]:
    """Largest value of each component."""
    if axis is None:
        return np.asarray([np.max(values, initial=0.0)])
    others = tuple(index for index in range(values.ndim) if index != axis)
    return np.asarray(np.max(values, axis=others, initial=0.0))


def _largest_distance(actual: Array, expected: Array) -> float:
    if actual.shape != expected.shape:
        return float("inf")
    return float(np.max(distances(actual, expected), initial=0.0))


def is_scores(values: Array, inputs: int) -> bool:
    """Whether values are a row of scores for each input."""
    is_matrix = values.ndim == 2 and len(values) == inputs and values.shape[1] > 1
    return is_matrix and is_continuous(values)


def _top1(values: Array) -> NDArray[np.intp]:
    return np.asarray(values.argmax(axis=1))


def _compare_top1(record: _Record, actual: Array, expected: Array) -> None:
    """Count rows with the same largest entry, and note by how much the others differ."""
    picked, best = _top1(actual), _top1(expected)
    record.same += int(np.sum(picked == best))
    for row in np.flatnonzero(picked != best):
        scores = expected[row].astype(np.float64)
        record.margins.append(float(scores[best[row]] - scores[picked[row]]))
