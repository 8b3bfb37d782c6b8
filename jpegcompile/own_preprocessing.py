"""Preprocessing in the graph of a source model, which the compiled model's ingest replaces.

photograph -> Resize -> Slice -> network        source model, whose input is a whole photograph
photograph -> ingest -> network                 compiled model
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess


@dataclass(frozen=True)
class OwnPreprocessing:
    """Nodes of a source model that the ingest replaces.

    Attributes:
        nodes: names of the nodes.
        output: tensor of the source model with the preprocessed image.
    """

    nodes: tuple[str, ...]
    output: str

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data for `from_json`."""
        return {"nodes": list(self.nodes), "output": self.output}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OwnPreprocessing:
        """Create a record from the data of `to_json`.

        Raises:
            KeyError, TypeError: if the data is invalid.
        """
        return cls(tuple(map(str, data["nodes"])), str(data["output"]))


def before_own(preprocess: Preprocess) -> Preprocess:
    """Return a preprocessing without the steps that the source model does itself."""
    given = preprocess.geometry
    left = Geometry(orientation=given.orientation, mirror=given.mirror, flip=given.flip)
    return replace(preprocess, geometry=left)
