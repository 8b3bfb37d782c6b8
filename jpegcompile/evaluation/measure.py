"""Errors between a compiled model and its original, as running maxima over batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.runtime.reading import Skipped

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class OutputError:
    """Errors at one output.

    Attributes:
        name: of the output.
        conversion: largest absolute conversion error.
        decoder: largest absolute decoder difference; None for tensor samples.
        largest: largest magnitude of the original's output.
        allowed: what the tolerances allow.
        same_top1: inputs whose largest entry is at the same place, against the float decode;
            None where the output is not a vector of scores.
        same_top1_pillow: the same against Pillow's decode.
    """

    name: str
    conversion: float
    decoder: float | None
    largest: float
    allowed: float
    same_top1: int | None
    same_top1_pillow: int | None

    @property
    def is_within(self) -> bool:
        """Whether the conversion error is within the tolerances; it is not if either is NaN."""
        return self.conversion <= self.allowed


@dataclass(frozen=True)
class NodeError:
    """Conversion error at one jpeg-domain tensor, against the block DCT of its spatial twin.

    Attributes:
        node: that makes the tensor, by its name in the source.
        tensor: in the compiled model.
        twin: in the original model.
        block: block size.
        error: largest absolute error of a coefficient.
        largest: largest magnitude of the original's coefficients.
    """

    node: str
    tensor: str
    twin: str
    block: int
    error: float
    largest: float

    @property
    def relative(self) -> float:
        """Error as a fraction of the largest magnitude."""
        return self.error / self.largest if self.largest else self.error


@dataclass(frozen=True)
class Verification:
    """Outcome of `verify`.

    Attributes:
        inputs: images or tensors that were run.
        inputs_for_nodes: those of them for which nodes were compared.
        outputs: errors at the outputs.
        nodes: errors at the nodes, sorted, the worst relative error first.
        is_exact: whether the model was compiled to be exact: no mask approximated, no frequency
            dropped.
        is_half: whether the network is in float16. Top-1 may then differ where scores are close.
        skipped: files that could not be used, and why.
        ignored: why, for every folder that was passed over, by its path.
    """

    inputs: int
    inputs_for_nodes: int
    outputs: tuple[OutputError, ...]
    nodes: tuple[NodeError, ...]
    is_exact: bool = True
    is_half: bool = False
    skipped: tuple[Skipped, ...] = ()
    ignored: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every output is within its tolerance and every top-1 agrees."""
        return all(output.is_within and self.agrees(output) for output in self.outputs)

    def agrees(self, output: OutputError) -> bool:
        """Whether every top-1 of an output is the same, as far as it must be."""
        return self.is_half or output.same_top1 in (None, self.inputs)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        nodes = [{**asdict(node), "relative": node.relative} for node in self.nodes]
        return {**asdict(self), "nodes": nodes, "passed": self.passed}


@dataclass
class _OutputRecord:
    conversion: float = 0.0
    decoder: float | None = None
    largest: float = 0.0
    is_vector: bool = False
    same: int = 0
    same_pillow: int = 0


class Meter:
    """Takes in batches of outputs and of jpeg-domain tensors."""

    def __init__(self, tensors: Mapping[str, Sequence[Any]], makers: Mapping[str, str]) -> None:
        """Measure `tensors`: tensor -> (block size, spatial twin), made by the nodes `makers`."""
        self._makers = makers
        self.inputs = 0
        self.traced = 0
        self._tensors = tensors
        self._outputs: dict[str, _OutputRecord] = {}
        self._nodes: dict[str, tuple[float, float]] = {}

    def outputs(
        self, names: Sequence[str], actual: Arrays, expected: Arrays, pillow: Arrays | None
    ) -> None:
        """Take in the outputs of one batch."""
        for name in names:
            record = self._outputs.setdefault(name, _OutputRecord())
            record.conversion = max(record.conversion, _distance(actual[name], expected[name]))
            record.largest = max(record.largest, _magnitude(expected[name]))
            record.is_vector = _is_scores(expected[name])
            if record.is_vector:
                record.same += _agreement(actual[name], expected[name])
            if pillow is not None:
                distance = _distance(actual[name], pillow[name])
                record.decoder = max(record.decoder or 0.0, distance)
                if record.is_vector:
                    record.same_pillow += _agreement(actual[name], pillow[name])

    def nodes(self, actual: Arrays, expected: Arrays, inputs: int) -> None:
        """Take in the jpeg-domain tensors of one batch and their spatial twins."""
        for tensor, (block, twin) in self._tensors.items():
            # A twin that is missing was made by a pass, not by the source.
            if tensor not in actual or twin not in expected:
                continue
            wanted = expected[twin].astype(np.float64)
            if int(block) > 1:
                wanted = to_jpeg(wanted, int(block))
            error, largest = self._nodes.get(tensor, (0.0, 0.0))
            error = max(error, _distance(actual[tensor], wanted))
            self._nodes[tensor] = (error, max(largest, _magnitude(wanted)))
        self.traced += inputs

    def result(
        self, absolute: float, relative: float, is_exact: bool = True, is_half: bool = False
    ) -> Verification:
        """What was measured; the tolerances are as for `verify`, the rest as `Verification`."""
        nodes = [
            NodeError(
                self._makers.get(tensor, tensor),
                tensor,
                self._tensors[tensor][1],
                self._tensors[tensor][0],
                *values,
            )
            for tensor, values in self._nodes.items()
        ]
        nodes.sort(key=lambda node: node.relative, reverse=True)
        outputs = tuple(
            OutputError(
                name=name,
                conversion=record.conversion,
                decoder=record.decoder,
                largest=record.largest,
                allowed=max(absolute, relative * record.largest),
                same_top1=record.same if record.is_vector else None,
                same_top1_pillow=(
                    record.same_pillow if record.is_vector and record.decoder is not None else None
                ),
            )
            for name, record in self._outputs.items()
        )
        return Verification(self.inputs, self.traced, outputs, tuple(nodes), is_exact, is_half)


def _distance(actual: NDArray[Any], expected: NDArray[Any]) -> float:
    """Largest difference; infinite where only one side is infinite, NaN, or another text."""
    if actual.shape != expected.shape:
        return float("inf")
    if not np.issubdtype(expected.dtype, np.number):
        return 0.0 if np.array_equal(actual, expected) else float("inf")
    first, second = actual.astype(np.float64), expected.astype(np.float64)
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(first - second))
    return float(np.max(np.nan_to_num(difference, nan=np.inf, posinf=np.inf), initial=0.0))


def _magnitude(values: NDArray[Any]) -> float:
    """Largest finite magnitude."""
    if not np.issubdtype(values.dtype, np.number):
        return 0.0
    finite = values[np.isfinite(values)].astype(np.float64)
    return float(np.max(np.abs(finite), initial=0.0))


def _is_scores(values: NDArray[Any]) -> bool:
    return values.ndim == 2 and values.shape[1] > 1 and bool(np.issubdtype(values.dtype, np.number))


def _agreement(actual: NDArray[Any], expected: NDArray[Any]) -> int:
    return int(np.sum(actual.argmax(axis=1) == expected.argmax(axis=1)))
