"""The size at which a network runs, from `--resolution` or from a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jpegcompile.input_size import InputSize, Size, input_size_of


@dataclass(frozen=True)
class ResolutionPlan:
    """A size at which a network runs.

    Attributes:
        size: (height, width) at which the network runs.
        evidence: measurements of the search that chose the size (see
            `jpegcompile.choose_resolution`), with the hash of the model, `source_sha256`. Compiled
            files store it. None without a search.
    """

    size: Size
    evidence: Mapping[str, Any] | None = None

    def for_source(self, source_sha256: str) -> ResolutionPlan:
        """Return the plan, without its evidence if the evidence belongs to another model."""
        if self.evidence is None or self.evidence.get("source_sha256") == source_sha256:
            return self
        return ResolutionPlan(self.size)


Resolution = InputSize | ResolutionPlan


def resolution_of(given: Resolution | None) -> ResolutionPlan | None:
    """Return the plan for a size or a plan; None for None.

    Raises:
        UsageError: if `given` is not a size.
    """
    if isinstance(given, ResolutionPlan):
        return given
    size = input_size_of(given, "--resolution")
    return None if size is None else ResolutionPlan(size)
