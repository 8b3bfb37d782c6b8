"""Compute the mask of piecewise linear operators from few frequencies.

JpegRelu(x)              =>  JpegAsmRelu(x, band(n))  or  JpegApxRelu(x, band(n))
JpegPRelu(x, slope)      =>  JpegAsmPRelu(x, band(n), slope)  or  JpegApxPRelu
JpegClip(x, low, high)   =>  JpegAsmClip(x, band(n), low, high)  or  JpegApxClip
JpegMaxPool(x)           =>  JpegAsmMaxPool(x, band(n))

band(n) is 1 for the frequencies u + v < n of every tile, and 0 elsewhere. Approximate, except for
n = 2b - 1, which includes all frequencies; then the operator stays.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

import numpy as np
import onnx_graphsurgeon as gs
from onnx import helper

from jpegcompile.analysis.masks import inverse_transforms
from jpegcompile.dct.frequencies import full, resolve, transform_cost
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import PIECEWISE_LINEAR
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.operands import (
    input_block,
    operand,
    operands,
    operator_of,
    replace_operator,
)
from jpegcompile.ir.rewrite import Pass, elements
from jpegcompile.messages import Message
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.fragments import PRECISION
from jpegcompile.operators.queries import approximation_of

# Since this opset, MaxPool returns positions as its second output.
_POSITIONS_SINCE = 8


class ApproximateMasks(Pass):
    """Approximates masks; an attribute states the number of frequencies that the plan specifies."""

    name = "approximate-masks"

    def run(self, module: Module) -> bool:
        """Approximate masks; returns whether a mask was approximated.

        Raises:
            UsageError: if the plan names a node that is not piecewise linear.
        """
        _check_names(module)
        changed = False
        for node in module.graph.nodes:
            exact = operator_of(node)
            masked = exact and approximation_of(exact, module.options.frequencies.masking)
            if exact and masked:
                changed |= _approximate(node, exact, masked, module)
        return changed


def _check_names(module: Module) -> None:
    plan = module.options.frequencies
    nodes = {n.name: n for n in module.report.nodes if n.op in PIECEWISE_LINEAR}
    unknown = [name for name in plan.nodes if name not in nodes]
    if unknown:
        likely = get_close_matches(unknown[0], nodes) or list(nodes)[:3]
        some = ", ".join(f"'{name}'" for name in likely) or "none"
        text = (
            f"{plan.name}: the model has no nonlinearity '{unknown[0]}' on a map (it has {some},"
            " ...); inspect lists the names"
        )
        raise UsageError(Message("plan-node-unknown", text))


def _approximate(node: gs.Node, exact: Operator, masked: Operator, module: Module) -> bool:
    plan, block = module.options.frequencies, input_block(node, exact)
    count = resolve(plan.of(node.name).mask, block)
    if count < full(block) and exact.takes_positions and module.graph.opset < _POSITIONS_SINCE:
        text = (
            f"MaxPool '{node.name}' uses all frequencies, since MaxPool of opset"
            f" {module.graph.opset} returns no positions; export the model in opset"
            f" {_POSITIONS_SINCE} or newer"
        )
        module.report.note(Message("max-pool-without-positions", text))
        count = full(block)
    report = module.report.node(node.name)
    if count == full(block):
        module.report.add(replace(report, masking="exact", frequencies=count))
        return False
    source = operand(node, "x")
    band = module.constants.band(*size_of(source), block, count, source.dtype)
    inputs, attrs = {**operands(node), "band": band}, {**node.attrs, "frequencies": count}
    if masked.has("flat"):
        inputs["flat"] = module.constants.flat()
    if any(attribute == PRECISION for attribute in masked.attributes):
        attrs["to"] = int(helper.np_dtype_to_tensor_dtype(np.dtype(source.dtype)))
    replace_operator(node, masked, inputs, attrs)
    transforms = sum(transform_cost(block, wanted) for wanted in inverse_transforms(node, masked))
    more = round((transforms - transform_cost(block, full(block))) * elements(source))
    module.report.add(
        replace(
            report,
            masking=masked.masking or "exact",
            frequencies=count,
            transform_multiply_adds=report.transform_multiply_adds + more,
        )
    )
    return True
