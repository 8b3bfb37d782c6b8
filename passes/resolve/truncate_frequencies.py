"""Keep only low frequencies of what piecewise linear operators give.

JpegRelu(x), n  =>  JpegTruncate(JpegRelu(x), band(n))        and so for the other nonlinearities

Approximate, unless n is 2b - 1, all frequencies there are: then nothing is rewritten.
"""

from __future__ import annotations

from dataclasses import replace

import onnx_graphsurgeon as gs

from jpegcompile.dct.frequencies import full, resolve
from jpegcompile.interface import DOMAIN
from jpegcompile.ir.graph import replace_uses
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.nonlinear import output_block
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.nonlinear import NONLINEARITIES, TRUNCATE


class TruncateFrequencies(Pass):
    """One JpegTruncate behind each nonlinearity that the frequency plan truncates."""

    name = "truncate-frequencies"

    def run(self, module: Module) -> bool:
        """Returns whether a result was truncated."""
        changed = False
        for node in list(module.graph.nodes):
            if node.op not in NONLINEARITIES or output_block(node) == 1:
                continue
            if any(reader.op == TRUNCATE for reader in node.outputs[0].outputs):
                continue
            changed |= _truncate(node, module)
        if changed:
            module.graph.toposort()
        return changed


def _truncate(node: gs.Node, module: Module) -> bool:
    block, whole = output_block(node), node.outputs[0]
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
    module.graph.nodes.append(
        gs.Node(
            TRUNCATE,
            module.fresh(f"{node.name}.truncated"),
            {"block": block, "frequencies": count},
            [whole, module.constants.band(*size_of(whole), block, count, whole.dtype)],
            [kept],
            DOMAIN,
        )
    )
    return True
