"""Let the ingest do the preprocessing that stands in a source model, and the network begin behind.

`preprocessing/onnx_graph.py` reads the nodes. They are taken out where the model leaves the size of
its image open, so that its compiled model takes files of any size as well. A model for images of
one size stays as it is, and so does one whose size the user gives.
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
from jpegcompile.frontend.walk import quoted
from jpegcompile.input_size import Size, size_text
from jpegcompile.own_preprocessing import OwnPreprocessing
from jpegcompile.preprocessing.geometry import Geometry, geometry_json
from jpegcompile.preprocessing.onnx_graph import GraphHead, read_head
from jpegcompile.preprocessing.onnx_removal import remove_head
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import for_network
from jpegcompile.report import Report


@dataclass(frozen=True)
class Behind:
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


def behind_own_preprocessing(
    source: Source,
    image_input: str | None,
    input_size: Size | None,
    preprocess: Preprocess | None,
) -> Behind:
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
        return Behind(source, preprocess, note=_fixed_note(source, image))
    head = read_head(source.model, image.name, image.layout, _affine(preprocess, image.channels))
    if input_size is not None:
        return Behind(source, preprocess, note=_given_note(source, head))
    if head.geometry is None or head.size is None:
        if head.stopped_by is None:
            return Behind(source, preprocess)
        raise UnsupportedModelError(
            f"{source.name}: input '{image.name}' leaves its height or width open"
            f" ({size_text(image.size)}), and the size follows from no preprocessing in the model:"
            f" {head.stopped_by}; give it with --input-size HEIGHTxWIDTH"
        )
    whole = None
    if preprocess is not None:
        fitting = for_network(preprocess, head.size)
        _require_one(source, head, fitting)
        whole = replace(fitting, geometry=_composed(fitting.geometry, head.geometry))
    own = OwnPreprocessing(head.nodes, head.output)
    return Behind(_without(source, image, head), whole, own, _note(source, head))


def _affine(preprocess: Preprocess | None, channels: int) -> ChannelAffine | None:
    """From pixels to the input; None also where the numbers are of other channels."""
    if preprocess is None or {len(preprocess.mean), len(preprocess.std)} - {1, channels}:
        return None
    return preprocess.affine(channels)


def _require_one(source: Source, head: GraphHead, given: Preprocess) -> None:
    """Refuse what resizes images before the model does, and integers, which the model does not."""
    nodes = _named(source.model, head)
    if given.geometry.takes_any_size or given.geometry.views != "one":
        raise UsageError(
            f"{source.name}: the model resizes images itself ({nodes}), and --preprocess has"
            ' "resize", "crop" or "views" as well; leave these out (imagenet-unresized has none),'
            " or give --input-size HEIGHTxWIDTH for what the model's nodes are to resize"
        )
    if given.decoder != "float":
        raise UsageError(
            f"{source.name}: the model resizes real numbers itself ({nodes}), and --decoder"
            f" {given.decoder} 8-bit integers as Pillow does; use --decoder float, or give"
            " --input-size HEIGHTxWIDTH to leave the nodes in the network"
        )


def _composed(given: Geometry, own: Geometry) -> Geometry:
    """Both in one: an image that is mirrored and then resized is one that is mirrored after it."""
    return replace(own, orientation=given.orientation, mirror=given.mirror != given.flip)


def _without(source: Source, image: DeclaredImage, head: GraphHead) -> Source:
    model = onnx.ModelProto()
    model.CopyFrom(source.model)
    remove_head(model, image.name, image.layout, head)
    infer_declarations(model, source.name)
    return replace(source, model=model)


def _named(model: onnx.ModelProto, head: GraphHead) -> str:
    nodes = [node for node in model.graph.node if node.name in head.steps]
    return ", ".join(f"{node.op_type} {quoted(node.name)}" for node in nodes)


def _note(source: Source, head: GraphHead) -> str:
    assert head.geometry is not None
    assert head.size is not None
    rest = "" if head.stopped_by is None else f"; the rest stays: {head.stopped_by}"
    return (
        f"the ingest does what stands in the model ({_named(source.model, head)}), and the network"
        f" takes {size_text(head.size)}: {json.dumps(geometry_json(head.geometry))}{rest}"
    )


def _fixed_note(source: Source, image: DeclaredImage) -> str | None:
    head = read_head(source.model, image.name, image.layout)
    if head.geometry is None:
        return None
    return (
        f"{_named(source.model, head)} stay in the network, which is for images of"
        f" {size_text(image.size)}; export the model with open height and width for files of any"
        " size"
    )


def _given_note(source: Source, head: GraphHead) -> str | None:
    if head.geometry is None:
        return None if head.stopped_by is None else f"stays in the network: {head.stopped_by}"
    return (
        f"{_named(source.model, head)} stay in the network; leave --input-size out for files of any"
        " size"
    )
