"""Checks between passes: whoever breaks the graph is named, at the pass that did it."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.errors import InternalError
from jpegcompile.ir.conformance import nonconformity
from jpegcompile.ir.graph import label
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import tensors_of
from jpegcompile.operators.constants import DOMAIN


def verify_module(module: Module, after: str) -> None:
    """Check the graph.

    Every tensor has one source and comes before its readers. Every node of the domain is as its
    operator is defined, tensors are in the domains that nodes take and make, and readers take maps
    in the layout in which they are made.

    Raises:
        InternalError: naming the pass and what is wrong.
    """
    problem = _dataflow_problem(module.graph) or _domain_problem(module) or _layout_problem(module)
    if problem:
        raise InternalError(f"pass {after} broke the graph: {problem}; please report it")


def _dataflow_problem(graph: gs.Graph) -> str | None:
    ready = {id(tensor) for tensor in graph.inputs}
    names = {tensor.name for tensor in graph.inputs}
    for node in graph.nodes:
        for tensor in node.inputs:
            if isinstance(tensor, gs.Variable) and tensor.name and id(tensor) not in ready:
                return f"{label(node)} reads '{tensor.name}' before it is made"
        for tensor in node.outputs:
            if not tensor.name:
                continue
            if tensor.name in names:
                return f"'{tensor.name}' is made twice"
            names.add(tensor.name)
            ready.add(id(tensor))
    for tensor in graph.outputs:
        if id(tensor) not in ready and not isinstance(tensor, gs.Constant):
            return f"output '{tensor.name}' is not made"
    return None


def _domain_problem(module: Module) -> str | None:
    for node in module.graph.nodes:
        if node.domain == DOMAIN:
            operator = module.operator(node)
            if operator is None:
                return f"{label(node)} is no operator of the domain"
            problem = nonconformity(node, operator, module)
            if problem is not None:
                return f"{label(node)} {problem}"
        elif any(module.current_block(t) > 1 for t in node.outputs):
            blocks = {
                module.current_block(t) for t in [*node.inputs, *node.outputs] if _is_plane(t)
            }
            if len(blocks) > 1:
                return f"{label(node)} mixes domains"
    for tensor in module.graph.outputs:
        if module.current_block(tensor) > 1:
            return f"output '{tensor.name}' is in the jpeg domain"
    return None


def _layout_problem(module: Module) -> str | None:
    """Readers of a map agree with what makes it on how the map stands in memory."""
    made: dict[int, tuple[int, int]] = {}
    for node in module.graph.nodes:
        operator = module.operator(node)
        if operator is None:
            compact = next((t for t in node.inputs if made.get(id(t), (1, 0))[1]), None)
            if compact is not None:
                return f"{label(node)} reads '{compact.name}', of which few coefficients stand"
            continue
        for operand, tensor in tensors_of(node, operator):
            if operand.role != "map":
                continue
            layout = (
                int(node.attrs.get(operand.group_attribute, 1)),
                int(node.attrs.get(operand.frequencies_attribute, 0)),
            )
            if made.setdefault(id(tensor), layout) != layout:
                return f"{label(node)} reads '{tensor.name}' in another layout than it is made in"
    return None


def _is_plane(tensor: gs.Tensor) -> bool:
    """A variable that varies over height and width (channel factors are the same in any domain)."""
    shape = tensor.shape
    return (
        isinstance(tensor, gs.Variable)
        and shape is not None
        and any(d != 1 for d in tuple(shape)[-2:])
    )
