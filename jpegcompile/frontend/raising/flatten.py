"""Raise products of a flattened map with weights that contain the inverse DCT.

Gemm(Flatten(ToJpeg(x)), W')  =>  Gemm(Flatten(x), W)        the same for MatMul

W' has the block DCT of each row of W; see `passes/lower/lower_flatten.py`.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
from onnx import helper

from jpegcompile.dct.linear import weights_on_pixels
from jpegcompile.frontend.raising.state import State, Value

_JPEG = ".jpeg"


def raise_flatten(state: State, node: onnx.NodeProto) -> bool:
    """Append a Flatten of pixels, and change the weights of its readers.

    Returns:
        Whether that is possible: all readers are products with constant weights, which nothing else
        reads.
    """
    value = state.values[node.input[0]]
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    flat = node.output[0]
    readers = [n for n in state.model.graph.node if flat in n.input]
    if axis not in (1, -3) or value.size is None or state.readers[flat] != len(readers):
        return False
    if not all(_is_product(state, reader, flat) for reader in readers):
        return False
    uses = Counter(reader.input[1] for reader in readers)
    if any(state.readers[name] != count for name, count in uses.items()):
        return False
    for reader in readers:
        _change_weights(state, reader, value)
    target = state.names.fresh(flat.removesuffix(_JPEG))
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[0], copy.output[0] = value.pixels, target
    state.nodes.append(copy)
    state.values[flat] = Value(target)
    return True


def _is_product(state: State, node: onnx.NodeProto, flat: str) -> bool:
    if node.op_type not in ("Gemm", "MatMul") or node.domain or node.input[0] != flat:
        return False
    transposed = [a.i for a in node.attribute if a.name == "transA"]
    weights = state.array(node.input[1])
    return not any(transposed) and weights is not None and weights.ndim == 2


def _change_weights(state: State, node: onnx.NodeProto, value: Value) -> None:
    name = node.input[1]
    weights = state.array(name)
    assert weights is not None
    assert value.size is not None
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    is_transposed = bool(attributes.get("transB", 0))
    rows = weights if is_transposed else weights.T
    height, width = value.size
    shape = (rows.shape[1] // (height * width), height, width)
    pixels = weights_on_pixels(rows, shape, value.block)
    kept = np.ascontiguousarray(pixels if is_transposed else pixels.T)
    state.values[name] = Value(state.constant(name.removesuffix(_JPEG), kept))
