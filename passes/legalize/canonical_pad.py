"""Convert padding to amounts for all axes, with the plane and channels padded separately.

Pad(x, pads, axes)             =>  Pad(x, pads of all axes)
Pad(x, of channels and plane)  =>  Pad(Pad(x, of the plane), of channels)
Pad(x, of channels, reflect)   =>  Gather(x, channels)                   the same for edge and wrap
Pad(x, value v)                =>  Add(Pad(x), v around x and 0 within)  exact; finite v only
MaxPool(Pad(x, value -inf))    =>  MaxPool(x, pads)                      exact; TensorFlow's SAME
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.padding import Padding, mask_of, padding_of
from jpegcompile.analysis.window import kernel_of, padding_problem, window_of
from jpegcompile.dct.linear import padded_indices
from jpegcompile.ir.graph import input_at, is_float, static_dims
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class CanonicalPad(Pass):
    """Rewrites padding of maps of rank 4 by constant amounts."""

    name = "canonical-pad"

    def run(self, module: Module) -> bool:
        """Rewrite nodes; returns whether a node changed."""
        changed = False
        for node in list(module.graph.nodes):
            if node.op == "MaxPool":
                changed |= _pad_pool(node)
            elif node.op == "Pad" and len(node.inputs[0].shape or ()) == 4:
                padding = padding_of(node)
                changed |= isinstance(padding, Padding) and _canonicalize(node, padding, module)
        if changed:
            module.graph.cleanup().toposort()
        return changed


def _pad_pool(node: gs.Node) -> bool:
    """Move padding with -inf into the pads of a max pooling, which are never the maximum."""
    source, kernel = node.inputs[0], kernel_of(node)
    window = None if kernel is None else window_of(node, kernel)
    if window is None or mask_of(source) != -np.inf or padding_problem(node) is not None:
        return False
    if len(node.outputs) > 1 and node.outputs[1].name:
        return False
    padding = padding_of(source.inputs[0])
    assert isinstance(padding, Padding)
    if any((*padding.begin[:2], *padding.end[:2])):
        return False
    amounts = [*padding.begin[2:], *padding.end[2:]]
    pads = [own + more for own, more in zip(window.pads, amounts, strict=True)]
    # ONNX Runtime refuses pads as wide as the kernel.
    if min(amounts) < 0 or any(p >= k for p, k in zip(pads, window.kernel * 2, strict=True)):
        return False
    node.attrs["pads"], node.inputs = pads, [source.inputs[0].inputs[0]]
    return True


def _canonicalize(node: gs.Node, padding: Padding, module: Module) -> bool:
    changed = input_at(node, 3) is not None
    if changed:
        _write(node, padding, module)
    (batch, channels, *plane) = zip(padding.begin, padding.end, strict=True)
    if any(batch):
        return changed
    parts = [node]
    if any(channels) and any(map(any, plane)):
        parts.append(_split(node, padding, module))
        changed = True
    for part in parts:
        own = padding_of(part)
        assert isinstance(own, Padding)
        changed |= _gather(part, own, module) or _add_fill(part, own, module)
    return changed


def _write(node: gs.Node, padding: Padding, module: Module) -> None:
    """Set amounts for all axes, in the form of the opset."""
    amounts = np.asarray([*padding.begin, *padding.end], np.int64)
    if "pads" in node.attrs:
        node.attrs["pads"] = amounts.tolist()
        return
    value = input_at(node, 2)
    given = gs.Constant(module.fresh(f"{node.outputs[0].name}.pads"), amounts)
    node.inputs = [node.inputs[0], given, *([] if value is None else [value])]


def _split(node: gs.Node, padding: Padding, module: Module) -> gs.Node:
    """Let the node pad the plane, and append a node that pads the channels."""
    target = node.outputs[0]
    between = gs.Variable(module.fresh(f"{target.name}.plane"), target.dtype)
    if target.shape is not None:
        between.shape = (target.shape[0], node.inputs[0].shape[1], *target.shape[2:])
    second = gs.Node("Pad", module.fresh(f"{target.name}.channels"), dict(node.attrs))
    second.inputs, second.outputs = [between, *node.inputs[1:]], [target]
    node.outputs = [between]
    for part, kept in ((node, (0, 0, 1, 1)), (second, (0, 1, 0, 0))):
        begin, end = (
            tuple(a * k for a, k in zip(amounts, kept, strict=True))
            for amounts in (padding.begin, padding.end)
        )
        _write(part, Padding(padding.mode, begin, end), module)
    module.graph.nodes.append(second)
    return second


def _gather(node: gs.Node, padding: Padding, module: Module) -> bool:
    """Replace padding of channels by a Gather, if the node repeats channels."""
    amounts = padding.begin[1], padding.end[1]
    known = static_dims(node.inputs[0].shape[1:2])
    if padding.mode == "constant" or not any(amounts) or known is None:
        return False
    indices = padded_indices(padding.mode, *amounts, known[0])
    if indices is None:
        return False
    name = module.fresh(f"{node.outputs[0].name}.repeated")
    node.op, node.attrs = "Gather", {"axis": 1}
    node.inputs = [node.inputs[0], gs.Constant(name, np.asarray(indices, np.int64))]
    return True


def _add_fill(node: gs.Node, padding: Padding, module: Module) -> bool:
    """Pad with zeros and add the value at the border; each sum has one nonzero term."""
    source, target = node.inputs[0], node.outputs[0]
    sizes = static_dims(source.shape[1:])
    is_needed = padding.fill != 0.0 and not padding.is_mask
    if not is_needed or sizes is None or not is_float(source):
        return False
    border = np.full([1] * 4, True)
    for axis, size in enumerate(sizes, 1):
        begin, end = padding.begin[axis], padding.end[axis]
        if begin or end:
            places = np.arange(-begin, size + end)
            inside = (places >= 0) & (places < size)
            border = border & inside.reshape([-1 if a == axis else 1 for a in range(4)])
    name = f"{target.name}.border"
    values = np.where(border, 0.0, padding.fill).astype(source.dtype)
    padded = gs.Variable(module.fresh(f"{target.name}.zeros"), target.dtype, target.shape)
    fill = gs.Constant(module.fresh(name), values)
    node.inputs, node.outputs = node.inputs[:2], [padded]
    if "value" in node.attrs:
        node.attrs["value"] = 0.0
    module.graph.nodes.append(gs.Node("Add", module.fresh(name), {}, [padded, fill], [target]))
    return True
