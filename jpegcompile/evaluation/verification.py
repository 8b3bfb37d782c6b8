"""The result of `verify`: errors of a compiled model relative to its original."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, ClassVar, Self

import numpy as np

from jpegcompile.evaluation.evidence import Evidence, NodeEvidence, OutputEvidence
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.results.merging import (
    Models,
    RunOptions,
    Shard,
    evidence_lacks,
    merged_digests,
    merged_ignored,
    merged_options,
    merged_shards,
    merged_skipped,
    require_digest,
    require_same,
)
from jpegcompile.results.record import Record, Unbounded

# Rounding errors of a single node may reach a few times its tolerance; defects are much larger.
_SUSPICIOUS = 4.0


@dataclass(frozen=True)
class OutputError(Record):
    """Errors at one output, relative to the original with the decode of the compiled model.

    If an output has channels or fields of many values each (maps, rows of a detector), each channel
    or field is judged separately, and the numbers belong to the worst one.

    Attributes:
        name: name of the output.
        conversion: largest absolute conversion error; infinite if shapes differ.
        decoder: largest absolute decoder difference; None for tensor samples.
        largest: largest magnitude of the original's output.
        allowed: error that the tolerance allows.
        same_top1: number of inputs whose largest entry is at the same place as in the original's
            output; None if the output is not a vector of scores.
        same_top1_pillow: the same for the original with Pillow's decode.
        own: rounding error of the original; `allowed` is a multiple of it.
        near_ties: number of inputs whose largest entry is at another place, but the original's
            scores at the two places differ by no more than `allowed`.
        component: index of the channel or field of these numbers; None for the whole output.
        jumps: number of entries that are far from the original's entries, or that differ and are
            not floating-point numbers (indices, texts).
        own_jumps: number of entries at which the original jumps if its sums are moved within the
            tolerance. The compiled model may jump at that many entries.
        entries: number of entries of all inputs.
        shapes: shapes of the compiled and the original output if they differ; else None.
    """

    name: str
    conversion: Unbounded
    decoder: Unbounded | None
    largest: float
    allowed: Unbounded
    same_top1: int | None
    same_top1_pillow: int | None
    own: float = 0.0
    near_ties: int = 0
    component: int | None = None
    jumps: int = 0
    own_jumps: int = 0
    entries: int = 0
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    @classmethod
    def of(cls, measured: OutputEvidence, tolerance: Tolerance) -> OutputError:
        """Judge the measurements at an output."""
        components = measured.components()
        errors, largest, own = components if components.size else np.zeros((3, 1))
        pairs = zip(largest, own, strict=True)
        allowed = np.array([tolerance.allowed(float(a), float(b)) for a, b in pairs])
        # If the tolerance is 0, any error is infinitely larger.
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(errors > 0, errors / allowed, 0.0)
        worst = int(np.argmax(np.nan_to_num(part, nan=np.inf)))
        whole, error, jumps = float(np.max(allowed)), float(errors[worst]), measured.jumps
        if tolerance.is_given:
            # The user's tolerance applies to every entry.
            worst, error, jumps = int(np.argmax(largest)), measured.worst, 0
        elif measured.shapes is not None or jumps > measured.own_jumps:
            error = measured.worst
        has_scores, is_decoded = measured.is_scores, measured.is_decoded
        return cls(
            name=measured.name,
            conversion=error,
            decoder=measured.decoder if is_decoded else None,
            largest=float(largest[worst]),
            allowed=float(allowed[worst]),
            same_top1=measured.same if has_scores else None,
            same_top1_pillow=measured.same_pillow if has_scores and is_decoded else None,
            own=float(own[worst]),
            near_ties=sum(margin <= whole for margin in measured.margins) if has_scores else 0,
            component=worst if len(allowed) > 1 else None,
            jumps=jumps,
            own_jumps=measured.own_jumps,
            entries=measured.entries,
            shapes=measured.shapes,
        )

    @property
    def is_within(self) -> bool:
        """Whether every entry is within the tolerance; False if an error or the tolerance is NaN.

        If rounding moves most of the original's entries, counting jumps verifies nothing.
        """
        if self.shapes is not None or not self.conversion <= self.allowed:
            return False
        return self.jumps <= self.own_jumps and not (self.jumps and self.is_undetermined)

    @property
    def is_undetermined(self) -> bool:
        """Whether rounding moves most of the original's entries."""
        return self.own_jumps > self.entries / 2


@dataclass(frozen=True)
class NodeError(Record):
    """Conversion error at one JPEG-domain tensor, against the block DCT of the original's tensor.

    Attributes:
        node: name of the node that computes the tensor, as in the source.
        tensor: name of the tensor in the compiled model.
        twin: name of the same tensor in the original model.
        block: block size.
        error: largest absolute error of a coefficient.
        largest: largest magnitude of the original's coefficients.
        allowed: error that the rounding error of the original explains. None unless an output
            exceeds its tolerance.
    """

    computed: ClassVar[tuple[str, ...]] = ("relative",)

    node: str
    tensor: str
    twin: str
    block: int
    error: Unbounded
    largest: float
    allowed: Unbounded | None = None

    @property
    def relative(self) -> Unbounded:
        """Error as a fraction of the largest magnitude."""
        return self.error / self.largest if self.largest else self.error


