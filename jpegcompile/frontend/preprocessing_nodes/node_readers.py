"""Read what each preprocessing node does to an image.

`READERS` has a function for each operator. A function updates a `Walk` or raises `NotReadError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.frontend.preprocessing_nodes.resize_node import (
    Constants,
    Dim,
    NotReadError,
    filter_of,
    sizes_of,
)
from jpegcompile.frontend.walk import END_OF_AXIS, all_nodes
from jpegcompile.messages import Message
from jpegcompile.preprocessing.steps import Resize, Size

# Axes of height and width.
SPATIAL_AXES = {"NCHW": (2, 3), "NHWC": (1, 2)}
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
# These operators select parts of an image.
SLICE_AND_PAD = ("Slice", "Pad")
# These operators are read only if the image has a batch dimension.
NEED_BATCH = ("Resize", *SLICE_AND_PAD)
_TURNS = {("NHWC", (0, 3, 1, 2)): "NCHW", ("NCHW", (0, 2, 3, 1)): "NHWC"}
_ARITHMETIC = ("Add", "Sub", "Mul", "Div")


@dataclass
class Walk:
    """State of a walk along the nodes from the image input.

    Attributes:
        shape: shape of the current tensor, with a batch of one if it has no batch.
        model: the model; its graph is not changed.
        layout: layout of the current tensor, "NCHW" or "NHWC".
        constants: values of constant tensors.
        is_float: whether the current tensor has a floating-point type.
        affine: function from pixels on the 0..255 scale to the image input; None for the identity.
        is_single: whether the current tensor has no batch.
        seen: shapes of the tensors before the Resize, where height and width are None.
        size_nodes: names of the nodes that compute the sizes of the Resize.
        image_nodes: names of the nodes that the ingest computes, in order.
        output: output of the last of `image_nodes`; empty if there is none.
        resize: the Resize; None before it.
        size: (height, width) after the last of `image_nodes`.
        start: top left corner within the resized image; None before a Slice or Pad.
        fill: pixel value of a Pad; None before it.
        is_scaled: whether arithmetic was read.
    """

    shape: list[Dim]
    model: onnx.ModelProto
    layout: str
    constants: Constants
    is_float: bool
    affine: ChannelAffine | None
    is_single: bool = False
    seen: dict[str, list[Dim]] = field(default_factory=dict)
    size_nodes: list[str] = field(default_factory=list)
    image_nodes: list[str] = field(default_factory=list)
    output: str = ""
    resize: Resize | None = None
    size: Size = (0, 0)
    start: tuple[int, int] | None = None
    fill: tuple[float, ...] | None = None
    is_scaled: bool = False

    @property
    def spatial(self) -> tuple[int, int]:
        """Axes of height and width."""
        return SPATIAL_AXES[self.layout]


def _size_nodes(walk: Walk, reader: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return the nodes that compute other inputs of `reader` from the image's shape, in order.

    Raises:
        NotReadError: if other nodes also read the image's shape.
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
            raise NotReadError(
                Message(
                    "image-shape-read-elsewhere",
                    f"{node.op_type} '{node.name}' also reads the image's shape",
                )
            )
        found.append(node)
        made |= set(node.output)
    if any(output.name in made for output in graph.output):
        raise NotReadError(
            Message("image-shape-is-output", "the image's shape is also an output of the model")
        )
    return found


def _cast(node: onnx.NodeProto, walk: Walk) -> None:
    to = next(attribute.i for attribute in node.attribute if attribute.name == "to")
    if to not in FLOATS and walk.is_float:
        raise NotReadError(Message("cast-to-integers", "it rounds to integers"))
    walk.is_float = to in FLOATS


def _identity(node: onnx.NodeProto, walk: Walk) -> None:
    """Change nothing."""


def _squeeze(node: onnx.NodeProto, walk: Walk) -> None:
    """Read a Squeeze of the batch, which `frontend.load` inserts for an image without a batch."""
    if walk.is_single or _axes_of(node, walk) != [0]:
        raise NotReadError(Message("squeeze-not-batch", "it removes an axis other than the batch"))
    walk.is_single = True


def _unsqueeze(node: onnx.NodeProto, walk: Walk) -> None:
    if not walk.is_single or _axes_of(node, walk) != [0]:
        raise NotReadError(Message("unsqueeze-not-batch", "it adds an axis other than the batch"))
    walk.is_single = False


def _axes_of(node: onnx.NodeProto, walk: Walk) -> list[int]:
    """Return the axes of a Squeeze or Unsqueeze. Before opset 13 they are an attribute."""
    if len(node.input) > 1:
        return [int(axis) for axis in np.ravel(walk.constants.get(node.input[1], ()))]
    return [axis for attribute in node.attribute for axis in attribute.ints]


def _transpose(node: onnx.NodeProto, walk: Walk) -> None:
    given = tuple(helper.get_attribute_value(node.attribute[0])) if node.attribute else ()
    order = (0, *(axis + 1 for axis in given)) if walk.is_single else given
    turned = _TURNS.get((walk.layout, order))
    if turned is None:
        raise NotReadError(
            Message(
                "transpose-not-layout",
                f"its perm {list(given)} does not convert {walk.layout} to the other layout",
            )
        )
    walk.layout, walk.shape = turned, [walk.shape[axis] for axis in order]


def _arithmetic(node: onnx.NodeProto, walk: Walk) -> None:
    """Read arithmetic with one number for each channel, which stays in the graph."""
    constant = next((walk.constants[name] for name in node.input if name in walk.constants), None)
    if constant is None or constant.ndim > (3 if walk.is_single else 4):
        raise NotReadError(
            Message("arithmetic-not-constant", "it is not arithmetic with a constant")
        )
    shape = (1,) * (4 - constant.ndim) + constant.shape
    if any(shape[axis] != 1 for axis in (0, *walk.spatial)):
        raise NotReadError(
            Message("arithmetic-not-per-channel", "its constant is not one number for each channel")
        )
    if walk.resize is None and node.op_type == "Div" and node.input[0] in walk.constants:
        raise NotReadError(
            Message(
                "division-by-image",
                "it divides a constant by the image, which does not commute with a Resize",
            )
        )
    walk.is_scaled = True


def _resize(node: onnx.NodeProto, walk: Walk) -> None:
    if walk.resize is not None:
        raise NotReadError(Message("resize-twice", "it follows another Resize"))
    if not walk.is_float:
        raise NotReadError(Message("resize-integers", "it resizes integers and rounds the result"))
    size_nodes = _size_nodes(walk, node)
    size = sizes_of(node, size_nodes, walk.seen, walk.constants, walk.spatial)
    resize = Resize("exact", size, filter=filter_of(node))
    _record(node, walk, size, None)
    walk.resize = resize
    walk.size_nodes = [each.name for each in size_nodes]


def _slice(node: onnx.NodeProto, walk: Walk) -> None:
    kept = [range(side) for side in walk.size]
    for begin, end, axis in _bounds(node, walk):
        if axis in walk.spatial:
            place = walk.spatial.index(axis)
            kept[place] = kept[place][begin:end]
        elif not _is_whole(begin, end, walk.shape[axis]):
            raise NotReadError(
                Message(
                    "slice-batch-or-channels", "it selects part of the batch or of the channels"
                )
            )
    rows, columns = kept
    top, left = walk.start or (0, 0)
    _record(node, walk, (len(rows), len(columns)), (top + rows.start, left + columns.start))


def _bounds(node: onnx.NodeProto, walk: Walk) -> list[tuple[int, int, int]]:
    """Return (begin, end, axis) for each axis of a Slice."""
    names = [*node.input[1:], *[""] * 4][:4]
    given = [np.ravel(walk.constants.get(name, ())).tolist() for name in names]
    if any(name and name not in walk.constants for name in names) or not names[1]:
        raise NotReadError(Message("slice-bounds-computed", "its bounds are not constants"))
    starts, ends, axes, steps = given
    if set(steps) - {1}:
        raise NotReadError(Message("slice-steps", "it has steps other than 1"))
    named = [axis % 4 for axis in axes] if names[2] else range(len(starts))
    return list(zip(starts, ends, named, strict=True))


def _is_whole(begin: int, end: int, side: Dim) -> bool:
    if isinstance(side, int):
        return range(side)[begin:end] == range(side)
    return begin == 0 and end >= END_OF_AXIS


def _pad(node: onnx.NodeProto, walk: Walk) -> None:
    mode = next((a.s for a in node.attribute if a.name == "mode"), b"constant")
    pads, value, axes = (
        walk.constants.get(name) if name else default
        for name, default in zip(
            [*node.input[1:], "", ""], (None, np.zeros(1), np.arange(4)), strict=False
        )
    )
    if mode != b"constant" or pads is None or value is None or axes is None:
        raise NotReadError(
            Message(
                "pad-not-constant",
                "its pads or its value are not constants, or its mode is not constant",
            )
        )
    if walk.is_scaled or walk.start is not None:
        raise NotReadError(
            Message("pad-too-late", "it pads after arithmetic, a Slice or another Pad")
        )
    fill = _fill_of(float(np.ravel(value)[0]), walk.affine)
    count = len(axes)
    padded = {int(a) % 4: (int(pads[n]), int(pads[count + n])) for n, a in enumerate(axes)}
    if any(padded[axis] != (0, 0) for axis in set(padded) - set(walk.spatial)):
        raise NotReadError(Message("pad-batch-or-channels", "it pads the batch or the channels"))
    (above, below), (before, after) = (padded.get(axis, (0, 0)) for axis in walk.spatial)
    size = (walk.size[0] + above + below, walk.size[1] + before + after)
    _record(node, walk, size, (-above, -before))
    walk.fill = fill


def _fill_of(value: float, affine: ChannelAffine | None) -> tuple[float, ...]:
    """Return the pixel that maps to the input `value`: one number for each channel or for all."""
    pixels: tuple[float, ...] = (value,)
    if affine is not None:
        pixels = tuple(float(v) for v in (value - affine.shift) / affine.scale)
    outside = next((pixel for pixel in pixels if not 0 <= pixel <= 255), None)
    if outside is not None:
        raise NotReadError(
            Message("pad-value-out-of-range", f"it pads with pixel {outside:g}, outside 0..255")
        )
    return pixels[:1] if len(set(pixels)) == 1 else pixels


def _record(node: onnx.NodeProto, walk: Walk, size: Size, start: tuple[int, int] | None) -> None:
    """Record that a node outputs a part of the resized image, for the ingest to compute."""
    if min(size) < 1:
        raise NotReadError(Message("preprocessing-output-empty", "its output is empty"))
    walk.image_nodes.append(node.name)
    walk.output = node.output[0]
    walk.size, walk.start = size, start
    for axis, side in zip(walk.spatial, size, strict=True):
        walk.shape[axis] = side


READERS: Mapping[str, Callable[[onnx.NodeProto, Walk], None]] = {
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
