"""Whether every window and all weights fit their map.

Windows are looked at before inference of ONNX: a convolution without room has a negative size by
that inference, and a Slice of such a map ends the process (onnx 1.23: an assertion in C++), which
no caller could catch.
"""

from __future__ import annotations

from collections.abc import Iterable

import onnx
import onnx_graphsurgeon as gs
from onnx import shape_inference

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.input_size import size_text
from jpegcompile.ir.graph import label
from jpegcompile.network_input import NetworkInput

_WINDOWS = frozenset(
    (
        *("AveragePool", "Conv", "ConvInteger", "ConvTranspose", "DeformConv", "LpPool"),
        *("MaxPool", "QLinearConv"),
    )
)


def require_windows_fit(model: onnx.ModelProto, image: NetworkInput) -> None:
    """Refuse a model of which a map would have a negative size.

    A Slice comes into the inference when every window before it is known to fit.

    Args:
        model: without large weights, in the order of its dataflow.
        image: for the message.

    Raises:
        UnsupportedModelError: naming the node whose window does not fit.
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
    """For each node, how many times Slices behind windows are met on a way to it, at most."""
    # Of each tensor the round, and whether a window that is looked at in that round is before it.
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
    """Shapes that are known, by name; a symbolic dimension counts as 1."""
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
    size = size_text(image.size)
    raise UnsupportedModelError(
        f"shapes of the model do not fit an input of {size}: {node.op_type} '{node.name}' has a"
        f" window larger than its map, its output would be {'x'.join(map(str, shape[2:]))};"
        " give a larger size"
    )


def require_channels(graph: gs.Graph) -> None:
    """Refuse a convolution whose map has other channels than its weights; inference lets it pass.

    Raises:
        UnsupportedModelError: naming the node.
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
            raise UnsupportedModelError(
                f"{label(node)} takes {wanted} channels but '{node.inputs[0].name}' has {given};"
                " mend the shape that the model declares of its input, or its weights"
            )
