"""Checks between passes: whoever breaks the graph is named, at the pass that did it."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.errors import InternalError
from jpegcompile.interface import DECODE, DECODE_GRAY, TO_JPEG, TO_SPATIAL
from jpegcompile.ir.graph import label
from jpegcompile.ir.module import Module


def verify_module(module: Module, after: str) -> None:
    """Every tensor has one source, comes before its readers, and casts agree with the domains.

    Raises:
        InternalError: naming the pass and what is wrong.
    """
    problem = _dataflow_problem(module.graph) or _domain_problem(module)
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
        if node.op in (TO_JPEG, TO_SPATIAL):
            jpeg = node.inputs[0] if node.op == TO_SPATIAL else node.outputs[0]
            spatial = node.outputs[0] if node.op == TO_SPATIAL else node.inputs[0]
            block = node.attrs["block"]
            if module.domain(jpeg) != block or module.domain(spatial) != 1:
                return f"{label(node)} does not join the domains that its tensors are in"
        elif node.op.startswith("Jpeg") and node.op not in (DECODE, DECODE_GRAY):
            wanted = node.attrs.get("output_block", node.attrs.get("block"))
            if module.domain(node.outputs[0]) != wanted:
                return f"{label(node)} makes block size {wanted}, its output has another"
            taken = node.attrs.get("input_block", node.attrs.get("block"))
            if "Ingest" not in node.op and module.domain(node.inputs[0]) != taken:
                return f"{label(node)} takes block size {taken}, its input has another"
        elif any(module.domain(t) > 1 for t in node.outputs):
            blocks = {module.domain(t) for t in [*node.inputs, *node.outputs] if _is_plane(t)}
            if len(blocks) > 1:
                return f"{label(node)} mixes domains"
    for tensor in module.graph.outputs:
        if module.domain(tensor) > 1:
            return f"output '{tensor.name}' is in the jpeg domain"
    return None


def _is_plane(tensor: gs.Tensor) -> bool:
    """A variable that varies over height and width (channel factors are the same in any domain)."""
    shape = tensor.shape
    return (
        isinstance(tensor, gs.Variable)
        and shape is not None
        and any(d != 1 for d in tuple(shape)[-2:])
    )
