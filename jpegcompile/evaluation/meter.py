"""Running maxima of errors over batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.differences import distances, is_continuous, magnitudes
from jpegcompile.evaluation.evidence import Evidence, NodeEvidence, OutputEvidence
from jpegcompile.evaluation.jumps import JumpBin, exponents, is_infinite, limit_of
from jpegcompile.evaluation.tolerance import MULTIPLE, Tolerance
from jpegcompile.evaluation.verification import NodeError, OutputError, Verification, judged

Array = NDArray[Any]
Distances = NDArray[np.float64]
Arrays = Mapping[str, Array]

# Channels with fewer values of each input are not measured separately: evidence would be large.
_FEWEST = 16


@dataclass(frozen=True)
class Variant:
    """Outputs of the original, computed in another way.

    Attributes:
        values: outputs by name.
        multiple: factor from their distance from the original's outputs to the tolerance.
    """

    values: Arrays
    multiple: float


class Meter:
    """Measures batches of outputs.

    The measurements of an input do not depend on its batch, so the evidence of parts can be merged.

    Attributes:
        tolerance: tolerance of the outputs.
        inputs: number of inputs of all batches.
    """

    def __init__(self, tolerance: Tolerance, layout: str = "NCHW") -> None:
        """Create a meter.

        Args:
            tolerance: tolerance of the outputs.
            layout: layout of maps, "NCHW" or "NHWC".
        """
        self.tolerance = tolerance
        self.inputs = 0
        self._layout = layout
        self._measured: dict[str, OutputEvidence] = {}

    def outputs(
        self,
        names: Sequence[str],
        actual: Arrays,
        expected: Arrays,
        pillow: Arrays | None,
        variants: Sequence[Variant] = (),
        *,
        inputs: int,
        file: str = "",
    ) -> None:
        """Measure the outputs of one batch.

        Args:
            names: names of the outputs.
            actual: outputs of the compiled model.
            expected: outputs of the original for the same inputs.
            pillow: outputs of the original for Pillow's decode; None if it did not run.
            variants: outputs of the original that show its rounding error.
            inputs: number of inputs in the batch.
            file: first file of the batch; empty without files.
        """
        self.inputs += inputs
        for name in names:
            others = [(v.values[name], v.multiple) for v in variants]
            decoded = None if pillow is None else pillow[name]
            found = self._evidence(name, actual[name], expected[name], decoded, others, inputs)
            if found.shapes is not None:
                found = OutputEvidence(**{**vars(found), "shapes_file": file})
            known = self._measured.get(name)
            self._measured[name] = found if known is None else known.merge(found)

    def _evidence(
        self,
        name: str,
        actual: Array,
        expected: Array,
        pillow: Array | None,
        variants: list[tuple[Array, float]],
        inputs: int,
    ) -> OutputEvidence:
        has_scores = is_scores(expected, inputs)
        same_pillow = 0
        if pillow is not None and has_scores and actual.shape == pillow.shape:
            same_pillow = int(np.sum(_top1(actual) == _top1(pillow)))
        shared: dict[str, Any] = {
            "name": name,
            "entries": expected.size,
            "is_scores": has_scores,
            "is_decoded": pillow is not None,
            "decoder": 0.0 if pillow is None else _largest_distance(actual, pillow),
            "same_pillow": same_pillow,
        }
        if actual.shape != expected.shape:
            shapes = actual.shape, expected.shape
            return OutputEvidence(**shared, worst=float("inf"), shapes=shapes)
        has_rows = expected.ndim > 0 and len(expected) == inputs
        axis = _component_axis(expected.shape, self._layout, has_rows)
        errors = distances(actual, expected)
        largest = _by_component(magnitudes(expected), axis)
        # Compute one variant at a time, because all of them would need much memory.
        moves = (
            (distances(values, expected), multiple / MULTIPLE)
            for values, multiple in variants
            if values.shape == expected.shape
        )
        usual, own, bins = self._binned(errors, moves, axis, limit_of(max(largest, default=0.0)))
        same, margins = _compared_top1(actual, expected) if has_scores else (0, ())
        return OutputEvidence(
            **shared,
            errors=usual,
            largest=largest,
            own=own,
            worst=float(np.max(errors, initial=0.0)),
            bins=bins,
            same=same,
            margins=margins,
        )

    def _binned(
        self,
        errors: Distances,
        moves: Iterable[tuple[Distances, float]],
        axis: int | None,
        limit: int,
    ) -> tuple[tuple[float, ...], tuple[float, ...], tuple[JumpBin, ...]]:
        """Return errors and rounding errors of each component, and the jumps.

        Args:
            errors: error of every entry.
            moves: distances of the variants from the original, and their weights.
            axis: axis of the components; None for the output as a whole.
            limit: last bin without jumps.
        """
        jump = self.tolerance.jump
        places = exponents(errors, jump)
        usual = _maxima_by_place(errors, places, axis, limit)
        nothing = np.zeros(len(usual[limit]))
        own = {limit: nothing}
        furthest = np.full(errors.shape, limit, np.int16)
        for move, weight in moves:
            found = exponents(move, jump)
            furthest = np.maximum(furthest, found)
            for place, maxima in _maxima_by_place(move, found, axis, limit).items():
                # Rounding is monotonic, so the largest distance has the largest product.
                size = nothing if is_infinite(place) else weight * maxima
                own[place] = np.maximum(own.get(place, nothing), size)
        bins = []
        for place in sorted({*usual, *own} - {limit}):
            maxima_of = [part.get(place, nothing) for part in (usual, own)]
            first, second = ([] if is_infinite(place) else part.tolist() for part in maxima_of)
            jumps, own_jumps = (int(np.sum(where == place)) for where in (places, furthest))
            bins.append(JumpBin(place, jumps, own_jumps, tuple(first), tuple(second)))
        return tuple(usual[limit].tolist()), tuple(own[limit].tolist()), tuple(bins)

    def result(self) -> tuple[OutputError, ...]:
        """Return the errors at every output."""
        return tuple(OutputError.of(one, self.tolerance) for one in self._measured.values())

    def evidence(self, nodes: Sequence[NodeEvidence] = ()) -> Evidence:
        """Return all measurements, with the evidence of nodes."""
        return Evidence(self.tolerance, tuple(self._measured.values()), tuple(nodes))


def verification(
    meter: Meter,
    nodes: Sequence[NodeError] = (),
    *,
    traced: int = 0,
    is_exact: bool = True,
    evidence: Sequence[NodeEvidence] | None = None,
) -> Verification:
    """Judge the measurements of a meter.

    Args:
        meter: meter that measured the outputs of all inputs.
        nodes: errors at nodes, in the order of the compiled model.
        traced: number of inputs for which nodes were compared.
        is_exact: whether the model was compiled to be exact.
        evidence: rounding errors of the original at the nodes; None if not measured.
    """
    if evidence is None:
        evidence = [NodeEvidence(node.tensor) for node in nodes]
    return judged(
        meter.evidence(evidence),
        nodes,
        inputs=meter.inputs,
        inputs_for_nodes=traced,
        is_exact=is_exact,
    )


def _component_axis(shape: Sequence[int], layout: str, has_rows: bool) -> int | None:
    """Return the axis whose indices are judged separately; None for an output judged as a whole.

    For maps it is the axis of the channels. For a detector's rows, [N, rows, fields] or [N, fields,
    rows], it is the axis of the fields. For outputs with more axes it is the last axis.
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
    # Values of one input.
    values = int(np.prod(shape[1:] if has_rows else shape)) // shape[axis]
    return axis if values >= _FEWEST else None


