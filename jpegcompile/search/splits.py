"""Images of which one half chooses and the other verifies, and whether they are enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from jpegcompile.errors import CheckFailedError, UsageError
from jpegcompile.evaluation.chance import ADVICE, is_no_better_than_chance
from jpegcompile.evaluation.dataset import LabelledImages
from jpegcompile.search.interval import PairedCounts, images_needed, is_guessing, smallest_budget


@dataclass(frozen=True)
class Split:
    """Some of the labelled images; `name` is for the cache."""

    name: str
    files: Sequence[Path]
    labels: Sequence[int]

    def spread(self, name: str, most: int) -> Split:
        """At most so many of them, evenly from first to last."""
        index = np.unique(np.linspace(0, len(self.files) - 1, min(most, len(self.files))).round())
        chosen = [int(i) for i in index]
        return Split(name, [self.files[i] for i in chosen], [self.labels[i] for i in chosen])


def require_budget_range(max_drop: float) -> None:
    """Refuse what is no budget, in percentage points.

    Raises:
        UsageError: if it is not between 0 and 100.
    """
    if not 0 < max_drop < 100:
        raise UsageError(
            f"--max-drop is {max_drop:g}; give percentage points above 0 and below 100"
        )


def halves_for(data: LabelledImages, max_drop: float) -> tuple[Split, Split]:
    """The halves of the images, of which the first can show a loss as small as the budget.

    Raises:
        UsageError: if they are too few.
    """
    halves = split_in_halves(data)
    needed = images_needed(max_drop / 100)
    if len(halves[0].files) < needed:
        raise UsageError(
            f"{len(halves[0].files)} of the images search, but only {needed} or more can show a"
            f" loss below {max_drop:g} points; give {2 * needed} images or a --max-drop of"
            f" {smallest_budget(len(halves[0].files)):g} points"
        )
    return halves


def split_in_halves(data: LabelledImages) -> tuple[Split, Split]:
    """Every other image of each class searches, the rest verifies.

    Raises:
        UsageError: if a half would be empty.
    """
    members: tuple[list[int], list[int]] = ([], [])
    seen: dict[int, int] = {}
    for index, label in enumerate(data.labels):
        rank = seen.get(label, 0)
        seen[label] = rank + 1
        members[rank % 2].append(index)
    if not members[1]:
        raise UsageError("every class has one image only; give more, half of them verify")
    search, verify = (
        Split(name, [data.files[i] for i in chosen], [data.labels[i] for i in chosen])
        for name, chosen in zip(("search", "verification"), members, strict=True)
    )
    return search, verify


def require_no_guess(counts: PairedCounts, split: Split, chance: float, model: str) -> None:
    """Refuse a model that does no better on the images than guessing.

    Args:
        counts: of the model.
        split: the images.
        chance: fraction of them that is right by luck.
        model: how the message calls the model.

    Raises:
        UsageError: saying what to check.
    """
    if is_guessing(counts.right, split.labels) or is_no_better_than_chance(
        counts.right, counts.images, chance
    ):
        raise UsageError(
            f"the {model} is right on {100 * counts.before:.2f} % of the images, no better"
            f" than guessing; {ADVICE}"
        )


class Verified(Protocol):
    """The outcome of a search."""

    @property
    def max_drop(self) -> float:
        """Budget in percentage points."""

    @property
    def verification(self) -> PairedCounts:
        """Of the images that the search has not used."""

    @property
    def is_refuted(self) -> bool:
        """Whether the whole interval of the verification lies beyond the budget."""


def require_budget(result: Verified) -> None:
    """Turn a verification that refutes the search into the error of a failed check.

    Raises:
        CheckFailedError: if more than the budget is lost on the images that the search has not
            used, with confidence.
    """
    if result.is_refuted:
        raise CheckFailedError(
            f"the images that verify lose {-100 * result.verification.change:.2f} points of top-1,"
            f" {result.max_drop:g} are allowed, and chance does not explain it; nothing is written:"
            " search with more images"
        )
