"""Convert transposes and operators that read the shape of a channels-last map.

F(L(x))           =>  x
Transpose(L(x))   =>  Transpose'(x)                 one permutation for both
Shape(L(x))       =>  Gather(Shape(x), [0,2,3,1])
Size(L(x))        =>  Size(x)
L(x), F(y)        =>  Reshape                       if height and width are 1; exact
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import is_graph_output, remove_node, replace_uses, static_dims
from jpegcompile.ir.image import TO_CHANNELS_FIRST, TO_CHANNELS_LAST
from jpegcompile.ir.module import Module
from jpegcompile.passes.legalize.layout.converter import RANK, LayoutConverter, is_transpose


def convert_transpose(node: gs.Node, converter: LayoutConverter) -> bool:
    """Combine two transposes into one or none; the image keeps one transpose to NCHW."""
    source = node.inputs[0]
    order = node.attrs.get("perm", range(RANK)[::-1])
    if not source.inputs and (
        list(order) != TO_CHANNELS_FIRST or converter.image_transpose(source) is node
    ):
        return False
    first = converter.to_nchw(source)
    both = [TO_CHANNELS_LAST[axis] for axis in order]
    if both != list(range(RANK)):
        node.inputs, node.attrs = [first], {"perm": both}
    else:
        _cancel(node, first, converter.module.graph)
    return True


def _cancel(node: gs.Node, first: gs.Tensor, graph: gs.Graph) -> None:
    """Remove both transposes; the tensor keeps the name that the source model uses."""
    target = node.outputs[0]
    if first.inputs and not is_graph_output(graph, first):
        producer = first.inputs[0]
        remove_node(graph, node)
        producer.outputs = [target if t is first else t for t in producer.outputs]
        replace_uses(first, target)
    elif not is_graph_output(graph, target):
        remove_node(graph, node)
        replace_uses(target, first)
    else:
        node.op, node.attrs, node.inputs = "Identity", {}, [first]


def convert_shape(node: gs.Node, converter: LayoutConverter) -> bool:
    """Convert Shape; `start` and `end` (since opset 15) select entries of the result."""
    target = node.outputs[0]
    entries = TO_CHANNELS_LAST[node.attrs.get("start", 0) : node.attrs.get("end", RANK)]
    shape = gs.Variable(converter.module.fresh(f"{target.name}.nchw"), target.dtype, (RANK,))
    node.inputs, node.outputs, node.attrs = [converter.to_nchw(node.inputs[0])], [shape], {}
    converter.append(
        "Gather", [shape, converter.indices(target.name, entries)], target, {"axis": 0}
    )
    return True


def convert_size(node: gs.Node, converter: LayoutConverter) -> bool:
    """Convert Size, which is equal in both layouts."""
    node.inputs = [converter.to_nchw(node.inputs[0])]
    return True


def reshape_pixels(module: Module) -> bool:
    """Replace transposes between [N,C,1,1] and [N,1,1,C] by reshapes."""
    changed = False
    for node in module.graph.nodes:
        to_first = is_transpose(node, TO_CHANNELS_FIRST)
        if not to_first and not is_transpose(node, TO_CHANNELS_LAST):
            continue
        sizes = static_dims((node.inputs[0].shape or ())[1:])
        plane = None if sizes is None else sizes[:2] if to_first else sizes[1:]
        if sizes is None or plane != (1, 1) or node.inputs[0].name == module.image.name:
            continue
        target = [0, sizes[2], 1, 1] if to_first else [0, 1, 1, sizes[0]]
        indices = LayoutConverter(module).indices(node.outputs[0].name, target)
        node.op, node.attrs, node.inputs = "Reshape", {}, [node.inputs[0], indices]
        changed = True
    return changed
