"""The size at which a network runs, as `--resolution` or a search say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jpegcompile.input_size import InputSize, Size, input_size_of


@dataclass(frozen=True)
class ResolutionPlan:
    """A size, chosen by a search.

    Attributes:
        size: (height, width) at which the network runs.
        evidence: what the search measured (see `jpegcompile.choose_resolution`), with the hash of
            the model, `source_sha256`; compiled files carry it.
    """

    size: Size
    evidence: Mapping[str, Any] | None = None

    def for_source(self, source_sha256: str) -> ResolutionPlan:
        """The plan, without its evidence if that is of another model."""
        if self.evidence is None or self.evidence.get("source_sha256") == source_sha256:
            return self
        return ResolutionPlan(self.size)


Resolution = InputSize | ResolutionPlan


def resolution_of(given: Resolution | None) -> ResolutionPlan | None:
    """The plan, of a size or of itself; None if none is asked for.

    Raises:
        UsageError: if that is no size.
    """
    if isinstance(given, ResolutionPlan):
        return given
    size = input_size_of(given, "--resolution")
    return None if size is None else ResolutionPlan(size)
