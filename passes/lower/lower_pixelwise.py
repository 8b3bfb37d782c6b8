"""Lower nonlinear per-pixel functions to the JPEG domain, exactly.

f(x)                  =>  ToSpatial(JpegF(ToJpeg(x)))             Sigmoid, Elu, Gelu, HardSwish, ...
Mul(x, Sigmoid(x))    =>  ToSpatial(JpegSilu(ToJpeg(x)))
any nodes f(x; c...)  =>  ToSpatial(JpegPointwise_1(ToJpeg(x), c))

Each is an inverse DCT, the function and a DCT. A region of nodes becomes one function if it ends in
a nonlinear node and reads only one map; see `analysis/pixelwise.py`. The function body contains the
nodes, and kernels interpret them as a program; see `analysis/region_program.py`. A region that
cannot be written as a program gets an operator that is specific to the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.analysis.pixelwise import PRODUCTS, Region, program_name, region_of
from jpegcompile.analysis.region_program import region_program
from jpegcompile.ir.decline import Decline, map_problem
from jpegcompile.ir.graph import is_graph_output, remove_node, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter, lowered_report
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.pixelwise import (
    FUNCTIONS,
    KNOWN_PROGRAMS,
    PROGRAM,
    PROGRAMMED,
    own_function,
    with_program,
)
from jpegcompile.operators.registry import OPERATORS


class LowerPixelwise(Lowering[Region]):
    """Lowers functions of one map and constants."""

    name = "lower-pixelwise"
    op_types = (*FUNCTIONS, *PRODUCTS)

    def candidates(self, module: Module) -> list[gs.Node]:
        """Nodes in reverse order, so that each region is as large as possible."""
        return list(reversed(module.graph.nodes))

    def match(self, node: gs.Node, module: Module) -> Region | Decline | None:
        """Match a function of one map; other passes lower products of different maps."""
        if not node.outputs or len(node.outputs[0].shape or (0,) * 4) != 4:
            return None
        target = node.outputs[0]
        is_function = node.op in FUNCTIONS
        problem = map_problem(node, module, target)
        if problem is not None:
            return problem if is_function else None
        if module.assigned_block(target) == 1:
            return Region((node,), target, ()) if is_function else None
        if not is_function and not _is_nonlinear(node):
            return None
        if is_function and node.name in module.exact_nodes:
            return Decline(node, module.exact_nodes[node.name])
        positions = {id(other): index for index, other in enumerate(module.graph.nodes)}
        region = region_of(node, positions, module.exact_nodes)
        if region is None or region.source.name not in module.maps:
            return None
        return region

    def rewrite(self, node: gs.Node, match: Region, rewriter: Rewriter) -> None:
        """Replace the nodes of the region; at block size 1 the node stays."""
        source, module = match.source, rewriter.module
        block = module.assigned_block(node.outputs[0])
        if block == 1:
            rewriter.keep_node()
            return
        operator, attrs, constants = _operator(match, module)
        rewriter.replace(
            operator,
            {
                "x": rewriter.jpeg(source),
                **constants,
                **rewriter.inverse(source),
                # The region may change the precision of the map.
                **rewriter.forward(node.outputs[0]),
            },
            {**attrs, "block": block},
            transforms=(source, node.outputs[0]),
        )
        for inner in reversed(match.nodes[:-1]):
            if not inner.outputs[0].outputs and not is_graph_output(module.graph, inner.outputs[0]):
                module.report.add(lowered_report(inner, module))
                remove_node(module.graph, inner)


def _is_nonlinear(node: gs.Node) -> bool:
    """Whether a node is not a product of a map and constants, which other passes lower."""
    variables = [index for index, t in enumerate(node.inputs) if value_of(t) is None]
    if node.op == "Mul":
        return len(variables) > 1
    return node.op != "Div" or 1 in variables


def _operator(
    region: Region, module: Module
) -> tuple[Operator, Mapping[str, Any], dict[str, gs.Tensor]]:
    """Return operator, attributes and constants of a region, and record a new function body."""
    first = region.nodes[0]
    if len(region.nodes) == 1 and first.op in FUNCTIONS:
        return OPERATORS[f"Jpeg{first.op}"], {**FUNCTIONS[first.op], **first.attrs}, {}
    program = region.program()
    if program in KNOWN_PROGRAMS:
        return OPERATORS[KNOWN_PROGRAMS[program]], {}, {}
    stepwise = region_program(region, int(module.graph.opset))
    shared = None if stepwise is None else _shared(stepwise.body, module)
    if stepwise is not None and shared is not None:
        label = module.fresh(f"{region.nodes[-1].outputs[0].name}.constants")
        constants = gs.Constant(label, stepwise.constants)
        return shared, {PROGRAM: stepwise.steps}, {"constants": constants}
    named = {f"c{index}": constant for index, constant in enumerate(region.constants)}
    own = own_function(program_name(program), program, tuple(named))
    module.programs[own.name] = own
    return own, {}, named


def _shared(body: str, module: Module) -> Operator | None:
    """Return the operator that gets this function body; None if the model has too many programs."""
    for operator in PROGRAMMED:
        given = with_program(operator, body)
        if module.programs.setdefault(operator.name, given) == given:
            return given
    return None
