"""Convert resizing of a map.

Resize(L(x), scales or sizes)        =>  L(Resize(x, Gather(scales or sizes, [0,3,1,2])))
Resize(L(x), scales or sizes, axes)  =>  L(Resize(x, scales or sizes, axes'))
Upsample                             =>  the same; exact
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import input_at, value_of
from jpegcompile.ir.image import TO_CHANNELS_FIRST
from jpegcompile.passes.legalize.layout.converter import RANK, LayoutConverter, nchw_axis


def convert_resize(node: gs.Node, converter: LayoutConverter) -> bool:
    """Convert a node with any form of scales or sizes, but not with a region of interest."""
    mode = node.attrs.get("coordinate_transformation_mode")
    if mode in ("tf_crop_and_resize", b"tf_crop_and_resize"):
        return False
    if not converter.is_channels_last(node.inputs[0]) or not converter.makes_one_map(node):
        return False
    if "axes" in node.attrs:
        node.attrs["axes"] = [nchw_axis(axis) for axis in node.attrs["axes"]]
    elif "scales" in node.attrs:
        node.attrs["scales"] = [node.attrs["scales"][axis] for axis in TO_CHANNELS_FIRST]
    else:
        # Upsample, and Resize at opset 10, have only scales; later a region precedes the scales.
        places = (1,) if len(node.inputs) == 2 else (2, 3)
        for place in places:
            operand = input_at(node, place)
            if operand is not None:
                node.inputs[place] = _permuted(operand, converter)
    node.inputs[0] = converter.to_nchw(node.inputs[0])
    converter.convert_output(node)
    return True


def _permuted(vector: gs.Tensor, converter: LayoutConverter) -> gs.Tensor:
    """Permute a vector of one number for each axis to NCHW; scales may be empty beside sizes."""
    values = value_of(vector)
    name = converter.module.fresh(f"{vector.name}.nchw")
    if values is not None:
        ordered = values[TO_CHANNELS_FIRST] if values.size else values
        return gs.Constant(name, np.ascontiguousarray(ordered))
    twin = gs.Variable(name, vector.dtype, (RANK,))
    converter.append(
        "Gather", [vector, converter.indices(name, TO_CHANNELS_FIRST)], twin, {"axis": 0}
    )
    return twin
