"""Verify a module between passes, so that an error names the pass that broke the graph."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.errors import InternalError
from jpegcompile.ir.conformance import nonconformity
from jpegcompile.ir.graph import label
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import tensors_of
from jpegcompile.messages import Message
from jpegcompile.operators.constants import DOMAIN


def verify_module(module: Module, after: str) -> None:
    """Check the graph of a module.

    - Every tensor has one producer, which precedes its readers.
    - Every node of a jpegcompile operator matches the operator's definition.
    - Tensors have the block sizes that their nodes expect.
    - Readers of a map expect the layout that its producer writes.

    Args:
        module: the module to check.
        after: name of the pass that ran last.

    Raises:
        InternalError: if a check fails; names the pass and the problem.
    """
    problem = _dataflow_problem(module.graph) or _domain_problem(module) or _layout_problem(module)
    if problem:
        text = f"pass {after} broke the graph: {problem}; please report it"
        raise InternalError(Message(problem.code, text))


def _dataflow_problem(graph: gs.Graph) -> Message | None:
    ready = {id(tensor) for tensor in graph.inputs}
    names = {tensor.name for tensor in graph.inputs}
    for node in graph.nodes:
        for tensor in node.inputs:
            if isinstance(tensor, gs.Variable) and tensor.name and id(tensor) not in ready:
                text = f"{label(node)} reads '{tensor.name}' before it is computed"
                return Message("verify-read-too-early", text)
        for tensor in node.outputs:
            if not tensor.name:
                continue
            if tensor.name in names:
                return Message("verify-computed-twice", f"'{tensor.name}' is computed twice")
            names.add(tensor.name)
            ready.add(id(tensor))
    for tensor in graph.outputs:
        if id(tensor) not in ready and not isinstance(tensor, gs.Constant):
            text = f"output '{tensor.name}' is not computed"
            return Message("verify-output-not-computed", text)
    return None


def _domain_problem(module: Module) -> Message | None:
    for node in module.graph.nodes:
        if node.domain == DOMAIN:
            operator = module.operator(node)
            if operator is None:
                text = f"{label(node)} is not a jpegcompile operator"
                return Message("verify-unknown-operator", text)
            problem = nonconformity(node, operator, module)
            if problem is not None:
                return Message(problem.code, f"{label(node)} {problem}")
        elif any(module.current_block(t) > 1 for t in node.outputs):
            blocks = {
                module.current_block(t) for t in [*node.inputs, *node.outputs] if _is_plane(t)
            }
            if len(blocks) > 1:
                return Message("verify-mixed-blocks", f"{label(node)} mixes block sizes")
    for tensor in module.graph.outputs:
        if module.current_block(tensor) > 1:
            text = f"output '{tensor.name}' is in the JPEG domain"
            return Message("verify-output-in-jpeg-domain", text)
    return None


def _layout_problem(module: Module) -> Message | None:
    """Return a map whose reader expects another layout than its producer writes."""
    made: dict[int, tuple[int, int]] = {}
    for node in module.graph.nodes:
        operator = module.operator(node)
        if operator is None:
            compact = next((t for t in node.inputs if made.get(id(t), (1, 0))[1]), None)
            if compact is not None:
                text = f"{label(node)} cannot read the compact map '{compact.name}'"
                return Message("verify-compact-map", text)
            continue
        for operand, tensor in tensors_of(node, operator):
            if operand.role != "map":
                continue
            layout = (
                int(node.attrs.get(operand.group_attribute, 1)),
                int(node.attrs.get(operand.frequencies_attribute, 0)),
            )
            if made.setdefault(id(tensor), layout) != layout:
                text = f"{label(node)} reads '{tensor.name}' in a layout that it does not have"
                return Message("verify-layout", text)
    return None


def _is_plane(tensor: gs.Tensor) -> bool:
    """Whether a tensor is a variable that varies over height and width.

    Factors of channels do not: they are equal in both domains.
    """
    shape = tensor.shape
    return (
        isinstance(tensor, gs.Variable)
        and shape is not None
        and any(d != 1 for d in tuple(shape)[-2:])
    )
