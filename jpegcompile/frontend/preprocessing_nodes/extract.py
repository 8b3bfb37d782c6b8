"""Move the preprocessing nodes of a source model into the ingest.

`read_nodes.py` reads the nodes. They are removed only if the model has a dynamic image size, so
that its compiled model accepts files of any size too. A model with a fixed image size stays as it
is, and so does a model whose size the user gives.
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
from jpegcompile.own_preprocessing import OwnPreprocessing
from jpegcompile.preprocessing.fields import geometry_json
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import for_network
from jpegcompile.report import Report


@dataclass(frozen=True)
class Extraction:
    """A source model behind its own preprocessing.

    Attributes:
        source: without the nodes whose work the ingest does.
        preprocess: with that work.
        own: these nodes; None where all stay.
        note: what the user should know; None where the model has no preprocessing.
    """

    source: Source
    preprocess: Preprocess | None
    own: OwnPreprocessing | None = None
    note: str | None = None

    def note_in(self, report: Report) -> None:
        """Say what was done."""
        report.own_preprocessing = self.own
        if self.note is not None:
            report.note(self.note)


def extract_preprocessing(
    source: Source,
    image_input: str | None,
    input_size: Size | None,
    preprocess: Preprocess | None,
) -> Extraction:
    """A model that is to take files, without the preprocessing that the ingest can do.

    Args:
        source: stays as it is.
        image_input: name of its image input; None if no other could be the image.
        input_size: height and width that the user gives; with them the model stays as it is.
        preprocess: from pixels to the source's input; None if none is given.

    Raises:
        UnsupportedModelError: if the model leaves the size open, and has preprocessing that cannot
            be read; or as `declared_image`.
        UsageError: if the given preprocessing does not go with that of the model.
    """
    image = declared_image(source.model, image_input, source.name)
    if not image.is_open:
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
            f"{source.name}: input '{image.name}' leaves its height or width open"
            f" ({size_text(image.size)}), and the size follows from no preprocessing in the model:"
            f" {found.stopped_by}; give it with --input-size HEIGHTxWIDTH"
        )
    whole = None
    if preprocess is not None:
        fitting = for_network(preprocess, found.size)
        _require_one(source, found, fitting)
        whole = replace(fitting, geometry=_composed(fitting.geometry, found.geometry))
    own = OwnPreprocessing(found.nodes, found.output)
    return Extraction(_without(source, image, found), whole, own, _note(source, found))


def _affine(preprocess: Preprocess | None, channels: int) -> ChannelAffine | None:
    """From pixels to the input; None also where the numbers are of other channels."""
    if preprocess is None or {len(preprocess.mean), len(preprocess.std)} - {1, channels}:
        return None
    return preprocess.affine(channels)


def _require_one(source: Source, found: PreprocessingNodes, given: Preprocess) -> None:
    """Refuse what resizes images before the model does, and integers, which the model does not."""
    nodes = _named(source.model, found)
    # Views always have a crop.
    if given.geometry.takes_any_size:
        raise UsageError(
            f"{source.name}: the model resizes images itself ({nodes}), and --preprocess has"
            ' "resize", "crop" or "views" as well; leave these out (imagenet-unresized has none),'
            " or give --input-size HEIGHTxWIDTH for what the model's nodes are to resize"
        )
    if given.decoder != "float":
        raise UsageError(
            f"{source.name}: the model resizes real numbers itself ({nodes}), and --decoder"
            f" {given.decoder} makes 8-bit integers, which Pillow resizes; use --decoder float, or"
            " give --input-size HEIGHTxWIDTH to leave the nodes in the network"
        )


def _composed(given: Geometry, own: Geometry) -> Geometry:
    """Both in one: an image that is mirrored and then resized is one that is mirrored after it."""
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


def _note(source: Source, found: PreprocessingNodes) -> str:
    assert found.geometry is not None
    assert found.size is not None
    rest = "" if found.stopped_by is None else f"; the rest stays: {found.stopped_by}"
    return (
        f"the ingest does what stands in the model ({_named(source.model, found)}), and the network"
        f" takes {size_text(found.size)}: {json.dumps(geometry_json(found.geometry))}{rest}"
    )


def _fixed_note(source: Source, image: DeclaredImage) -> str | None:
    found = read_preprocessing_nodes(source.model, image.name, image.layout)
    if found.geometry is None:
        return None
    of_size = ""
    if all(isinstance(side, int) for side in image.size):
        of_size = f", and is for images of {size_text(image.size)}"
    return (
        f"{_kept(source, found)}{of_size}; export the model with open height and width for files of"
        " any size"
    )


def _given_note(source: Source, found: PreprocessingNodes) -> str | None:
    if found.geometry is not None:
        return f"{_kept(source, found)}; leave --input-size out for files of any size"
    stop = found.stopped_by
    return None if stop is None else f"the network keeps {stop.node} ({stop.reason})"


def _kept(source: Source, found: PreprocessingNodes) -> str:
    return f"the network keeps {_named(source.model, found)}"
