"""Let few spatial frequencies decide the mask of piecewise linear operators.

JpegRelu(x)              =>  JpegAsmRelu(x, band(n))  or  JpegApxRelu(x, band(n))
JpegPRelu(x, slope)      =>  JpegAsmPRelu(x, band(n), slope)  or  JpegApxPRelu
JpegClip(x, low, high)   =>  JpegAsmClip(x, band(n), low, high)  or  JpegApxClip
JpegMaxPool(x)           =>  JpegAsmMaxPool(x, band(n))

band(n) is 1 for the frequencies u + v < n of every tile, 0 for the rest. Approximate, unless n is
2b - 1, all there are: then nothing is rewritten.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

import numpy as np
import onnx_graphsurgeon as gs
from onnx import helper

from jpegcompile.dct.frequencies import full, resolve, transform_cost
from jpegcompile.errors import UsageError
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.nonlinear import input_block, inverse_transforms, is_max_pool
from jpegcompile.ir.rewrite import Pass, elements
from jpegcompile.operators.nonlinear import MASKED, PIECEWISE_LINEAR

# MaxPool gives positions, its second output, since this opset.
_POSITIONS_SINCE = 8


class ApproximateMasks(Pass):
    """Rewrites what the frequency plan says; the resolved number is an attribute of the node."""

    name = "approximate-masks"

    def run(self, module: Module) -> bool:
        """Returns whether a mask was approximated.

        Raises:
            UsageError: if the plan names a node that is not piecewise linear.
        """
        _check_names(module)
        changed = False
        for node in module.graph.nodes:
            if node.op in MASKED:
                changed |= _approximate(node, module)
        return changed


def _check_names(module: Module) -> None:
    plan = module.options.frequencies
    nodes = {n.name: n for n in module.report.nodes if n.op in PIECEWISE_LINEAR}
    unknown = [name for name in plan.nodes if name not in nodes]
    if unknown:
        likely = get_close_matches(unknown[0], nodes) or list(nodes)[:3]
        some = ", ".join(f"'{name}'" for name in likely) or "none"
        raise UsageError(
            f"{plan.name}: the model has no nonlinearity '{unknown[0]}' on a map (it has {some},"
            " ...); take names from inspect"
        )


def _approximate(node: gs.Node, module: Module) -> bool:
    plan, block = module.options.frequencies, input_block(node)
    count = resolve(plan.of(node.name).mask, block)
    if count < full(block) and is_max_pool(node) and module.graph.opset < _POSITIONS_SINCE:
        module.report.note(
            f"MaxPool '{node.name}' uses all frequencies: in opset {module.graph.opset} it gives"
            f" no positions, export the model in opset {_POSITIONS_SINCE} or newer"
        )
        count = full(block)
    report = module.report.node(node.name)
    if count == full(block):
        module.report.add(replace(report, masking="exact", frequencies=count))
        return False
    source = node.inputs[0]
    node.op = MASKED[node.op][plan.masking]
    node.attrs["frequencies"] = count
    node.inputs.insert(1, module.constants.band(*size_of(source), block, count, source.dtype))
    if is_max_pool(node):
        node.inputs.append(module.constants.flat())
    elif plan.masking == "asm":
        node.attrs["to"] = int(helper.np_dtype_to_tensor_dtype(np.dtype(source.dtype)))
    transforms = sum(transform_cost(block, wanted) for wanted in inverse_transforms(node))
    more = round((transforms - transform_cost(block, full(block))) * elements(source))
    module.report.add(
        replace(
            report,
            masking="apx" if node.op.startswith("JpegApx") else "asm",
            frequencies=count,
            transform_multiply_adds=report.transform_multiply_adds + more,
        )
    )
    return True
