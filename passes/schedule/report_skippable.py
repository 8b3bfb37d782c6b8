"""Report the multiply-adds that native kernels skip because of truncated coefficients.

Changes nothing. Kernels skip coefficients that compact maps do not store (`compact_tiles.py`), both
in 1x1 convolutions and in transforms. Convolutions with larger windows work on pixels and skip
nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import onnx_graphsurgeon as gs

from jpegcompile.analysis.masks import inverse_transforms
from jpegcompile.dct.frequencies import band_share, full, transform_cost
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import input_block, operands, output_block
from jpegcompile.ir.rewrite import Pass, elements
from jpegcompile.operators.convolution import JPEG_CONV, JPEG_POINTWISE_CONV
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.piecewise import TRUNCATE
from jpegcompile.operators.queries import is_piecewise_linear

Counts = defaultdict[str, list[float]]


class ReportSkippable(Pass):
    """Fills the skippable multiply-adds in the report of every node."""

    name = "report-skippable"

    def run(self, module: Module) -> bool:
        """Count multiply-adds; returns False, since the graph stays unchanged."""
        # By node name: skipped multiply-adds of the operator, and of its transforms.
        counts: Counts = defaultdict(lambda: [0.0, 0.0])
        for node in module.graph.nodes:
            operator = module.operator(node)
            if operator is not None:
                _count(node, operator, module, counts)
        for name, (products, transforms) in counts.items():
            if module.report.has(name):
                report = replace(
                    module.report.node(name),
                    skippable_multiply_adds=round(products),
                    skippable_transform_multiply_adds=round(transforms),
                )
                module.report.add(report)
        return False


def _count(node: gs.Node, operator: Operator, module: Module, counts: Counts) -> None:
    bands = _bands(node, operator)
    if not bands:
        return
    # A fused node has the name of its last part.
    convolution = module.convolutions.get(node.name, node.name)
    if operator.base == JPEG_POINTWISE_CONV and "x" in bands:
        block = input_block(node, operator)
        products = module.report.node(convolution).multiply_adds
        counts[convolution][0] += products * (1 - band_share(block, bands["x"]))
    if operator.base == JPEG_CONV and "x" in bands:
        counts[convolution][1] += _inverse(node, operator, bands["x"])
    counts[node.name][1] += _around_activation(node, operator, bands)


def _bands(node: gs.Node, operator: Operator) -> dict[str, int]:
    """Number of frequencies of a node's compact maps, by operand name."""
    return {
        o.name: int(node.attrs[o.frequencies_attribute])
        for o in operator.maps
        if o.is_compact and node.attrs.get(o.frequencies_attribute)
    }


def _around_activation(node: gs.Node, operator: Operator, bands: dict[str, int]) -> float:
    """Skipped multiply-adds of the transforms before and after an activation."""
    spared = 0.0
    if operator.base:
        sums = _sum_band(node, operator, bands)
        # Without an activation, only the input of a window is transformed.
        if sums is not None and operator.truncates:
            made = output_block(node, operator)
            spared += (2 * made - transform_cost(made, sums)) * elements(node.outputs[0])
    elif is_piecewise_linear(operator) and "x" in bands:
        spared += _inverse(node, operator, bands["x"])
    if operator.truncates and operator.name != TRUNCATE and "y" in bands:
        made = output_block(node, operator)
        spared += (2 * made - transform_cost(made, bands["y"])) * elements(node.outputs[0])
    return spared


def _sum_band(node: gs.Node, operator: Operator, bands: dict[str, int]) -> int | None:
    """Number of frequencies of a convolution's sum before its inverse transform; None if pixels."""
    read = {"x", "residual"} if operator.base == JPEG_POINTWISE_CONV else {"residual"}
    read &= operands(node).keys()
    return max(bands[name] for name in read) if read and read <= bands.keys() else None


def _inverse(node: gs.Node, operator: Operator, band: int) -> float:
    """Skipped multiply-adds of the inverse transforms of a node's input map."""
    block = input_block(node, operator)
    wanted = [full(block)] if operator.base else inverse_transforms(node, operator)
    steps = (transform_cost(block, n) - transform_cost(block, min(n, band)) for n in wanted)
    return sum(steps) * elements(operands(node)["x"])
