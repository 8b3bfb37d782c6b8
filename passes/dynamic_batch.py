"""Make a fixed batch of the image input symbolic, where every operator behind it works by image.

input[1, C, H, W]  =>  input[N, C, H, W]        exact: each image is computed alone
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.dct.ingest import ChannelAffine
from jpegcompile.ir.graph import input_at, label, value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.ir.statistics import inference_affine

BATCH = "N"

_ELEMENTWISE = frozenset(
    (
        "Abs",
        "Add",
        "Cast",
        "Clip",
        "Div",
        "Dropout",
        "Elu",
        "Equal",
        "Erf",
        "Exp",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "LeakyRelu",
        "Log",
        "Max",
        "Min",
        "Mish",
        "Mul",
        "Neg",
        "PRelu",
        "Pow",
        "Relu",
        "Selu",
        "Sigmoid",
        "Softplus",
        "Sqrt",
        "Sub",
        "Sum",
        "Tanh",
    )
)
_BY_IMAGE = frozenset(
    (
        "AveragePool",
        "Conv",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "InstanceNormalization",
        "MaxPool",
    )
)


class DynamicBatch(Pass):
    """Rename the batch dimension of graph input and outputs, or note why it stays fixed."""

    name = "dynamic-batch"

    def run(self, module: Module) -> bool:
        """Returns whether the batch became symbolic."""
        graph = module.graph
        image = next(t for t in graph.inputs if t.name == module.image.name)
        if not isinstance(image.shape[0], int):
            module.dynamic_batch = True
            return False
        if image.shape[0] != 1:
            _note(module, f"batch stays {image.shape[0]}: the model was exported for it")
            return False
        reason = _obstacle(graph, image)
        if reason:
            _note(module, f"batch stays 1: {reason}")
            return False
        image.shape = (BATCH, *image.shape[1:])
        module.dynamic_batch = True
        return True


def _note(module: Module, text: str) -> None:
    if text not in module.report.notes:
        module.report.notes.append(text)


def _obstacle(graph: gs.Graph, image: gs.Tensor) -> str | None:
    """Why the batch cannot be made symbolic; None if it can."""
    if len(graph.inputs) > 1:
        return "the model has other inputs, which may be of one batch"
    carriers = {id(image)}
    for node in graph.nodes:
        if not any(id(t) in carriers for t in node.inputs):
            if _reads_from_outside(node):
                return f"{label(node)} has subgraphs"
            continue
        if not _keeps_images_apart(node, carriers):
            return f"{label(node)} may mix or count images"
        carriers.update(id(t) for t in node.outputs)
    for output in graph.outputs:
        if id(output) not in carriers:
            return f"output '{output.name}' does not depend on the image"
    return None


def _reads_from_outside(node: gs.Node) -> bool:
    return any(isinstance(value, gs.Graph) for value in node.attrs.values())


def _keeps_images_apart(node: gs.Node, carriers: set[int]) -> bool:
    if node.op in _ELEMENTWISE:
        return _broadcasts_over_batch(node, carriers)
    if node.op == "Concat":
        return _attribute_axis(node, 0) not in (None, 0) and _all_carry(node.inputs, carriers)
    if not _all_carry(node.inputs[:1], carriers) or _some_carry(node.inputs[1:], carriers):
        return False
    if node.op in _BY_IMAGE:
        # Positions of maxima count through the whole batch.
        return not any(t.name for t in node.outputs[1:])
    check = _CHECKS.get(node.op)
    return check is not None and check(node)


def _all_carry(tensors: Sequence[gs.Tensor], carriers: set[int]) -> bool:
    return all(id(t) in carriers for t in tensors)


def _some_carry(tensors: Sequence[gs.Tensor], carriers: set[int]) -> bool:
    return any(id(t) in carriers for t in tensors)


def _broadcasts_over_batch(node: gs.Node, carriers: set[int]) -> bool:
    """Operands besides the images must not have a batch of their own."""
    ranks = [len(t.shape) for t in node.inputs if id(t) in carriers and t.shape is not None]
    for tensor in node.inputs:
        if id(tensor) in carriers or not tensor.name:
            continue
        shape = tensor.shape
        if shape is None or not ranks:
            return False
        if len(shape) > max(ranks) or (len(shape) == max(ranks) and shape[0] != 1):
            return False
    return len(set(ranks)) == 1


def _attribute_axis(node: gs.Node, default: int) -> int | None:
    rank = len(node.inputs[0].shape or ())
    return int(node.attrs.get("axis", default)) % rank if rank else None


def _axes_spare_batch(node: gs.Node, axes: Any) -> bool:
    """Whether axes are known and the batch is none of them; no axes at all can mean every one."""
    rank = len(node.inputs[0].shape or ())
    return axes is not None and len(axes) > 0 < rank and 0 not in {int(a) % rank for a in axes}


def _reduce(node: gs.Node) -> bool:
    operand = input_at(node, 1)
    return _axes_spare_batch(node, node.attrs.get("axes") if operand is None else value_of(operand))


def _slice(node: gs.Node) -> bool:
    if "starts" in node.attrs:
        axes: Any = node.attrs.get("axes", range(len(node.attrs["starts"])))
    else:
        operand, starts = input_at(node, 3), value_of(node.inputs[1])
        axes = (
            value_of(operand)
            if operand is not None
            else range(0 if starts is None else starts.size)
        )
    return _axes_spare_batch(node, axes)


def _pad(node: gs.Node) -> bool:
    pads = node.attrs.get("pads")
    if pads is None and len(node.inputs) > 1:
        pads = value_of(node.inputs[1])
    if pads is None or input_at(node, 3) is not None:
        return False
    return not pads[0] and not pads[len(pads) // 2]


def _reshape(node: gs.Node) -> bool:
    target = value_of(node.inputs[1])
    return target is not None and target.size > 1 and target[0] == 0


_CHECKS = {
    "BatchNormalization": lambda node: isinstance(inference_affine(node), ChannelAffine),
    "Flatten": lambda node: _attribute_axis(node, 1) == 1,
    "Gemm": lambda node: not node.attrs.get("transA") and _constant_operands(node),
    "MatMul": lambda node: (
        _constant_operands(node)
        and len(node.inputs[0].shape or ()) >= 2
        and len(node.inputs[1].shape) == 2
    ),
    "Transpose": lambda node: list(node.attrs.get("perm", ()))[:1] == [0],
    "Softmax": lambda node: _attribute_axis(node, -1) not in (None, 0),
    "LogSoftmax": lambda node: _attribute_axis(node, -1) not in (None, 0),
    "ArgMax": lambda node: _attribute_axis(node, 0) not in (None, 0),
    "Reshape": _reshape,
    "ReduceMean": _reduce,
    "ReduceSum": _reduce,
    "ReduceMax": _reduce,
    "Slice": _slice,
    "Pad": _pad,
}


def _constant_operands(node: gs.Node) -> bool:
    return all(value_of(t) is not None for t in node.inputs[1:] if t.name)
