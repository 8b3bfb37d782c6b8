"""Compute in float32 where the source computes in float16.

Op(x: float16, w: float16) -> y: float16  =>  Op(x: float32, w: float32) -> y: float32
Cast(x: float16 -> float32)               =>  x

Inputs and outputs keep their types, with an additional Cast. Operators whose output does not have
the precision of their inputs (If, ConstantOfShape, operators of other operator sets, ...) stay in
float16 between casts. Weights are converted without loss; `store_half.py` restores them.

The DC coefficient of a constant tile is b times the value of its pixels. In float16 it overflows at
values b times smaller. Its rounding error shifts all pixels of the tile equally, so the error does
not average out. The JPEG domain therefore requires float32. On CPUs, ONNX Runtime computes float16
networks in float32 anyway. Outputs differ from float16 arithmetic, but are closer to exact
arithmetic with the same weights.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from onnx import TensorProto, defs

from jpegcompile.ir.graph import bypass
from jpegcompile.ir.image import image_tensor
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class WidenHalf(Pass):
    """Changes types of tensors, which must be known; shapes stay."""

    name = "widen-half"

    def run(self, module: Module) -> bool:
        """Widen tensors; returns whether a tensor was widened."""
        graph = module.graph
        wide = {id(n) for n in graph.nodes if n.op != "Cast" and _can_be_wide(n, graph.opset)}
        casts = {id(n) for n in graph.nodes if n.op == "Cast" and n.domain in (None, "")}
        halves = [t for t in graph.tensors().values() if t.dtype == np.float16]
        fixed = {id(t) for g in (graph, *graph.subgraphs(recursive=True)) for t in g.outputs}
        fixed |= {id(t) for t in graph.inputs}
        changed = False
        for tensor in halves:
            if module.options.takes_files and tensor is image_tensor(module):
                # The ingest will compute this tensor.
                _retype(tensor, module, wide | casts)
                changed = True
            else:
                changed |= _widen(tensor, module, wide, casts, fixed)
        if changed:
            for node in list(graph.nodes):
                if node.op == "Cast" and id(node) in casts:
                    _settle(node, graph)
            graph.cleanup().toposort()
        return changed


def _can_be_wide(node: gs.Node, opset: int) -> bool:
    """Whether only the inputs of a node determine the precision of its outputs."""
    if node.domain not in (None, "", "ai.onnx"):
        return False
    if any(isinstance(value, gs.Graph) for value in node.attrs.values()):
        return False
    schema = defs.get_schema(node.op, opset, "")
    read = {schema.inputs[min(i, len(schema.inputs) - 1)].type_str for i in range(len(node.inputs))}
    choices = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
    return not any(
        made.type_str not in read and any("float16" in kind for kind in choices[made.type_str])
        for made in schema.outputs
        if made.type_str in choices
    )


def _widen(
    tensor: gs.Tensor, module: Module, wide: set[int], casts: set[int], fixed: set[int]
) -> bool:
    """Let the producer and readers of a float16 tensor use float32 where possible.

    Args:
        tensor: the tensor.
        module: the module that contains the tensor.
        wide: `id` of the nodes that can compute in float32, except for casts.
        casts: `id` of the Cast nodes.
        fixed: `id` of the tensors whose type must not change.

    Returns:
        Whether the graph changed.
    """
    readers = [node for node in tensor.outputs if id(node) in wide or _narrows(node)]
    if isinstance(tensor, gs.Constant):
        if readers:
            _replace(tensor, _widened_constant(tensor, module), readers)
        return bool(readers)
    maker = tensor.inputs[0] if tensor.inputs else None
    made_wide = maker is not None and id(maker) in wide
    if id(tensor) in fixed or not (maker is None or made_wide or id(maker) in casts):
        if not readers and not made_wide:
            return False
        result = _variable(module, tensor, np.float32)
        if made_wide:
            assert maker is not None
            maker.outputs = [result if t is tensor else t for t in maker.outputs]
            _cast(module, result, tensor)
        else:
            _cast(module, tensor, result)
        _replace(tensor, result, readers)
        return True
    if not made_wide and not any(id(node) in wide | casts for node in tensor.outputs):
        return False
    _retype(tensor, module, wide | casts)
    return True


def _retype(tensor: gs.Tensor, module: Module, readers: set[int]) -> None:
    """Make a tensor float32; nodes other than `readers` read it through a cast."""
    tensor.dtype = np.dtype(np.float32)
    others = [node for node in tensor.outputs if id(node) not in readers]
    if others:
        half = _variable(module, tensor, np.float16)
        _replace(tensor, half, others)
        _cast(module, tensor, half)


def _narrows(node: gs.Node) -> bool:
    """Whether a node is a cast to a type other than float16 and float32."""
    return node.op == "Cast" and node.outputs[0].dtype not in (np.float16, np.float32)


def _widened_constant(tensor: gs.Constant, module: Module) -> gs.Constant:
    values = np.asarray(tensor.values).astype(np.float32)
    result = gs.Constant(module.fresh(f"{tensor.name}.float32"), values)
    module.half_constants[result.name] = tensor
    return result


def _variable(module: Module, twin: gs.Tensor, dtype: type[np.floating]) -> gs.Variable:
    kind = np.dtype(dtype)
    return gs.Variable(module.fresh(f"{twin.name}.{kind.name}"), kind, twin.shape)


def _cast(module: Module, source: gs.Tensor, target: gs.Tensor) -> None:
    to = TensorProto.FLOAT16 if target.dtype == np.float16 else TensorProto.FLOAT
    name = module.fresh(f"{source.name}.to.{np.dtype(target.dtype).name}")
    module.graph.nodes.append(gs.Node("Cast", name, {"to": int(to)}, [source], [target]))


def _replace(old: gs.Tensor, new: gs.Tensor, readers: list[gs.Node]) -> None:
    for reader in readers:
        reader.inputs = [new if t is old else t for t in reader.inputs]


def _settle(cast: gs.Node, graph: gs.Graph) -> None:
    """Update the target type of a cast, or remove the cast if it has no effect."""
    source, target = cast.inputs[0], cast.outputs[0]
    if target.dtype != np.float32:
        return
    cast.attrs["to"] = int(TensorProto.FLOAT)
    if source.dtype == np.float32:
        bypass(graph, cast)
