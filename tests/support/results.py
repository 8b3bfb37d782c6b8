"""Outcomes of the tests of whole networks, for the table in the documentation."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """One network.

    Attributes:
        family: name of the network.
        exporter: that wrote the file.
        lowered: nodes in the jpeg domain.
        kept: nodes that stayed spatial.
        exact: of these, the nodes that a discontinuous operator keeps there.
        error: largest error at an output, as a fraction of its largest magnitude.
        allowed: what the test allows.
        casts: left in the graph.
        casts_allowed: what the test allows.
        seconds: that the compilation took.
    """

    family: str
    exporter: str
    lowered: int
    kept: int
    exact: int
    error: float
    allowed: float
    casts: int
    casts_allowed: int
    seconds: float


class Recorder:
    """Appends outcomes to a file, one JSON object a line; nothing without a file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def add(self, outcome: Outcome) -> None:
        # One write a line: several workers append to the file.
        if self._path is not None:
            with self._path.open("a") as stream:
                stream.write(json.dumps(asdict(outcome)) + "\n")
