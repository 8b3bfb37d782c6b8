"""Preprocessing that a model does itself: Cast, Resize, Slice, Pad at the head of its graph.

image -> Cast -> Resize(sizes) -> Slice -> Div -> Sub -> network
    =>  image' -> Cast -> Div -> Sub -> network,    image' = crop(resize(image)) by the ingest

Exact: the arithmetic is one number for each channel, and weights of a resize sum to 1, so that the
steps may change places. What is filled has to come before the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.frontend.walk import all_nodes
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.onnx_constants import SmallConstants
from jpegcompile.preprocessing.onnx_resize import Constants, Dim, NotReadError, filter_of, sizes_of
from jpegcompile.preprocessing.steps import Crop, Resize, Size

# Axes of height and width.
SPATIAL = {"NCHW": (2, 3), "NHWC": (1, 2)}
_TURNS = {("NHWC", (0, 3, 1, 2)): "NCHW", ("NCHW", (0, 2, 3, 1)): "NHWC"}
_WINDOWS = ("Slice", "Pad")
_ARITHMETIC = ("Add", "Sub", "Mul", "Div")
# They may read images without a batch, as others may not.
_OF_BATCHES = ("Resize", *_WINDOWS)
_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)


@dataclass(frozen=True)
class GraphHead:
    """What the nodes behind an image input do to an image of any size.

    Attributes:
        geometry: all of it; None where there is no such node.
        size: (height, width) behind the nodes; None as for `geometry`.
        nodes: names of the nodes that `geometry` stands for, those that make sizes included.
        steps: names of those that images go through, in order.
        output: tensor that the last one of these makes; empty where there is none.
        stopped_by: the node that looks like preprocessing but is not understood, and why; None
            where there is none.
    """

    geometry: Geometry | None = None
    size: Size | None = None
    nodes: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    output: str = ""
    stopped_by: str | None = None


@dataclass
class _Walk:
    """Where a walk from the image is.

    Attributes:
        shape: of the tensor, that of a batch of one where it has none.
        is_single: whether it has no batch.
    """

    shape: list[Dim]
    model: onnx.ModelProto
    layout: str
    constants: Constants
    is_float: bool
    affine: ChannelAffine | None
    is_single: bool = False
    seen: dict[str, list[Dim]] = field(default_factory=dict)
    asides: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    output: str = ""
    resize: Resize | None = None
    size: Size = (0, 0)
    start: tuple[int, int] | None = None
    fill: tuple[float, ...] | None = None
    is_scaled: bool = False

    @property
    def spatial(self) -> tuple[int, int]:
        return SPATIAL[self.layout]


def read_head(
    model: onnx.ModelProto, image: str, layout: str, affine: ChannelAffine | None = None
) -> GraphHead:
    """The preprocessing at the head of a graph.

    Args:
        model: with named nodes, as `frontend.load` makes them.
        image: name of the input, of four dimensions.
        layout: of the input, "NCHW" or "NHWC".
        affine: from pixels on the 0..255 scale to the input; None if they are the same.
    """
    value = next(value for value in model.graph.input if value.name == image)
    dims = value.type.tensor_type.shape.dim
    walk = _Walk(
        [dim.dim_value or dim.dim_param or f"?{axis}" for axis, dim in enumerate(dims)],
        model,
        layout,
        SmallConstants(model),
        value.type.tensor_type.elem_type in _FLOATS,
        affine,
    )
    stopped_by = None
    while (node := _next(walk, image)) is not None:
        if walk.resize is None:
            shape = [None if axis in walk.spatial else dim for axis, dim in enumerate(walk.shape)]
            walk.seen[image] = shape[1:] if walk.is_single else shape
        try:
            if walk.is_single and node.op_type in _OF_BATCHES:
                raise NotReadError("it reads an image without a batch")
            _STEPS[node.op_type](node, walk)
        except NotReadError as reason:
            # Before a resize, others may be the network's own.
            if walk.resize is not None or node.op_type in ("Resize", "Cast"):
                stopped_by = f"{node.op_type} '{node.name}': {reason}"
            break
        image = node.output[0]
    if walk.resize is None:
        return GraphHead(stopped_by=stopped_by)
    crop = None if walk.start is None else Crop(walk.start, size=walk.size)
    geometry = Geometry(walk.resize, crop, fill=walk.fill or (0.0,))
    nodes = (*walk.asides, *walk.steps)
    return GraphHead(geometry, walk.size, nodes, tuple(walk.steps), walk.output, stopped_by)


def _next(walk: _Walk, tensor: str) -> onnx.NodeProto | None:
    """The step that alone reads a tensor; None if others do, too, or it is no step.

    Before a resize, its shape may be read as well: `_asides` sees what for.
    """
    graph = walk.model.graph
    readers = [node for node in all_nodes(graph) if tensor in node.input]
    if walk.resize is None:
        readers = [node for node in readers if node.op_type != "Shape"]
    is_output = any(output.name == tensor for output in graph.output)
    if is_output or len(readers) != 1 or readers[0].op_type not in _STEPS:
        return None
    # What parts of an image take depends on its size until it is resized.
    is_early = walk.resize is None and readers[0].op_type in _WINDOWS
    is_nested = readers[0] not in graph.node
    return None if is_early or is_nested else readers[0]


def _asides(walk: _Walk, reader: onnx.NodeProto) -> list[onnx.NodeProto]:
    """What makes other inputs of a node of the image's shape, in order.

    Raises:
        NotReadError: if other nodes read that shape, too.
    """
    graph = walk.model.graph
    found: list[onnx.NodeProto] = []
    made: set[str] = set()
    for node in all_nodes(graph):
        is_shape = node.op_type == "Shape" and node.input[0] in walk.seen
        if node.name == reader.name or not (is_shape or made & set(node.input)):
            continue
        reads_others = any(
            name not in made and name not in walk.constants for name in node.input if name
        )
        if (reads_others and not is_shape) or node not in graph.node:
            raise NotReadError(f"{node.op_type} '{node.name}' reads the image's shape as well")
        found.append(node)
        made |= set(node.output)
    if any(output.name in made for output in graph.output):
        raise NotReadError("the image's shape is an output as well")
    return found


def _cast(node: onnx.NodeProto, walk: _Walk) -> None:
    to = next(attribute.i for attribute in node.attribute if attribute.name == "to")
    if to not in _FLOATS and walk.is_float:
        raise NotReadError("it rounds to integers")
    walk.is_float = to in _FLOATS


def _identity(node: onnx.NodeProto, walk: _Walk) -> None:
    """Nothing."""


def _squeeze(node: onnx.NodeProto, walk: _Walk) -> None:
    """Of the batch alone; so `frontend.load` spells an image without one."""
    if walk.is_single or _axes_of(node, walk) != [0]:
        raise NotReadError("it takes away something else than the batch")
    walk.is_single = True


def _unsqueeze(node: onnx.NodeProto, walk: _Walk) -> None:
    if not walk.is_single or _axes_of(node, walk) != [0]:
        raise NotReadError("it adds something else than a batch")
    walk.is_single = False


def _axes_of(node: onnx.NodeProto, walk: _Walk) -> list[int]:
    """Axes of a Squeeze or Unsqueeze; before opset 13 they are an attribute."""
    if len(node.input) > 1:
        return [int(axis) for axis in np.ravel(walk.constants.get(node.input[1], ()))]
    return [axis for attribute in node.attribute for axis in attribute.ints]


def _transpose(node: onnx.NodeProto, walk: _Walk) -> None:
    given = tuple(helper.get_attribute_value(node.attribute[0])) if node.attribute else ()
    order = (0, *(axis + 1 for axis in given)) if walk.is_single else given
    turned = _TURNS.get((walk.layout, order))
    if turned is None:
        raise NotReadError(
            f"its perm {list(given)} does not bring {walk.layout} to the other layout"
        )
    walk.layout, walk.shape = turned, [walk.shape[axis] for axis in order]


def _arithmetic(node: onnx.NodeProto, walk: _Walk) -> None:
    """One number for each channel, which stays in the graph."""
    constant = next((walk.constants[name] for name in node.input if name in walk.constants), None)
    if constant is None or constant.ndim > (3 if walk.is_single else 4):
        raise NotReadError("it is no arithmetic with a constant")
    shape = (1,) * (4 - constant.ndim) + constant.shape
    if any(shape[axis] != 1 for axis in (0, *walk.spatial)):
        raise NotReadError("its constant is not one number for each channel")
    walk.is_scaled = True


def _resize(node: onnx.NodeProto, walk: _Walk) -> None:
    if walk.resize is not None:
        raise NotReadError("it comes behind another Resize")
    if not walk.is_float:
        raise NotReadError("it resizes integers, and rounds")
    asides = _asides(walk, node)
    size = sizes_of(node, asides, walk.seen, walk.constants, walk.spatial)
    resize = Resize("exact", size, filter=filter_of(node))
    _see(node, walk, size, None)
    walk.resize = resize
    walk.asides = [aside.name for aside in asides]


def _slice(node: onnx.NodeProto, walk: _Walk) -> None:
    values = [walk.constants.get(name) for name in node.input[1:] if name]
    bounds = [[int(v) for v in np.ravel(value)] for value in values if value is not None]
    if len(bounds) < 2 or len(bounds) != len(values):
        raise NotReadError("its bounds are no constants")
    starts, ends, *rest = bounds
    axes = [axis % 4 for axis in (rest[0] if rest else range(len(starts)))]
    if len(rest) > 1 and set(rest[1]) != {1}:
        raise NotReadError("it has steps other than 1")
    if not set(axes) <= set(walk.spatial):
        raise NotReadError("it takes a part of the batch or the channels")
    kept = [range(side) for side in walk.size]
    for begin, end, axis in zip(starts, ends, axes, strict=True):
        place = walk.spatial.index(axis)
        kept[place] = kept[place][begin:end]
    rows, columns = kept
    top, left = walk.start or (0, 0)
    _see(node, walk, (len(rows), len(columns)), (top + rows.start, left + columns.start))


def _pad(node: onnx.NodeProto, walk: _Walk) -> None:
    mode = next((a.s for a in node.attribute if a.name == "mode"), b"constant")
    pads, value, axes = (
        walk.constants.get(name) if name else default
        for name, default in zip(
            [*node.input[1:], "", ""], (None, np.zeros(1), np.arange(4)), strict=False
        )
    )
    if mode != b"constant" or pads is None or value is None or axes is None:
        raise NotReadError("it does not pad by constant pads with a constant")
    if walk.is_scaled or walk.start is not None:
        raise NotReadError("it fills behind arithmetic, a Slice or another Pad")
    fill = _fill_of(float(np.ravel(value)[0]), walk.affine)
    count = len(axes)
    padded = {int(a) % 4: (int(pads[n]), int(pads[count + n])) for n, a in enumerate(axes)}
    if any(padded[axis] != (0, 0) for axis in set(padded) - set(walk.spatial)):
        raise NotReadError("it pads the batch or the channels")
    (above, below), (before, after) = (padded.get(axis, (0, 0)) for axis in walk.spatial)
    size = (walk.size[0] + above + below, walk.size[1] + before + after)
    _see(node, walk, size, (-above, -before))
    walk.fill = fill


def _fill_of(value: float, affine: ChannelAffine | None) -> tuple[float, ...]:
    """The pixel, a value for each channel or one for all, of which the input is `value`."""
    pixels: tuple[float, ...] = (value,)
    if affine is not None:
        pixels = tuple(float(v) for v in (value - affine.shift) / affine.scale)
    outside = next((pixel for pixel in pixels if not 0 <= pixel <= 255), None)
    if outside is not None:
        raise NotReadError(f"it fills with {outside:g}, which is outside of 0..255")
    return pixels[:1] if len(set(pixels)) == 1 else pixels


def _see(node: onnx.NodeProto, walk: _Walk, size: Size, start: tuple[int, int] | None) -> None:
    """Go on with the part of the resized image that a node gives, and without the node."""
    if min(size) < 1:
        raise NotReadError("it leaves nothing")
    walk.steps.append(node.name)
    walk.output = node.output[0]
    walk.size, walk.start = size, start
    for axis, side in zip(walk.spatial, size, strict=True):
        walk.shape[axis] = side


_STEPS: Mapping[str, Callable[[onnx.NodeProto, _Walk], None]] = {
    "Cast": _cast,
    "Identity": _identity,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Resize": _resize,
    "Slice": _slice,
    "Pad": _pad,
    **dict.fromkeys(_ARITHMETIC, _arithmetic),
}
