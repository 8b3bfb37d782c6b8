"""Truncate the output of piecewise linear operators to low frequencies.

JpegRelu(x), n  =>  JpegTruncate(JpegRelu(x), band(n))        the same for other nonlinearities

Approximate, except for n = 2b - 1, which includes all frequencies; then nothing is rewritten.
"""

from __future__ import annotations

from dataclasses import replace

import onnx_graphsurgeon as gs

from jpegcompile.dct.frequencies import full, resolve
from jpegcompile.ir.graph import replace_uses
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.operands import is_operator, make_node, operator_of, output_block
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.piecewise import TRUNCATE
from jpegcompile.operators.queries import is_piecewise_linear


class TruncateFrequencies(Pass):
    """Appends a JpegTruncate to each nonlinearity that the frequency plan truncates."""

    name = "truncate-frequencies"

    def run(self, module: Module) -> bool:
        """Append the nodes; returns whether an output was truncated."""
        changed = False
        for node in list(module.graph.nodes):
            operator = operator_of(node)
            if operator is None or not is_piecewise_linear(operator):
                continue
            block = output_block(node, operator)
            if block == 1 or any(is_operator(r, TRUNCATE) for r in node.outputs[0].outputs):
                continue
            changed |= _truncate(node, block, module)
        if changed:
            module.graph.toposort()
        return changed


def _truncate(node: gs.Node, block: int, module: Module) -> bool:
    whole = node.outputs[0]
    count = resolve(module.options.frequencies.of(node.name).keep, block)
    report = replace(module.report.node(node.name), truncate=count)
    module.report.add(report)
    if count == full(block):
        return False
    name = module.fresh(f"{whole.name}.truncated")
    kept = gs.Variable(name, dtype=whole.dtype, shape=whole.shape)
    module.blocks[name] = block
    module.twins[name] = module.twins[whole.name]
    replace_uses(whole, kept)
    truncation = make_node(
        TRUNCATE,
        module.fresh(f"{node.name}.truncated"),
        {
            "x": whole,
            "band": module.constants.band(*size_of(whole), block, count, whole.dtype),
        },
        {"block": block, "frequencies": count},
        [kept],
    )
    module.graph.nodes.append(truncation)
    return True