def _by_component(values: NDArray[np.float64], axis: int | None) -> tuple[float, ...]:
    """Return the largest value of each component."""
    if axis is None:
        return (float(np.max(values, initial=0.0)),)
    others = tuple(index for index in range(values.ndim) if index != axis)
    return tuple(np.max(values, axis=others, initial=0.0).tolist())


def _maxima_by_place(
    values: Distances, places: NDArray[np.int16], axis: int | None, limit: int
) -> dict[int, Distances]:
    """Return the largest value of each component: up to the limit, and in each bin above it."""
    above = np.unique(places[places > limit]).tolist()
    chosen = {limit: places <= limit, **{place: places == place for place in above}}
    return {
        place: np.asarray(_by_component(np.where(mask, values, 0.0), axis))
        for place, mask in chosen.items()
    }


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


def _compared_top1(actual: Array, expected: Array) -> tuple[int, tuple[float, ...]]:
    """Count rows with the same largest entry; return the margins of the others, sorted."""
    picked, best = _top1(actual), _top1(expected)
    margins = []
    for row in np.flatnonzero(picked != best):
        scores = expected[row].astype(np.float64)
        margin = float(scores[best[row]] - scores[picked[row]])
        # A margin that is NaN is never within a tolerance.
        margins.append(margin if margin == margin else float("inf"))
    return int(np.sum(picked == best)), tuple(sorted(margins))
