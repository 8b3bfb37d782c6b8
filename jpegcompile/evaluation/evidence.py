"""The measurements of `verify` before they are judged: maxima, counts and margins.

The numbers in a `Verification` depend on all inputs. An output's tolerance is a multiple of the
largest rounding error, and a near-tie is a margin within the tolerance. So the result of a part
contains its measurements. Results are merged by merging these and judging them again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.jumps import JumpBin, folded, limit_of, merged_bins
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.results.merging import file_order, require_same
from jpegcompile.results.record import Record, Unbounded

# A channel with fewer values of all inputs is not judged separately: its rounding error would be
# random.
_FEWEST = 64

Shapes = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class OutputEvidence(Record):
    """Measurements at one output.

    Attributes:
        name: name of the output.
        errors: largest conversion error of each component, without jumps. An output that is judged
            as a whole has one component. Empty if shapes differ.
        largest: largest magnitude of the original's output, for each component; empty if shapes
            differ.
        own: rounding error of the original, for each component; empty if shapes differ.
        worst: largest conversion error of all entries, including jumps.
        bins: jumps by magnitude.
        entries: number of entries of all inputs.
        is_scores: whether the output is a row of scores for each input.
        same: number of inputs whose largest entry is at the same place as in the original's output.
        margins: for each other input, the difference of the original's scores at the two places;
            sorted.
        is_decoded: whether the original also ran with Pillow's decode.
        decoder: largest difference from the outputs for Pillow's decode.
        same_pillow: number of inputs whose largest entry is at the same place as for Pillow's
            decode.
        shapes: shapes of the compiled and the original output if they differ; else None.
        shapes_file: the first file, in file order, for which the shapes differ.
    """

    name: str
    errors: tuple[float, ...] = ()
    largest: tuple[float, ...] = ()
    own: tuple[float, ...] = ()
    worst: Unbounded = 0.0
    bins: tuple[JumpBin, ...] = ()
    entries: int = 0
    is_scores: bool = True
    same: int = 0
    margins: tuple[Unbounded, ...] = ()
    is_decoded: bool = False
    decoder: Unbounded = 0.0
    same_pillow: int = 0
    shapes: Shapes | None = None
    shapes_file: str = ""

    def __post_init__(self) -> None:
        """Check the numbers of components.

        Raises:
            ValueError: if they differ.
        """
        sizes = {len(self.errors), len(self.largest), len(self.own)}
        sizes.update(len(part) for one in self.bins for part in (one.errors, one.own) if part)
        if len(sizes) > 1:
            raise ValueError(f"output '{self.name}' has different numbers of components: {sizes}")

    @property
    def jumps(self) -> int:
        """Number of entries at which the compiled model jumps."""
        return sum(one.jumps for one in self.bins)

    @property
    def own_jumps(self) -> int:
        """Number of entries at which the original jumps if its sums are moved."""
        return sum(one.own_jumps for one in self.bins)

    def merge(self, other: OutputEvidence) -> OutputEvidence:
        """Return the merged evidence for the same output."""
        first, second = self, other
        counts = {len(part.largest) for part in (self, other)} - {0}
        if len(counts) > 1:
            first, second = self._collapsed(), other._collapsed()
        largest = _maxima(first.largest, second.largest)
        errors, own, bins = folded(
            _maxima(first.errors, second.errors),
            _maxima(first.own, second.own),
            merged_bins((*first.bins, *second.bins)),
            limit_of(max(largest, default=0.0)),
        )
        shapes, shapes_file = _first_shapes(self, other)
        return OutputEvidence(
            name=self.name,
            errors=errors,
            largest=largest,
            own=own,
            worst=max(self.worst, other.worst),
            bins=bins,
            entries=self.entries + other.entries,
            is_scores=self.is_scores and other.is_scores,
            same=self.same + other.same,
            margins=tuple(sorted((*self.margins, *other.margins))),
            is_decoded=self.is_decoded or other.is_decoded,
            decoder=max(self.decoder, other.decoder),
            same_pillow=self.same_pillow + other.same_pillow,
            shapes=shapes,
            shapes_file=shapes_file,
        )

    def components(self) -> NDArray[np.float64]:
        """Return errors, largest magnitudes and rounding errors [3, components]."""
        count = len(self.largest)
        judged = self._collapsed() if count > 1 and self.entries // count < _FEWEST else self
        return np.asarray([judged.errors, judged.largest, judged.own], np.float64)

    def _collapsed(self) -> OutputEvidence:
        """Return the evidence of the output as a whole."""
        return replace(
            self,
            errors=(max(self.errors),),
            largest=(max(self.largest),),
            own=(max(self.own),),
            bins=tuple(one.collapsed() for one in self.bins),
        )


@dataclass(frozen=True)
class NodeEvidence(Record):
    """The rounding error of the original at one tensor.

    Attributes:
        tensor: name of the tensor in the compiled model.
        is_explained: whether the original's rounding was measured here.
        own: rounding error of the original; 0 if it was not measured.
    """

    tensor: str
    is_explained: bool = False
    own: Unbounded = 0.0


@dataclass(frozen=True)
class Evidence(Record):
    """Measurements of one run of `verify`.

    Attributes:
        tolerance: tolerance of the outputs.
        outputs: evidence of the outputs, in the order of the model.
        nodes: evidence of the compared tensors, in the order of the compiled model.
    """

    tolerance: Tolerance
    outputs: tuple[OutputEvidence, ...]
    nodes: tuple[NodeEvidence, ...] = ()

    def merge(self, other: Evidence) -> Evidence:
        """Return the merged evidence.

        Raises:
            UsageError: if the outputs or the tolerances differ.
        """
        require_same("the tolerance", self.tolerance, other.tolerance)
        names = [[output.name for output in part.outputs] for part in (self, other)]
        require_same("the outputs", *names)
        pairs = zip(self.outputs, other.outputs, strict=True)
        return Evidence(
            self.tolerance,
            tuple(first.merge(second) for first, second in pairs),
            _merged_nodes(self.nodes, other.nodes),
        )


def _maxima(first: tuple[float, ...], second: tuple[float, ...]) -> tuple[float, ...]:
    """Return the maximum of each component; one side may be empty."""
    return tuple(map(max, first, second)) if first and second else first or second


def _first_shapes(*parts: OutputEvidence) -> tuple[Shapes | None, str]:
    found = [part for part in parts if part.shapes is not None]
    if not found:
        return None, ""
    first = min(found, key=lambda part: file_order(part.shapes_file))
    return first.shapes, first.shapes_file


def _merged_nodes(
    first: tuple[NodeEvidence, ...], second: tuple[NodeEvidence, ...]
) -> tuple[NodeEvidence, ...]:
    """Return the tensors of both, each with the largest rounding error."""
    merged = {node.tensor: node for node in first}
    for node in second:
        known = merged.get(node.tensor, node)
        merged[node.tensor] = NodeEvidence(
            node.tensor,
            known.is_explained or node.is_explained,
            max(known.own, node.own),
        )
    return tuple(merged.values())
