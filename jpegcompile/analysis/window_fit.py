"""Check that every window and the weights of every convolution fit their map.

Windows are checked before onnx's shape inference. Inference computes a negative size for a window
that is larger than its map. A Slice of such a map then aborts the process (onnx 1.23: a C++
assertion). A caller cannot catch this.
"""

from __future__ import annotations

from collections.abc import Iterable

import onnx
import onnx_graphsurgeon as gs
from onnx import shape_inference

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.input_size import size_text
from jpegcompile.ir.graph import label
from jpegcompile.messages import Message
from jpegcompile.network_input import NetworkInput

_WINDOWS = frozenset(
    (
        *("AveragePool", "Conv", "ConvInteger", "ConvTranspose", "DeformConv", "LpPool"),
        *("MaxPool", "QLinearConv"),
    )
)


def require_windows_fit(model: onnx.ModelProto, image: NetworkInput) -> None:
    """Check that no map of a model would have a negative size.

    Each round infers a part of the model: a Slice is included once every upstream window fits.

    Args:
        model: a model without large weights, in topological order.
        image: the image input, for error messages.

    Raises:
        UnsupportedModelError: if a window does not fit; names the node.
    """
    nodes = list(model.graph.node)
    rounds = _rounds(nodes)
    last = max((r for n, r in zip(nodes, rounds, strict=True) if n.op_type == "Slice"), default=0)
    for current in range(last):
        present = [node for node, r in zip(nodes, rounds, strict=True) if r <= current]
        shapes = _inferred(model, present)
        for node in present:
            for name in node.output:
                if any(size < 0 for size in shapes.get(name, ())):
                    _refuse(node, shapes[name], image)


def _rounds(nodes: Iterable[onnx.NodeProto]) -> list[int]:
    """Round of each node: the largest number of Slices after windows on a path to it."""
    # By tensor name: the round, and whether a window of that round is upstream.
    known: dict[str, tuple[int, bool]] = {}
    rounds = []
    for node in nodes:
        before = [known.get(name, (0, False)) for name in node.input]
        if node.op_type == "Slice":
            before = [(r + 1, False) if is_behind else (r, False) for r, is_behind in before]
        current = max((r for r, _ in before), default=0)
        is_behind = node.op_type in _WINDOWS or (current, True) in before
        rounds.append(current)
        known.update((name, (current, is_behind)) for name in node.output)
    return rounds


def _inferred(
    model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]
) -> dict[str, tuple[int, ...]]:
    """Known shapes by name; a symbolic dimension counts as 1."""
    partial = onnx.ModelProto()
    partial.CopyFrom(model)
    del partial.graph.node[:]
    partial.graph.node.extend(nodes)
    inferred = shape_inference.infer_shapes(partial, strict_mode=False, data_prop=True)
    values = [*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output]
    shapes = {
        value.name: tuple(
            size.dim_value if size.HasField("dim_value") else 1
            for size in value.type.tensor_type.shape.dim
        )
        for value in values
        if value.type.tensor_type.HasField("shape")
    }
    constants = [*inferred.graph.initializer]
    return {**shapes, **{tensor.name: tuple(tensor.dims) for tensor in constants}}


def _refuse(node: onnx.NodeProto, shape: tuple[int, ...], image: NetworkInput) -> None:
    size, made = size_text(image.size), "x".join(map(str, shape[2:]))
    text = (
        f"shapes of the model do not fit an input of {size}: the window of {node.op_type}"
        f" '{node.name}' is larger than its map, so its output would be {made}; use a larger size"
    )
    raise UnsupportedModelError(Message("window-exceeds-map", text))


def require_channels(graph: gs.Graph) -> None:
    """Check that maps have the number of channels that weights of convolutions require.

    Shape inference does not check this.

    Raises:
        UnsupportedModelError: if the numbers differ; names the node.
    """
    for node in graph.nodes:
        if node.op != "Conv" or node.domain not in (None, "", "ai.onnx"):
            continue
        source, weights = node.inputs[0].shape, node.inputs[1].shape
        if source is None or weights is None or min(len(source), len(weights)) < 2:
            continue
        given, taken = source[1], weights[1]
        if not isinstance(given, int) or not isinstance(taken, int):
            continue
        wanted = taken * int(node.attrs.get("group", 1))
        if given != wanted:
            text = (
                f"{label(node)} requires {wanted} channels but '{node.inputs[0].name}' has {given};"
                " correct the input shape that the model declares, or its weights"
            )
            raise UnsupportedModelError(Message("convolution-channels-differ", text))
