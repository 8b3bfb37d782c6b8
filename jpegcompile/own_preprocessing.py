"""Preprocessing that a source model does itself, and its compiled model by the ingest.

photograph -> Resize -> Slice -> network        the source, which is fed whole photographs
photograph -> ingest -> network                 the compiled model
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jpegcompile.jpeg.frame import Frame
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.steps import Size

# EXIF orientations from this one on exchange rows and columns.
_EXCHANGED = 5


@dataclass(frozen=True)
class OwnPreprocessing:
    """Nodes of a source model whose work the ingest does.

    Attributes:
        nodes: their names.
        output: tensor of the source that stands for the image behind them.
    """

    nodes: tuple[str, ...]
    output: str

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data that `from_json` reads back."""
        return {"nodes": list(self.nodes), "output": self.output}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OwnPreprocessing:
        """What `to_json` gave.

        Raises:
            KeyError, TypeError: if the data is something else.
        """
        return cls(tuple(map(str, data["nodes"])), str(data["output"]))


def before_own(preprocess: Preprocess) -> Preprocess:
    """What is left of a preprocessing without the work of the model's nodes."""
    given = preprocess.geometry
    left = Geometry(orientation=given.orientation, mirror=given.mirror, flip=given.flip)
    return replace(preprocess, geometry=left)


def fed_whole(
    preprocess: Preprocess, taken: NetworkInput, frame: Frame
) -> tuple[Preprocess, NetworkInput]:
    """How a source with preprocessing of its own is fed an image: at the size that it has.

    Args:
        preprocess: of the compiled model.
        taken: its image input.
        frame: of the image's file.
    """
    height, width = _displayed(frame, preprocess.geometry)
    return before_own(preprocess), replace(taken, height=height, width=width)


def _displayed(frame: Frame, geometry: Geometry) -> Size:
    is_exchanged = geometry.orientation and frame.orientation >= _EXCHANGED
    return frame.size[::-1] if is_exchanged else frame.size
