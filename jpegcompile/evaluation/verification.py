"""What `verify` measured: errors between a compiled model and its original."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from jpegcompile.jpeg.unusable import Skipped


@dataclass(frozen=True)
class OutputError:
    """Errors at one output, against the original fed by the float decode.

    Where an output has channels or fields of many values each (maps, rows of a detector), each is
    judged by itself; the numbers are those of the worst.

    Attributes:
        name: of the output.
        conversion: largest absolute conversion error; infinite where shapes differ.
        decoder: largest absolute decoder difference; None for tensor samples.
        largest: largest magnitude of the original's output.
        allowed: error that is allowed.
        same_top1: inputs whose largest entry is at the same place, against the float decode;
            None where the output is not a vector of scores.
        same_top1_pillow: the same against Pillow's decode.
        own: the original's own rounding, of which `allowed` is a multiple.
        near_ties: inputs whose largest entry is elsewhere, but in the original by no more than is
            allowed.
        component: index of the channel or field that the numbers are of; None for the whole.
        jumps: entries that are nowhere near the original's, or differ and are no numbers that
            rounding moves (indices, texts).
        own_jumps: entries at which the original itself jumps when its sums are moved by what is
            allowed: so many may.
        entries: in all.
        shapes: of the compiled and the original model's output where they differ; else None.
    """

    name: str
    conversion: float
    decoder: float | None
    largest: float
    allowed: float
    same_top1: int | None
    same_top1_pillow: int | None
    own: float = 0.0
    near_ties: int = 0
    component: int | None = None
    jumps: int = 0
    own_jumps: int = 0
    entries: int = 0
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    @property
    def is_within(self) -> bool:
        """Whether every entry is as it must be; it is not if the error or what is allowed is NaN.

        A network of whose answers rounding moves most is not verified by counting them.
        """
        if self.shapes is not None or not self.conversion <= self.allowed:
            return False
        return self.jumps <= self.own_jumps and not (self.jumps and self.is_undetermined)

    @property
    def is_undetermined(self) -> bool:
        """Whether rounding moves most of the original's own answers."""
        return self.own_jumps > self.entries / 2


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
        allowed: what the rounding of the original explains, as at an output; only measured where
            an output is out of tolerance, else None.
    """

    node: str
    tensor: str
    twin: str
    block: int
    error: float
    largest: float
    allowed: float | None = None

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
        is_half: whether the network is in float16.
        suspect: the first node whose error the rounding before it does not explain; None if there
            is none, or none was looked for.
        skipped: files that could not be used, and why.
        ignored: why, for every folder that was passed over, by its path.
        pixel_fallbacks: how many of the files went through the pixel fallback.
    """

    inputs: int
    inputs_for_nodes: int
    outputs: tuple[OutputError, ...]
    nodes: tuple[NodeError, ...]
    is_exact: bool = True
    is_half: bool = False
    suspect: str | None = None
    skipped: tuple[Skipped, ...] = ()
    ignored: Mapping[str, str] = field(default_factory=dict)
    pixel_fallbacks: int = 0

    @property
    def passed(self) -> bool:
        """Whether every output is within its tolerance and every top-1 agrees."""
        return all(output.is_within and self.agrees(output) for output in self.outputs)

    def agrees(self, output: OutputError) -> bool:
        """Whether every top-1 of an output is the same, but for near-ties."""
        return output.same_top1 is None or output.same_top1 + output.near_ties == self.inputs

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        nodes = [{**asdict(node), "relative": node.relative} for node in self.nodes]
        return {**asdict(self), "nodes": nodes, "passed": self.passed}
