"""Read the preprocessing nodes of a model: Cast, Resize, Slice and Pad at the start of its graph.

image -> Cast -> Resize(sizes) -> Slice -> Div -> Sub -> network
    =>  image' -> Cast -> Div -> Sub -> network,    image' = crop(resize(image)) by the ingest

The rewrite is exact: the arithmetic has one number for each channel and the weights of a resize sum
to 1, so the two commute. A Pad must come before the arithmetic.
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
from jpegcompile.messages import Message
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.steps import Crop, Size

# The search for a Resize stops at these operators. A later Resize belongs to the network or does
# not resize the image.
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
        node: name of the node in messages.
        reason: why it is not understood; "it" is the node.
    """

    node: str
    reason: Message

    def __str__(self) -> str:
        """Return the node and the reason, for messages."""
        return f"{self.node}: {self.reason}"


@dataclass(frozen=True)
class PreprocessingNodes:
    """Preprocessing nodes after an image input of any size.

    Attributes:
        geometry: what the nodes compute; None if there are no such nodes.
        size: (height, width) after the nodes; None if there are none.
        nodes: names of all nodes that `geometry` replaces, including those that compute sizes.
        image_nodes: names of the nodes that process the image, in order.
        output: output tensor of the last of `image_nodes`; empty if there is none.
        stopped_by: the first later node that looks like preprocessing but cannot be read;
            None if there is none.
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
    """Read the preprocessing nodes at the start of a graph.

    Args:
        model: a model with named nodes, as `frontend.load` returns it.
        image: name of the image input, of rank 4.
        layout: layout of the image input, "NCHW" or "NHWC".
        affine: function from pixels on the 0..255 scale to the input; None for the identity.
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
    """Read nodes from the image on, as far as possible.

    Returns:
        The first node that cannot be read, if it looks like preprocessing; otherwise None.
    """
    while (node := _next(walk, tensor)) is not None:
        if walk.resize is None:
            shape = [None if axis in walk.spatial else dim for axis, dim in enumerate(walk.shape)]
            walk.seen[tensor] = shape[1:] if walk.is_single else shape
        try:
            if walk.is_single and node.op_type in NEED_BATCH:
                raise NotReadError(
                    Message("preprocessing-without-batch", "it reads an image without a batch")
                )
            READERS[node.op_type](node, walk)
        except NotReadError as error:
            is_networks = walk.resize is None and _resize_after(walk, tensor) is None
            return None if is_networks else Unread(_called(node), error.reason)
        tensor = node.output[0]
    return _end(walk, tensor) if walk.resize is None else None


def _next(walk: Walk, tensor: str) -> onnx.NodeProto | None:
    """Return the only reader of a tensor; None if there are several or it cannot be read.

    Before a Resize, other nodes may read the tensor's shape: `_size_nodes` checks these.
    """
    graph = walk.model.graph
    readers = _readers(walk, tensor)
    if _is_output(walk, tensor) or len(readers) != 1 or readers[0].op_type not in READERS:
        return None
    # Before the Resize, a Slice or Pad depends on the image size.
    is_early = walk.resize is None and readers[0].op_type in SLICE_AND_PAD
    is_nested = readers[0] not in graph.node
    return None if is_early or is_nested else readers[0]


def _end(walk: Walk, tensor: str) -> Unread | None:
    """Explain why a tensor has no next node although a Resize follows; None if none follows."""
    resize = _resize_after(walk, tensor)
    if resize is None:
        return None
    readers = _readers(walk, tensor)
    if _is_output(walk, tensor):
        reason = Message(
            "image-before-resize-is-output", "the image before it is also an output of the model"
        )
        return Unread(_called(resize), reason)
    if len(readers) > 1:
        first, second, *_ = map(_called, readers)
        reason = Message(
            "image-before-resize-read-twice", f"{first} and {second} both read the image before it"
        )
        return Unread(_called(resize), reason)
    reason = Message(
        "node-before-resize-unreadable",
        f"it cannot be read as preprocessing before {_called(resize)}",
    )
    return Unread(_called(readers[0]), reason)


def _resize_after(walk: Walk, tensor: str) -> onnx.NodeProto | None:
    """Return a Resize between a tensor and the network; None if there is none."""
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
