"""Fold the inverse DCT of a flattened map into the weights of its readers.

Gemm(Flatten(x), W)    =>  Gemm(Flatten(ToJpeg(x)), W')
MatMul(Flatten(x), W)  =>  MatMul(Flatten(ToJpeg(x)), W')

W' is `weights_in_jpeg_domain` of W. Exact except for one rounding of W'.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.products import is_product, rows_are_second
from jpegcompile.dct.linear import weights_in_jpeg_domain
from jpegcompile.ir.decline import Decline, map_problem
from jpegcompile.ir.graph import is_graph_output, label
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.rewrite import Lowering, Rewriter
from jpegcompile.messages import Message


class LowerFlatten(Lowering[list[gs.Node]]):
    """Lowers Flatten of a map into vectors; a match is the list of nodes whose weights change."""

    name = "lower-flatten"
    op_types = ("Flatten",)

    def match(self, node: gs.Node, module: Module) -> list[gs.Node] | Decline | None:
        """Return the readers, which must all multiply by constant weights from the right."""
        source, target = node.inputs[0], node.outputs[0]
        if source.name in module.blocks or len(source.shape or ()) != 4:
            return None
        problem = map_problem(node, module, source)
        if problem is not None:
            return problem
        if module.assigned_block(source) == 1:
            return []
        if int(node.attrs.get("axis", 1)) % 4 != 1:
            text = "it flattens other axes than channels, height and width"
            return Decline(node, Message("flatten-other-axes", text))
        if is_graph_output(module.graph, target):
            return Decline(node, Message("flatten-is-output", "it is an output of the graph"))
        for reader in target.outputs:
            if not is_product(reader, target):
                text = f"its reader {label(reader)} is not a product with constant weights"
                return Decline(node, Message("flatten-reader-unsupported", text))
        return list(target.outputs)

    def rewrite(self, node: gs.Node, match: list[gs.Node], rewriter: Rewriter) -> None:
        """Replace the weights of readers by new constants, since nodes may share weights."""
        source, module = node.inputs[0], rewriter.module
        work = sum(_weights(reader).size for reader in match)
        rewriter.keep_node(work)
        if not match:
            return
        channels, (height, width) = int(source.shape[1]), size_of(source)
        for reader in match:
            weights = _weights(reader)
            transposed = rows_are_second(reader)
            rows = weights if transposed else weights.T
            shape = (channels, height, width)
            turned = weights_in_jpeg_domain(rows, shape, module.assigned_block(source))
            name = module.fresh(f"{reader.inputs[1].name}.jpeg")
            values = np.ascontiguousarray(turned if transposed else turned.T)
            reader.inputs[1] = gs.Constant(name, values)
            # The products equal tensors of the source model; the flattened coefficients do not.
            module.twins[reader.outputs[0].name] = reader.outputs[0].name
        target = node.outputs[0]
        flat = gs.Variable(module.fresh(f"{target.name}.jpeg"), target.dtype, target.shape)
        for reader in match:
            reader.inputs[0] = flat
        node.inputs, node.outputs = [rewriter.jpeg(source)], [flat]
        rewriter.changed = True


def _weights(reader: gs.Node) -> NDArray[np.generic]:
    """Constant second operand of a Gemm or MatMul."""
    return np.asarray(reader.inputs[1].values)