@dataclass(frozen=True)
class Verification(Record):
    """The result of `verify`.

    Attributes:
        inputs: number of images or tensors that were run.
        inputs_for_nodes: number of inputs for which nodes were compared. In a merged result this is
            the sum over the parts.
        outputs: errors at the outputs.
        nodes: errors at the nodes, sorted, the worst relative error first.
        is_exact: whether the model was compiled to be exact, without approximate masks and
            truncated coefficients.
        is_half: whether the network is in float16.
        suspect: the first node whose error is larger than rounding errors explain; None if there is
            no such node, or the verification did not search for one.
        skipped: unusable files with reasons.
        ignored: reason for each ignored folder, by its path.
        pixel_fallbacks: number of files that went through the pixel fallback.
        models: models that were run; None for outputs that `bench` checked.
        options: options of the run; None for outputs that `bench` checked.
        inputs_digest: identifies the set of inputs (`digest_of`); empty if it is unknown.
        shards: shards of the files in this result; empty for all files.
        evidence: measurements that `merge` needs.
    """

    kind: ClassVar[str] = "verification"
    computed: ClassVar[tuple[str, ...]] = ("passed",)

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
    models: Models | None = None
    options: RunOptions | None = None
    inputs_digest: str = ""
    shards: tuple[Shard, ...] = ()
    evidence: Evidence | None = None

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what `to_json` returned, and judge its evidence again.

        Raises:
            ValueError: if the data has another form, or its parts contradict each other.
        """
        found = super().from_json(data)
        require_digest(found.inputs_digest)
        if found.evidence is None:
            return found
        if {node.tensor for node in found.nodes} != {node.tensor for node in found.evidence.nodes}:
            raise ValueError("the nodes are not those of the evidence")
        again = judged(found.evidence, found.nodes, inputs=found.inputs, is_exact=found.is_exact)
        return replace(found, outputs=again.outputs, nodes=again.nodes, suspect=again.suspect)

    @property
    def passed(self) -> bool:
        """Whether every output is within its tolerance and every top-1 agrees."""
        return all(output.is_within and self.agrees(output) for output in self.outputs)

    def agrees(self, output: OutputError) -> bool:
        """Whether every top-1 class of an output is the same, except for near-ties."""
        return output.same_top1 is None or output.same_top1 + output.near_ties == self.inputs

    def merge(self, other: Verification) -> Verification:
        """Return the result for the inputs of both results.

        Counts and maxima are exact. Tolerances, near-ties and the verdict follow from them and are
        computed again. `docs/results.md` lists the fields.

        Raises:
            UsageError: if the results are of different models, tolerances or splits.
        """
        if self.evidence is None or other.evidence is None:
            raise evidence_lacks()
        require_same("the models", self.models, other.models)
        options = merged_options(self.options, other.options)
        require_same("is_exact", self.is_exact, other.is_exact)
        shards = merged_shards(self.shards, other.shards)
        result = judged(
            self.evidence.merge(other.evidence),
            _merged_nodes(self.nodes, other.nodes),
            inputs=self.inputs + other.inputs,
            inputs_for_nodes=self.inputs_for_nodes + other.inputs_for_nodes,
            is_exact=self.is_exact,
        )
        return replace(
            result,
            skipped=merged_skipped(self.skipped, other.skipped),
            ignored=merged_ignored(self.ignored, other.ignored),
            pixel_fallbacks=self.pixel_fallbacks + other.pixel_fallbacks,
            models=self.models,
            options=options,
            inputs_digest=merged_digests(self.inputs_digest, other.inputs_digest),
            shards=shards,
        )


def merged_verifications(parts: Iterable[Verification]) -> Verification:
    """Return the merged result of all parts.

    Raises:
        UsageError: as `Verification.merge`.
    """
    return reduce(Verification.merge, parts)


def judged(
    evidence: Evidence,
    nodes: Iterable[NodeError] = (),
    *,
    inputs: int,
    inputs_for_nodes: int = 0,
    is_exact: bool = True,
) -> Verification:
    """Judge measurements.

    Args:
        evidence: the measurements.
        nodes: errors at nodes; `allowed` is filled in from the evidence.
        inputs: as in `Verification`.
        inputs_for_nodes: as in `Verification`.
        is_exact: as in `Verification`.
    """
    tolerance = evidence.tolerance
    outputs = tuple(OutputError.of(measured, tolerance) for measured in evidence.outputs)
    result = Verification(
        inputs, inputs_for_nodes, outputs, (), is_exact, tolerance.is_half, evidence=evidence
    )
    errors = {node.tensor: replace(node, allowed=None) for node in nodes}
    suspect = None
    if is_exact and not result.passed:
        explain = Tolerance(is_half=tolerance.is_half)
        errors = {n.tensor: _explained(errors[n.tensor], n, explain) for n in evidence.nodes}
        suspect = _suspect_of(errors.values())
    # Ties stay in the order of the compiled model.
    in_order = [errors[node.tensor] for node in evidence.nodes]
    worst_first = sorted(in_order, key=lambda node: node.relative, reverse=True)
    return replace(result, nodes=tuple(worst_first), suspect=suspect)


def _explained(node: NodeError, measured: NodeEvidence, tolerance: Tolerance) -> NodeError:
    if not measured.is_explained:
        return node
    return replace(node, allowed=tolerance.allowed(node.largest, measured.own))


def _suspect_of(nodes: Iterable[NodeError]) -> str | None:
    """Return the first node whose error is far larger than rounding errors explain."""
    return next(
        (n.node for n in nodes if n.allowed is not None and not n.error <= _SUSPICIOUS * n.allowed),
        None,
    )


def _merged_nodes(*parts: Iterable[NodeError]) -> list[NodeError]:
    """Return every tensor's largest error and largest magnitude."""
    merged: dict[str, NodeError] = {}
    for node in (node for part in parts for node in part):
        known = merged.get(node.tensor, node)
        error, largest = max(known.error, node.error), max(known.largest, node.largest)
        merged[node.tensor] = replace(node, error=error, largest=largest)
    return list(merged.values())
