"""Compare the inner tensors of two models, one group at a time within a memory budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
from numpy.typing import NDArray

from jpegcompile.evaluation.batches import Batch
from jpegcompile.evaluation.differences import coefficient_distance
from jpegcompile.evaluation.evidence import NodeEvidence
from jpegcompile.evaluation.moved import MOVED, moved
from jpegcompile.evaluation.parts import Parts, as_fed
from jpegcompile.evaluation.precise_sums import with_precise_sums
from jpegcompile.evaluation.shelf import Shelf
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.trace_sides import Side, Sides
from jpegcompile.evaluation.verification import NodeError
from jpegcompile.frontend.load import Source
from jpegcompile.runtime.batch import fill
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.session import Session

# Largest size of a group's compared tensors of both models, in bytes. Running the models needs
# more memory.
GROUP_BYTES = 1 << 30
# Largest number of inputs to run at once.
_MOST_AT_ONCE = 8
# Number of batches for which the rounding error of the original is measured at every node.
_MOST_EXPLAINED = 2
_FLOAT_BYTES = 4
# A running network needs memory for a few of its largest maps.
_MAPS_AT_ONCE = 4

# Largest error and largest magnitude by tensor.
Errors = dict[str, tuple[float, float]]


def tracer_of(session: ImageRunner, source: Source, most: int, native: bool) -> Tracer | None:
    """Return a tracer for the nodes of a compiled model; None for a PyTorch module.

    A kernel of a module computes several nodes, so the tensors between these nodes do not exist.

    Args:
        session: session of the compiled model.
        source: the original.
        most: largest number of inputs to compare.
        native: whether native kernels run the compiled model.
    """
    return Tracer(session, source, most, native) if isinstance(session, Session) else None


class Tracer:
    """Compares every JPEG-domain tensor with the original's tensor, for the first inputs.

    Attributes:
        traced: number of inputs that were kept for the comparison.
    """

    def __init__(self, session: Session, source: Source, most: int, native: bool) -> None:
        """Prepare to compare a compiled model with its source.

        Args:
            session: session of the compiled model.
            source: the original.
            most: largest number of inputs to compare.
            native: whether native kernels run the compiled model.
        """
        self.traced = 0
        # Do not keep the session, because parts of its model need its memory while they run.
        self._sides = Sides(session, source, native)
        self._most = most
        self._kept: list[Batch] = []
        self._errors: Errors = {}
        tensors = session.info.tensors
        self._blocks = {tensor: int(block) for tensor, (block, _) in tensors.items()}
        sizes = tensor_bytes(session.model)
        order = [n for node in session.model.graph.node for n in node.output if n in tensors]
        self._step = inputs_at_once(sizes, min(_MOST_AT_ONCE, session.batch_size))
        self._groups = _groups(order, sizes, self._step)

    def keep(self, batch: Batch) -> None:
        """Keep inputs of a batch for the comparison, up to the largest number of inputs."""
        usable = [
            index
            for index in range(len(batch.spatial))
            if self._sides.is_fed(batch.images[index] if batch.images else None)
        ][: max(self._most - self.traced, 0)]
        if usable:
            read = [batch.images[index] for index in usable] if batch.images else ()
            spatial, views = batch.spatial[usable], self._sides.views
            if views > 1 and read:
                # One view of each image.
                rows = range(len(usable))
                spatial = spatial[rows, [n % views for n in rows]]
            self._kept.append(Batch((), read, spatial, None))
            self.traced += len(usable)

    def compare(self) -> None:
        """Compare all nodes for the inputs that were kept."""
        pair = self._opened(self._sides.compiled(), self._sides.original())
        for batch in self._kept:
            self._compare(pair, batch, self._errors)

    def nodes(self) -> list[NodeError]:
        """Return the errors, in the order of the compiled model."""
        makers = {name: n.name for n in self._sides.model.graph.node for name in n.output}
        return [
            NodeError(
                makers.get(tensor, tensor),
                tensor,
                self._sides.twins[tensor],
                self._blocks[tensor],
                *self._errors[tensor],
            )
            for group in self._groups
            for tensor in group
            if tensor in self._errors
        ]

    def explained(self, tolerance: Tolerance) -> list[NodeEvidence]:
        """Measure the rounding error of the original at every node, for a few of the inputs.

        Args:
            tolerance: tolerance whose `units` sums are moved by.
        """
        sides, units = self._sides, tolerance.units
        image = sides.image
        other = moved(sides.source.model, image.name, units, has_batch=image.has_batch)
        other = with_precise_sums(other) or other
        renamed = {image.name: MOVED.format(image.name)}
        pair = self._opened(sides.original(other, renamed), sides.original())
        errors: Errors = {}
        for batch in self._kept[:_MOST_EXPLAINED]:
            self._compare(pair, batch, errors, is_spatial=True)
        factor = tolerance.units_counted
        return [
            NodeEvidence(node.tensor, True, factor * errors.get(node.tensor, (0.0, 0.0))[0])
            for node in self.nodes()
        ]

    def _compare(
        self,
        pair: tuple[tuple[Side, Parts], ...],
        batch: Batch,
        errors: Errors,
        *,
        is_spatial: bool = False,
    ) -> None:
        """Raise `errors` to the errors of the first side against the second."""
        # All images of a batch share their matrices, so each image needs a separate batch.
        is_alone = self._sides.takes_axes or any(side.fixed_batch for side, _ in pair)
        step = 1 if is_alone else self._step
        count = len(batch.spatial)
        for start in range(0, count, step):
            chunk = list(range(count))[start : start + step]
            feeds = [
                as_fed(side.model, fill(side.feeds(batch, chunk), side.fixed_batch))
                for side, _ in pair
            ]
            with ExitStack() as stack:
                folders = [
                    stack.enter_context(TemporaryDirectory(prefix="jpegcompile-verify-"))
                    for _ in pair
                ]
                held = [Shelf(Path(f), own) for f, own in zip(folders, feeds, strict=True)]
                for index, group in enumerate(self._groups):
                    for (_, parts), own in zip(pair, held, strict=True):
                        parts.run(index, own)
                    sides = [side for side, _ in pair]
                    for tensor in group:
                        self._compare_tensor(tensor, sides, held, len(chunk), errors, is_spatial)
                    for (_, parts), own in zip(pair, held, strict=True):
                        parts.leave(index, own)

    def _compare_tensor(
        self,
        tensor: str,
        sides: Sequence[Side],
        held: Sequence[Shelf],
        count: int,
        errors: Errors,
        is_spatial: bool,
    ) -> None:
        first, second = (side.names[tensor] for side in sides)
        # A pass created this tensor, so the original has no such tensor.
        if first not in held[0] or second not in held[1]:
            return
        actual, expected = held[0][first], held[1][second]
        error, largest = coefficient_distance(
            _rows(actual, expected, count),
            _rows(expected, actual, count),
            self._blocks[tensor],
            is_spatial=is_spatial,
        )
        before = errors.get(tensor, (0.0, 0.0))
        errors[tensor] = (max(before[0], error), max(before[1], largest))

    def _opened(self, *sides: Side) -> tuple[tuple[Side, Parts], ...]:
        return tuple(
            (side, Parts(side.model, [self._named(g, side) for g in self._groups], side.open))
            for side in sides
        )

    @staticmethod
    def _named(group: Sequence[str], side: Side) -> list[str]:
        return [side.names[tensor] for tensor in group]


def tensor_bytes(model: onnx.ModelProto) -> dict[str, int]:
    """Return the bytes of each tensor that a model describes, for one input."""
    return {
        value.name: _FLOAT_BYTES
        * prod(d.dim_value or 1 for d in value.type.tensor_type.shape.dim[1:])
        for value in (*model.graph.input, *model.graph.value_info)
    }


def inputs_at_once(sizes: Mapping[str, int], most: int) -> int:
    """Return how many inputs can run together within the memory budget; at least 1.

    Args:
        sizes: bytes of each tensor for one input.
        most: largest result.
    """
    largest = _MAPS_AT_ONCE * max(sizes.values(), default=1)
    return max(min(most, GROUP_BYTES // max(largest, 1)), 1)


def _groups(order: Sequence[str], sizes: Mapping[str, int], at_once: int) -> list[list[str]]:
    """Group tensors in the order of the model, within the memory budget."""
    groups: list[list[str]] = [[]]
    total = 0
    for tensor in order:
        size = 2 * at_once * sizes.get(tensor, 0)
        if groups[-1] and total + size > GROUP_BYTES:
            groups.append([])
            total = 0
        groups[-1].append(tensor)
        total += size
    return groups


def _rows(values: NDArray[Any], other: NDArray[Any], count: int) -> NDArray[Any]:
    """Return values without the padding of a fixed batch, if the two batch sizes differ."""
    return values if values.shape == other.shape or not values.ndim else values[:count]
