"""Count the multiply-adds that meet coefficients which truncation has made zero.

Changes nothing. The band of a map goes through what acts on each frequency alone (1x1 convolution,
normalisation, channel factors); sums and concatenations hold the wider band of their operands; all
else spreads to all frequencies.
"""

from __future__ import annotations

from dataclasses import replace

import onnx_graphsurgeon as gs

from jpegcompile.analysis.masks import inverse_transforms
from jpegcompile.dct.frequencies import band_share, full, transform_cost
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import input_block, is_operator, output_block
from jpegcompile.ir.rewrite import Pass, elements
from jpegcompile.operators.convolution import JPEG_CONV
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.piecewise import TRUNCATE
from jpegcompile.operators.queries import is_piecewise_linear


class ReportSkippable(Pass):
    """Fill the skippable multiply-adds of every node's report."""

    name = "report-skippable"

    def run(self, module: Module) -> bool:
        """Returns False: the graph stays."""
        bands: dict[str, int] = {}
        for node in module.graph.nodes:
            taken = [bands[t.name] for t in node.inputs if t.name in bands]
            for tensor in node.outputs:
                block = module.domain(tensor)
                if block > 1:
                    bands[tensor.name] = _band_of(node, module.operator(node), taken, block)
        for node in module.graph.nodes:
            operator = module.operator(node)
            if operator is not None:
                _count(node, operator, module, bands)
        return False


def _band_of(node: gs.Node, operator: Operator | None, taken: list[int], block: int) -> int:
    if operator is not None and operator.truncates:
        return min(int(node.attrs["frequencies"]), taken[0])
    if taken and (operator is None or operator.keeps_band):
        return max(taken)
    return full(block)


def _count(node: gs.Node, operator: Operator, module: Module, bands: dict[str, int]) -> None:
    if operator.truncates or not module.report.has(node.name):
        return
    block = input_block(node, operator)
    source, target = node.inputs[operator.position("x")], node.outputs[0]
    report, taken = module.report.node(node.name), bands.get(source.name, full(block))
    products = transforms = 0.0
    if operator.base:
        products = report.multiply_adds * (1 - band_share(block, taken))
    if operator.base == JPEG_CONV or is_piecewise_linear(operator):
        # The inverse transform of the map, and of the approximation that decides a mask.
        for wanted in inverse_transforms(node, operator):
            spared = transform_cost(block, wanted) - transform_cost(block, min(wanted, taken))
            transforms += spared * elements(source)
    kept = [r.attrs["frequencies"] for r in target.outputs if is_operator(r, TRUNCATE)]
    if kept:
        made = output_block(node, operator)
        transforms += (2 * made - transform_cost(made, kept[0])) * elements(target)
    module.report.add(
        replace(
            report,
            skippable_multiply_adds=round(products),
            skippable_transform_multiply_adds=round(transforms),
        )
    )
