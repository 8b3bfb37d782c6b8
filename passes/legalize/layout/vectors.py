"""Convert operators that flatten a channels-last map, and products with the vectors at its pixels.

MatMul(Flatten(L(x)), W)  =>  MatMul(Flatten(x), W')     W' has the rows of W in the order of NCHW
Gemm                      =>  the same
Flatten, Reshape(L(x))    =>  Flatten, Reshape(x)        if height and width are 1
MatMul(L(x), W)           =>  L(Conv(x, W'))             W'[k,c,0,0] = W[c,k]; exact
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.products import is_product, rows_are_second
from jpegcompile.ir.graph import is_graph_output, static_dims, value_of
from jpegcompile.passes.legalize.layout.converter import RANK, LayoutConverter


def convert_flatten(node: gs.Node, converter: LayoutConverter) -> bool:
    """Convert Flatten if the order stays, or if all readers are products with constant weights."""
    sizes = static_dims((node.inputs[0].shape or ())[1:])
    if sizes is None or int(node.attrs.get("axis", 1)) % RANK != 1:
        return False
    if sizes[:2] == (1, 1):
        node.inputs = [converter.to_nchw(node.inputs[0])]
        return True
    flat = node.outputs[0]
    if is_graph_output(converter.module.graph, flat):
        return False
    readers = list(flat.outputs)
    if not all(is_product(reader, flat) for reader in readers):
        return False
    order = np.arange(np.prod(sizes)).reshape(sizes).transpose(2, 0, 1).reshape(-1)
    # A new name, since the order differs from the tensor of the source model.
    converted = gs.Variable(converter.module.fresh(f"{flat.name}.nchw"), flat.dtype, flat.shape)
    node.inputs, node.outputs = [converter.to_nchw(node.inputs[0])], [converted]
    for reader in readers:
        reader.inputs = [converted, _reordered(reader, order, converter), *reader.inputs[2:]]
    return True


def _reordered(
    reader: gs.Node, order: NDArray[np.int64], converter: LayoutConverter
) -> gs.Constant:
    """Create reordered weights, since nodes may share weights."""
    weights = reader.inputs[1]
    values = np.take(np.asarray(weights.values), order, axis=1 if rows_are_second(reader) else 0)
    return gs.Constant(converter.module.fresh(f"{weights.name}.nchw"), np.ascontiguousarray(values))


def convert_reshape(node: gs.Node, converter: LayoutConverter) -> bool:
    """Convert Reshape of a 1x1 map; the target may copy only the batch size from the input."""
    if not converter.is_channels_last(node.inputs[0]):
        return False
    sizes = static_dims((node.inputs[0].shape or ())[1:])
    target = value_of(node.inputs[1])
    if sizes is None or sizes[:2] != (1, 1) or target is None or not target[1:].all():
        return False
    node.inputs = [converter.to_nchw(node.inputs[0]), node.inputs[1]]
    return True


def convert_mat_mul(node: gs.Node, converter: LayoutConverter) -> bool:
    """Replace a dense layer at every pixel by a 1x1 convolution."""
    source, weights = node.inputs
    values = value_of(weights)
    if values is None or values.ndim != 2 or not converter.is_channels_last(source):
        return False
    kernel = np.ascontiguousarray(values.T[:, :, None, None])
    name = converter.module.fresh(f"{weights.name}.nchw")
    node.op = "Conv"
    node.attrs = {
        "kernel_shape": [1, 1],
        "strides": [1, 1],
        "pads": [0, 0, 0, 0],
        "dilations": [1, 1],
    }
    node.inputs = [converter.to_nchw(source), gs.Constant(name, kernel)]
    converter.convert_output(node)
    return True
