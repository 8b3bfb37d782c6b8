"""Count the multiply-adds that meet coefficients which truncation has made zero.

Changes nothing. The band of a map goes through what acts on each frequency alone (1x1 convolution,
normalisation, channel factors); sums and concatenations hold the wider band of their operands; all
else spreads to all frequencies.
"""

from __future__ import annotations

from dataclasses import replace

import onnx_graphsurgeon as gs

from jpegcompile.dct.frequencies import band_share, full, transform_cost
from jpegcompile.interface import DOMAIN
from jpegcompile.ir.module import Module
from jpegcompile.ir.nonlinear import input_block, inverse_transforms, output_block
from jpegcompile.ir.rewrite import Pass, elements
from jpegcompile.operators.nonlinear import NONLINEARITIES, TRUNCATE

_KEEP_BAND = frozenset(
    ("JpegPointwiseConv", "JpegBatchNormalization", "JpegAdd", "JpegSub", "JpegScale")
)
_TRANSFORM_WITHIN = NONLINEARITIES | {"JpegConv"}


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
                    bands[tensor.name] = _band_of(node, taken, block)
        for node in module.graph.nodes:
            if node.domain == DOMAIN:
                _count(node, module, bands)
        return False


def _band_of(node: gs.Node, taken: list[int], block: int) -> int:
    if node.op == TRUNCATE:
        return min(int(node.attrs["frequencies"]), taken[0])
    if taken and (node.op in _KEEP_BAND or node.domain != DOMAIN):
        return max(taken)
    return full(block)


def _count(node: gs.Node, module: Module, bands: dict[str, int]) -> None:
    if node.op == TRUNCATE or not module.report.has(node.name):
        return
    block = input_block(node)
    source, target = node.inputs[0], node.outputs[0]
    report, taken = module.report.node(node.name), bands.get(source.name, full(block))
    products = transforms = 0.0
    if node.op in ("JpegConv", "JpegPointwiseConv"):
        products = report.multiply_adds * (1 - band_share(block, taken))
    if node.op in _TRANSFORM_WITHIN:
        # The inverse transform of the map, and of the approximation that decides a mask.
        for wanted in inverse_transforms(node):
            spared = transform_cost(block, wanted) - transform_cost(block, min(wanted, taken))
            transforms += spared * elements(source)
    kept = [reader.attrs["frequencies"] for reader in target.outputs if reader.op == TRUNCATE]
    if kept:
        made = output_block(node)
        transforms += (2 * made - transform_cost(made, kept[0])) * elements(target)
    module.report.add(
        replace(
            report,
            skippable_multiply_adds=round(products),
            skippable_transform_multiply_adds=round(transforms),
        )
    )
