"""Split labelled images into a half for the search and a half for the verification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from jpegcompile.errors import CheckFailedError, UsageError
from jpegcompile.evaluation.chance import ADVICE, is_no_better_than_chance
from jpegcompile.evaluation.dataset import LabelledImages
from jpegcompile.messages import Message
from jpegcompile.search.interval import PairedCounts, images_needed, is_guessing, smallest_budget


@dataclass(frozen=True)
class Split:
    """A subset of the labelled images.

    Attributes:
        name: name of the subset in the cache.
        files: image files.
        labels: classes of the images.
    """

    name: str
    files: Sequence[Path]
    labels: Sequence[int]

    def spread(self, name: str, most: int) -> Split:
        """Return at most `most` evenly spaced images as a subset called `name`."""
        index = np.unique(np.linspace(0, len(self.files) - 1, min(most, len(self.files))).round())
        chosen = [int(i) for i in index]
        return Split(name, [self.files[i] for i in chosen], [self.labels[i] for i in chosen])


def require_budget_range(max_drop: float) -> None:
    """Require a budget between 0 and 100 percentage points.

    Raises:
        UsageError: if the budget is out of range.
    """
    if not 0 < max_drop < 100:
        raise UsageError(
            Message(
                "search-max-drop-out-of-range",
                f"--max-drop is {max_drop:g}; give percentage points above 0 and below 100",
            )
        )


def halves_for(data: LabelledImages, max_drop: float) -> tuple[Split, Split]:
    """Split the images, and require enough of them to show a loss within the budget.

    Args:
        data: the images.
        max_drop: budget in percentage points.

    Returns:
        The images for the search and for the verification.

    Raises:
        UsageError: if there are too few images.
    """
    halves = split_in_halves(data)
    needed = images_needed(max_drop / 100)
    if len(halves[0].files) < needed:
        raise UsageError(
            Message(
                "search-images-too-few",
                f"the search uses {len(halves[0].files)} of the images, but needs {needed} to show"
                f" a loss below {max_drop:g} points; give {2 * needed} images or a --max-drop of"
                f" {smallest_budget(len(halves[0].files)):g} points",
            )
        )
    return halves


def split_in_halves(data: LabelledImages) -> tuple[Split, Split]:
    """Split the images of each class alternately into search and verification.

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
        raise UsageError(
            Message(
                "search-classes-have-one-image",
                "every class has only one image; give more, since half of the images are for"
                " verification",
            )
        )
    search, verify = (
        Split(name, [data.files[i] for i in chosen], [data.labels[i] for i in chosen])
        for name, chosen in zip(("search", "verification"), members, strict=True)
    )
    return search, verify


def require_no_guess(counts: PairedCounts, split: Split, chance: float, model: str) -> None:
    """Require a model to predict the images better than guessing.

    Args:
        counts: counts of the model.
        split: the images.
        chance: accuracy that guessing reaches, as a fraction.
        model: name of the model in the message.

    Raises:
        UsageError: if the model is no better than guessing.
    """
    if is_guessing(counts.right, split.labels) or is_no_better_than_chance(
        counts.right, counts.images, chance
    ):
        raise UsageError(
            Message(
                "search-model-guesses",
                f"the {model} predicts {100 * counts.before:.2f} % of the images correctly, which"
                f" is no better than guessing; {ADVICE}",
            )
        )


class Verified(Protocol):
    """The outcome of a search."""

    @property
    def max_drop(self) -> float:
        """Budget in percentage points."""

    @property
    def verification(self) -> PairedCounts:
        """Counts on the images for verification."""

    @property
    def is_refuted(self) -> bool:
        """Whether the whole confidence interval of the verification is beyond the budget."""


def require_budget(result: Verified) -> None:
    """Require that the verification does not refute the search.

    Raises:
        CheckFailedError: if the verification shows, with confidence, a loss beyond the budget.
    """
    if result.is_refuted:
        raise CheckFailedError(
            Message(
                "search-budget-refuted",
                "the images for verification lose"
                f" {-100 * result.verification.change:.2f} points of top-1, more than chance"
                f" explains for a --max-drop of {result.max_drop:g}; nothing was written: search"
                " with more images",
            )
        )
