"""Move the preprocessing nodes of a source model into the ingest.

`read_nodes.py` reads the nodes. They are removed only if the model has a dynamic image size, so
that its compiled model accepts files of any size too. A model stays unchanged if its image size is
fixed, or if the user specifies the size.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import onnx

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.frontend.declarations import infer_declarations
from jpegcompile.frontend.image import DeclaredImage, declared_image
from jpegcompile.frontend.load import Source
from jpegcompile.frontend.preprocessing_nodes.read_nodes import (
    PreprocessingNodes,
    read_preprocessing_nodes,
)
from jpegcompile.frontend.preprocessing_nodes.remove_nodes import remove_preprocessing_nodes
from jpegcompile.frontend.walk import quoted
from jpegcompile.input_size import Size, size_text
from jpegcompile.messages import Message
from jpegcompile.own_preprocessing import OwnPreprocessing
from jpegcompile.preprocessing.fields import geometry_json
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import for_network
from jpegcompile.report import Report


@dataclass(frozen=True)
class Extraction:
    """A source model after its preprocessing nodes were moved into the ingest.

    Attributes:
        source: the model without the moved nodes.
        preprocess: the given preprocessing, including the work of the moved nodes.
        own: the moved nodes; None if all nodes stay in the model.
        note: message for the user; None if the model has no preprocessing nodes.
    """

    source: Source
    preprocess: Preprocess | None
    own: OwnPreprocessing | None = None
    note: Message | None = None

    def note_in(self, report: Report) -> None:
        """Record the moved nodes and the note in a report."""
        report.own_preprocessing = self.own
        if self.note is not None:
            report.note(self.note)


def extract_preprocessing(
    source: Source,
    image_input: str | None,
    input_size: Size | None,
    preprocess: Preprocess | None,
) -> Extraction:
    """Move the preprocessing nodes that the ingest can compute out of a model.

    Args:
        source: the model, which is not changed.
        image_input: name of its image input; None if only one input can be the image.
        input_size: height and width that the user specifies; the model then stays unchanged. None
            if not specified.
        preprocess: preprocessing from pixels to the model's input; None if none is given.

    Raises:
        UnsupportedModelError: if the model has a dynamic image size and preprocessing nodes that
            cannot be read; or for the reasons of `declared_image`.
        UsageError: if the given preprocessing conflicts with the preprocessing nodes.
    """
    image = declared_image(source.model, image_input, source.name)
    if not image.has_dynamic_size:
        return Extraction(source, preprocess, note=_fixed_note(source, image))
    found = read_preprocessing_nodes(
        source.model, image.name, image.layout, _affine(preprocess, image.channels)
    )
    if input_size is not None:
        return Extraction(source, preprocess, note=_given_note(source, found))
    if found.geometry is None or found.size is None:
        if found.stopped_by is None:
            return Extraction(source, preprocess)
        raise UnsupportedModelError(
            Message(
                found.stopped_by.reason.code,
                f"{source.name}: input '{image.name}' has a dynamic height or width"
                f" ({size_text(image.size)}), and the preprocessing nodes of the model do not fix"
                f" it: {found.stopped_by}; set it with --input-size HEIGHTxWIDTH",
            )
        )
    whole = None
    if preprocess is not None:
        fitting = for_network(preprocess, found.size)
        _require_one(source, found, fitting)
        whole = replace(fitting, geometry=_composed(fitting.geometry, found.geometry))
    own = OwnPreprocessing(found.nodes, found.output)
    return Extraction(_without(source, image, found), whole, own, _note(source, found))


def _affine(preprocess: Preprocess | None, channels: int) -> ChannelAffine | None:
    """Return the function from pixels to the input; None if its channel count does not match."""
    if preprocess is None or {len(preprocess.mean), len(preprocess.std)} - {1, channels}:
        return None
    return preprocess.affine(channels)


def _require_one(source: Source, found: PreprocessingNodes, given: Preprocess) -> None:
    """Refuse a second resize, and integer decodes, in addition to the model's own nodes."""
    nodes = _named(source.model, found)
    # Views always have a crop.
    if given.geometry.takes_any_size:
        raise UsageError(
            Message(
                "preprocess-resizes-twice",
                f"{source.name}: the model resizes images itself ({nodes}), and --preprocess also"
                ' has "resize", "crop" or "views"; remove these from --preprocess'
                " (imagenet-unresized has none), or set the size of the model's input images"
                " with --input-size HEIGHTxWIDTH",
            )
        )
    if given.decoder != "float":
        raise UsageError(
            Message(
                "preprocess-decoder-integer",
                f"{source.name}: the model resizes floating-point pixels itself ({nodes}), but"
                f" --decoder {given.decoder} returns 8-bit integers for Pillow to resize; use"
                " --decoder float, or give --input-size HEIGHTxWIDTH to keep the nodes in the"
                " network",
            )
        )


def _composed(given: Geometry, own: Geometry) -> Geometry:
    """Combine both geometries: mirroring before a resize equals mirroring after it."""
    return replace(own, orientation=given.orientation, mirror=given.mirror != given.flip)


def _without(source: Source, image: DeclaredImage, found: PreprocessingNodes) -> Source:
    model = onnx.ModelProto()
    model.CopyFrom(source.model)
    remove_preprocessing_nodes(model, image.name, image.layout, found)
    infer_declarations(model, source.name)
    return replace(source, model=model)


def _named(model: onnx.ModelProto, found: PreprocessingNodes) -> str:
    nodes = [node for node in model.graph.node if node.name in found.image_nodes]
    return ", ".join(f"{node.op_type} {quoted(node.name)}" for node in nodes)


def _note(source: Source, found: PreprocessingNodes) -> Message:
    assert found.geometry is not None
    assert found.size is not None
    rest = "" if found.stopped_by is None else f"; later nodes stay: {found.stopped_by}"
    return Message(
        "preprocessing-nodes-in-ingest",
        f"the ingest computes preprocessing nodes of the model ({_named(source.model, found)}), and"
        f" the network input is {size_text(found.size)}:"
        f" {json.dumps(geometry_json(found.geometry))}{rest}",
    )


def _fixed_note(source: Source, image: DeclaredImage) -> Message | None:
    found = read_preprocessing_nodes(source.model, image.name, image.layout)
    if found.geometry is None:
        return None
    size = ""
    if all(isinstance(side, int) for side in image.size):
        size = f" and accepts images of {size_text(image.size)} only"
    return Message(
        "preprocessing-nodes-kept-fixed-size",
        f"{_kept(source, found)}{size}; to read files of any size, export the model with dynamic"
        " height and width",
    )


def _given_note(source: Source, found: PreprocessingNodes) -> Message | None:
    if found.geometry is not None:
        return Message(
            "preprocessing-nodes-kept-input-size",
            f"{_kept(source, found)}; omit --input-size to read files of any size",
        )
    stop = found.stopped_by
    if stop is None:
        return None
    return Message(stop.reason.code, f"the network keeps {stop.node} ({stop.reason})")


def _kept(source: Source, found: PreprocessingNodes) -> str:
    return f"the network keeps {_named(source.model, found)}"
