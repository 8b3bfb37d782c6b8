"""Lower nonlinear functions of each pixel to the JPEG domain, exactly.

f(x)                  =>  ToSpatial(JpegF(ToJpeg(x)))             Sigmoid, Elu, Gelu, HardSwish, ...
Mul(x, Sigmoid(x))    =>  ToSpatial(JpegSilu(ToJpeg(x)))
any nodes f(x; c...)  =>  ToSpatial(JpegPointwise_1(ToJpeg(x), c))

Each: inverse DCT, the function, DCT. A region of nodes that ends in a nonlinear one and reads one
map only is one function, see `analysis/pointwise.py`. Its body holds the nodes; kernels read them
as steps, see `analysis/region_program.py`. Where it has no steps it has an operator named by its
program.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.analysis.pointwise import PRODUCTS, Region, program_name, region_of
from jpegcompile.analysis.region_program import PROGRAM, region_program
from jpegcompile.ir.graph import is_graph_output, remove_node, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Decline, Lowering, Rewriter, lowered_report, map_problem
from jpegcompile.operators.pointwise import FUNCTIONS, KNOWN_PROGRAMS, PROGRAMMED, OwnBody


class LowerPointwise(Lowering[Region]):
    """Functions of one map and constants."""

    name = "lower-pointwise"
    op_types = (*FUNCTIONS, *PRODUCTS)

    def candidates(self, module: Module) -> list[gs.Node]:
        """The last node of a region comes first, so that each region is as large as it can be."""
        return list(reversed(module.graph.nodes))

    def match(self, node: gs.Node, module: Module) -> Region | Decline | None:
        """A function of one map; a product of different maps is left to other passes."""
        if not node.outputs or len(node.outputs[0].shape or (0,) * 4) != 4:
            return None
        target = node.outputs[0]
        is_function = node.op in FUNCTIONS
        problem = map_problem(node, module, target)
        if problem is not None:
            return problem if is_function else None
        if module.block(target) == 1:
            return Region((node,), target, ()) if is_function else None
        if not is_function and not _is_nonlinear(node):
            return None
        if is_function and node.name in module.plateaus:
            return Decline(node, module.plateaus[node.name])
        positions = {id(other): index for index, other in enumerate(module.graph.nodes)}
        region = region_of(node, positions, module.plateaus)
        if region is None or region.source.name not in module.maps:
            return None
        return region

    def rewrite(self, node: gs.Node, match: Region, rewriter: Rewriter) -> None:
        """At block size 1 the operator is its own twin."""
        source, module = match.source, rewriter.module
        block = module.block(node.outputs[0])
        if block == 1:
            rewriter.keep_trivial()
            return
        op, attrs, constants = _operator(match, module)
        rewriter.replace(
            op,
            [
                rewriter.jpeg(source),
                *constants,
                *rewriter.inverse(source),
                # The region may change the precision.
                *rewriter.forward(node.outputs[0]),
            ],
            {**attrs, "block": block},
            transforms=(source, node.outputs[0]),
        )
        for inner in reversed(match.nodes[:-1]):
            if not inner.outputs[0].outputs and not is_graph_output(module.graph, inner.outputs[0]):
                module.report.add(lowered_report(inner, module))
                remove_node(module.graph, inner)


def _is_nonlinear(node: gs.Node) -> bool:
    """Whether a product is not a map times constant factors, which other passes lower."""
    variables = [index for index, t in enumerate(node.inputs) if value_of(t) is None]
    if node.op == "Mul":
        return len(variables) > 1
    return node.op != "Div" or 1 in variables


def _operator(
    region: Region, module: Module
) -> tuple[str, Mapping[str, Any], tuple[gs.Constant, ...]]:
    """Name, attributes and constants of a region's operator; its program is kept for its body."""
    first = region.nodes[0]
    if len(region.nodes) == 1 and first.op in FUNCTIONS:
        return f"Jpeg{first.op}", {**FUNCTIONS[first.op], **first.attrs}, ()
    program = region.program()
    name = program_name(program)
    stepwise = None
    if name not in KNOWN_PROGRAMS.values():
        stepwise = region_program(region, int(module.graph.opset))
    if stepwise is not None:
        body = OwnBody(stepwise.body, ("constants",), (PROGRAM,))
        known = (n for n in PROGRAMMED if module.programs.get(n, body) == body)
        shared = next(known, None)
        if shared is not None:
            module.programs[shared] = body
            label = module.fresh(f"{region.nodes[-1].outputs[0].name}.constants")
            constants = gs.Constant(label, stepwise.constants)
            return shared, {PROGRAM: stepwise.steps}, (constants,)
    operands = tuple(f"c{index}" for index in range(len(region.constants)))
    module.programs[name] = OwnBody(program, operands)
    return name, {}, region.constants
