"""The result of `compare`: accuracy, distances of scores, and predictions that changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, ClassVar, Self, TypeVar

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.comparison_evidence import Accuracy, ComparisonEvidence, ScoreError
from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.messages import Message
from jpegcompile.preprocessing.preprocess import Decoder
from jpegcompile.results.merging import (
    Models,
    RunOptions,
    Shard,
    evidence_lacks,
    file_order,
    merged_digests,
    merged_ignored,
    merged_options,
    merged_shards,
    merged_skipped,
    require_digest,
    require_same,
)
from jpegcompile.results.record import Record, Unbounded

C = TypeVar("C", bound="Comparison")


@dataclass(frozen=True)
class Change(Record):
    """An image whose predicted class differs between original (Pillow) and compiled model.

    Attributes:
        file: path of the image.
        label: class of the image; None if images have no labels.
        before: class that the original predicts.
        after: class that the compiled model predicts.
        margin: original's score of class `before` minus its score of class `after`.
    """

    file: str
    label: int | None
    before: int
    after: int
    margin: Unbounded


@dataclass(frozen=True)
class Comparison(Record):
    """The result of `compare`.

    Attributes:
        images: number of usable images.
        classes: class index by folder; empty if images have no labels.
        unlabelled: number of files in each folder without a class; "." is for files in no folder.
        ignored: reason for each ignored folder, by its path.
        skipped: unusable files with reasons.
        pixel_fallbacks: number of images that went through the pixel fallback.
        before: accuracy of the original model with Pillow's decode; None without labels.
        exact: accuracy of the original model with the decode that the model is compiled for; None
            without labels. It separates the effects of the decoder and of the conversion.
        after: accuracy of the compiled model; None without labels.
        agreement: fraction of equal predictions, original (Pillow) and compiled.
        agreement_exact: the same for the original with the decode that the model is compiled for.
        conversion: distance of the compiled model's scores from the original's with that decode.
        decoder: distance of the original's scores with that decode from its scores with Pillow's.
        changes: predictions that differ between the original (Pillow) and the compiled model.
        warning: what to check if the original (Pillow) is no better than chance; else None.
        decode: decode that the model is compiled for.
        output: name of the output that contains the scores.
        models: models that were run; None if that is unknown.
        options: options of the run; None if they are unknown.
        inputs_digest: identifies the set of images (`digest_of`); empty if it is unknown.
        shards: shards of the files in this result; empty for all files.
        evidence: measurements that `merge` needs.
    """

    kind: ClassVar[str] = "comparison"
    computed: ClassVar[tuple[str, ...]] = ("drop",)

    images: int
    classes: Mapping[str, int]
    unlabelled: Mapping[str, int]
    ignored: Mapping[str, str]
    skipped: tuple[Skipped, ...]
    pixel_fallbacks: int
    before: Accuracy | None
    exact: Accuracy | None
    after: Accuracy | None
    agreement: float
    agreement_exact: float
    conversion: ScoreError
    decoder: ScoreError
    changes: tuple[Change, ...]
    warning: str | None
    decode: Decoder = "float"
    output: str = ""
    models: Models | None = None
    options: RunOptions | None = None
    inputs_digest: str = ""
    shards: tuple[Shard, ...] = ()
    evidence: ComparisonEvidence | None = None

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what `to_json` returned, and compute again what follows from its evidence.

        Raises:
            ValueError: if the data has another form.
        """
        found = super().from_json(data)
        require_digest(found.inputs_digest)
        return found if found.evidence is None else with_evidence(found, found.evidence)

    @property
    def drop(self) -> float | None:
        """Top-1 lost by compiling, in percentage points; negative if accuracy rose."""
        if self.before is None or self.after is None:
            return None
        return 100.0 * (self.before.top1 - self.after.top1)

    def merge(self, other: Comparison) -> Comparison:
        """Return the result for the images of both results.

        Counts and maxima are exact. Fractions and means are computed from counts and exact sums.

        Raises:
            UsageError: if the results are of different models, outputs, classes or splits.
        """
        if self.evidence is None or other.evidence is None:
            raise evidence_lacks()
        for what, first, second in (
            ("the models", self.models, other.models),
            ("the output", self.output, other.output),
            ("the decode", self.decode, other.decode),
        ):
            require_same(what, first, second)
        options = merged_options(self.options, other.options)
        shards = merged_shards(self.shards, other.shards)
        evidence = self.evidence.merge(other.evidence)
        classes = _merged_classes(self, other, evidence.is_numbered)
        names = dict.fromkeys((*self.unlabelled, *other.unlabelled))
        merged = replace(
            self,
            classes=classes,
            unlabelled={n: self.unlabelled.get(n, 0) + other.unlabelled.get(n, 0) for n in names},
            ignored=merged_ignored(self.ignored, other.ignored),
            skipped=merged_skipped(self.skipped, other.skipped),
            pixel_fallbacks=self.pixel_fallbacks + other.pixel_fallbacks,
            conversion=self.conversion.merge(other.conversion, evidence.conversion.mean),
            decoder=self.decoder.merge(other.decoder, evidence.decoder.mean),
            changes=_in_order((*self.changes, *other.changes)),
            options=options,
            inputs_digest=merged_digests(self.inputs_digest, other.inputs_digest),
            shards=shards,
        )
        return with_evidence(merged, evidence)


def merged_comparisons(parts: Iterable[Comparison]) -> Comparison:
    """Return the merged result of all parts.

    Raises:
        UsageError: as `Comparison.merge`.
    """
    return reduce(Comparison.merge, parts)


def with_evidence(result: C, evidence: ComparisonEvidence) -> C:
    """Return a comparison with the numbers that follow from counts."""
    images = evidence.images
    before, exact, after = (
        None if hits is None else hits.among(images)
        for hits in (evidence.before, evidence.exact, evidence.after)
    )
    return replace(
        result,
        images=images,
        before=before,
        exact=exact,
        after=after,
        agreement=evidence.same / images,
        agreement_exact=evidence.same_exact / images,
        warning=evidence.warning(len(result.classes)),
        evidence=evidence,
    )


def _merged_classes(first: Comparison, second: Comparison, is_numbered: bool) -> dict[str, int]:
    """Return the classes of both.

    Raises:
        UsageError: if a folder has two classes, or two folders have the same number.
    """
    both = {**first.classes, **second.classes}
    other = next((n for n, c in first.classes.items() if both[n] != c), None)
    if other is None and is_numbered and len(set(both.values())) < len(both):
        other = next(name for name in second.classes if name not in first.classes)
    if other is not None:
        text = (
            f"the results number the folder '{other}' differently, because their folders differ;"
            " give --labels, or split the images by --shard"
        )
        raise UsageError(Message("merge-classes-differ", text))
    return both


def _in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(sorted(changes, key=lambda change: file_order(change.file)))
