"""Preprocessing that a model does itself: Cast, Resize, Slice, Pad at the head of its graph.

image -> Cast -> Resize(sizes) -> Slice -> Div -> Sub -> network
    =>  image' -> Cast -> Div -> Sub -> network,    image' = crop(resize(image)) by the ingest

Exact: the arithmetic is one number for each channel, and weights of a resize sum to 1, so that the
steps may change places. What is filled has to come before the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.frontend.preprocessing_nodes.node_readers import (
    FLOATS,
    NEED_BATCH,
    READERS,
    SLICE_AND_PAD,
    Walk,
)
from jpegcompile.frontend.preprocessing_nodes.resize_node import NotReadError
from jpegcompile.frontend.preprocessing_nodes.small_constants import SmallConstants
from jpegcompile.frontend.walk import all_nodes, name_of, quoted
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.steps import Crop, Size

# The search for a Resize ends at them: one behind them is the network's own, or of something else
# than the image.
_NOT_THROUGH = frozenset(
    (
        *("Conv", "ConvInteger", "ConvTranspose", "Einsum", "Gemm", "MatMul", "QLinearConv"),
        *("Resize", "Shape"),
    )
)


@dataclass(frozen=True)
class Unread:
    """A node that looks like preprocessing but is not understood.

    Attributes:
        node: how messages call it.
        reason: why it is not; "it" is the node.
    """

    node: str
    reason: str

    def __str__(self) -> str:
        """As messages have it."""
        return f"{self.node}: {self.reason}"


@dataclass(frozen=True)
class PreprocessingNodes:
    """What the nodes behind an image input do to an image of any size.

    Attributes:
        geometry: all of it; None where there is no such node.
        size: (height, width) behind the nodes; None as for `geometry`.
        nodes: names of the nodes that `geometry` stands for, those that make sizes included.
        image_nodes: names of those that images go through, in order.
        output: tensor that the last one of these makes; empty where there is none.
        stopped_by: the node that ends them but looks like preprocessing; None where there is none.
    """

    geometry: Geometry | None = None
    size: Size | None = None
    nodes: tuple[str, ...] = ()
    image_nodes: tuple[str, ...] = ()
    output: str = ""
    stopped_by: Unread | None = None


def read_preprocessing_nodes(
    model: onnx.ModelProto, image: str, layout: str, affine: ChannelAffine | None = None
) -> PreprocessingNodes:
    """The preprocessing at the head of a graph.

    Args:
        model: with named nodes, as `frontend.load` makes them.
        image: name of the input, of four dimensions.
        layout: of the input, "NCHW" or "NHWC".
        affine: from pixels on the 0..255 scale to the input; None if they are the same.
    """
    value = next(value for value in model.graph.input if value.name == image)
    dims = value.type.tensor_type.shape.dim
    walk = Walk(
        [dim.dim_value or dim.dim_param or f"?{axis}" for axis, dim in enumerate(dims)],
        model,
        layout,
        SmallConstants(model),
        value.type.tensor_type.elem_type in FLOATS,
        affine,
    )
    stopped_by = _follow(walk, image)
    if walk.resize is None:
        return PreprocessingNodes(stopped_by=stopped_by)
    crop = None if walk.start is None else Crop(walk.start, size=walk.size)
    geometry = Geometry(walk.resize, crop, fill=walk.fill or (0.0,))
    nodes = (*walk.size_nodes, *walk.image_nodes)
    return PreprocessingNodes(
        geometry, walk.size, nodes, tuple(walk.image_nodes), walk.output, stopped_by
    )


def _follow(walk: Walk, tensor: str) -> Unread | None:
    """Go through the nodes that are read.

    Returns:
        The node that ends them, if it looks like preprocessing.
    """
    while (node := _next(walk, tensor)) is not None:
        if walk.resize is None:
            shape = [None if axis in walk.spatial else dim for axis, dim in enumerate(walk.shape)]
            walk.seen[tensor] = shape[1:] if walk.is_single else shape
        try:
            if walk.is_single and node.op_type in NEED_BATCH:
                raise NotReadError("it reads an image without a batch")
            READERS[node.op_type](node, walk)
        except NotReadError as reason:
            is_networks = walk.resize is None and _resize_behind(walk, tensor) is None
            return None if is_networks else Unread(_called(node), str(reason))
        tensor = node.output[0]
    return _end(walk, tensor) if walk.resize is None else None


def _next(walk: Walk, tensor: str) -> onnx.NodeProto | None:
    """The step that alone reads a tensor; None if others do, too, or it is no step.

    Before a resize, its shape may be read as well: `_size_nodes` sees what for.
    """
    graph = walk.model.graph
    readers = _readers(walk, tensor)
    if _is_output(walk, tensor) or len(readers) != 1 or readers[0].op_type not in READERS:
        return None
    # What parts of an image take depends on its size until it is resized.
    is_early = walk.resize is None and readers[0].op_type in SLICE_AND_PAD
    is_nested = readers[0] not in graph.node
    return None if is_early or is_nested else readers[0]


def _end(walk: Walk, tensor: str) -> Unread | None:
    """Why a tensor has no next node, if a Resize follows all the same."""
    resize = _resize_behind(walk, tensor)
    if resize is None:
        return None
    readers = _readers(walk, tensor)
    if _is_output(walk, tensor):
        return Unread(_called(resize), "the image in front of it is an output as well")
    if len(readers) > 1:
        first, second, *_ = map(_called, readers)
        return Unread(_called(resize), f"{first} and {second} both read the image")
    return Unread(_called(readers[0]), f"it is not read in front of {_called(resize)}")


def _resize_behind(walk: Walk, tensor: str) -> onnx.NodeProto | None:
    """A Resize that comes before the network; its sizes may come from anywhere."""
    waiting, found = [tensor], {tensor}
    while waiting:
        name = waiting.pop()
        for node in _readers(walk, name):
            if node.op_type == "Resize" and node.input[0] == name:
                return node
            if node.op_type not in _NOT_THROUGH:
                waiting += set(node.output) - found
                found |= set(node.output)
    return None


def _readers(walk: Walk, tensor: str) -> list[onnx.NodeProto]:
    readers = [node for node in all_nodes(walk.model.graph) if tensor in node.input]
    if walk.resize is None:
        readers = [node for node in readers if node.op_type != "Shape"]
    return readers


def _is_output(walk: Walk, tensor: str) -> bool:
    return any(output.name == tensor for output in walk.model.graph.output)


def _called(node: onnx.NodeProto) -> str:
    return f"{node.op_type} {quoted(name_of(node))}"
