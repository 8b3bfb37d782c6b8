"""The result of `choose_frequencies`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jpegcompile.dct.frequencies import ALL
from jpegcompile.evaluation.stability import Stability
from jpegcompile.frequency_plan import FrequencyPlan
from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.search.interval import CONFIDENCE, PairedCounts


@dataclass(frozen=True)
class FrequencySearch:
    """Result of `choose_frequencies`.

    Attributes:
        plan: frequency plan for `compile`.
        max_drop: budget in percentage points of top-1 accuracy.
        search: counts of the plan and the exact model, on the images for the search.
        verification: counts of the plan and the exact model, on the images for verification.
        masks: mask frequencies of every nonlinearity, for 8x8 tiles.
        kept: kept frequencies of every nonlinearity, for 8x8 tiles.
        skipped: unusable files, with reasons.
        ignored: reason for each ignored folder, by its path.
        stability: effect of rounding on the plan; None if all masks are exact.
        refused: effect of rounding on the first plan that was within the budget but refused as
            chaotic; None if there was none.
        pixel_fallbacks: number of files that used the pixel fallback.
    """

    plan: FrequencyPlan
    max_drop: float
    search: PairedCounts
    verification: PairedCounts
    masks: tuple[int, ...]
    kept: tuple[int, ...]
    skipped: tuple[Skipped, ...] = ()
    ignored: Mapping[str, str] = field(default_factory=dict)
    stability: Stability | None = None
    refused: Stability | None = None
    pixel_fallbacks: int = 0

    @property
    def is_refuted(self) -> bool:
        """Whether the whole confidence interval of the verification is beyond the budget."""
        return self.verification.refutes(self.max_drop)

    @property
    def mean_frequencies(self) -> float:
        """Mean number of mask frequencies."""
        return float(np.mean(self.masks)) if self.masks else float(ALL)

    @property
    def mean_truncate(self) -> float:
        """Mean number of kept frequencies."""
        return float(np.mean(self.kept)) if self.kept else float(ALL)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data, as plans record it. Drops are in percentage points."""
        return {
            "max_drop": self.max_drop,
            "confidence": CONFIDENCE,
            "mean_frequencies": self.mean_frequencies,
            "mean_truncate": self.mean_truncate,
            "search": self.search.to_json(),
            "verification": self.verification.to_json(),
            "stability": None if self.stability is None else self.stability.to_json(),
            "refused_as_chaotic": None if self.refused is None else self.refused.to_json(),
        }
