"""Infer shapes, and values of small tensors, one node at a time.

Inference of a whole model fails at the first node that was exported for another image size. Here
each node can be rewritten before its outputs are inferred.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TypeProto, defs, helper, numpy_helper, shape_inference
from onnx.external_data_helper import uses_external_data
from onnx.reference import ReferenceEvaluator

from jpegcompile.frontend.walk import all_graphs, all_nodes, graphs_of
from jpegcompile.interface import IR_VERSION
from jpegcompile.ir.folding import RANDOM
from jpegcompile.opset import standard_opset

Dims = tuple[int, ...]
# Shapes, axes and pads are not larger than this.
_MOST_VALUES = 1024
# Represents a dynamic batch: a number that no other dimension has.
_BATCH = 7919


@dataclass
class Tensors:
    """Known tensors of a model at one image size.

    Attributes:
        opsets: operator sets of the model.
        types: types of tensors by name.
        values: values of small tensors that depend on constants and shapes only.
        constants: names of the tensors that depend on no input of the model.
    """

    opsets: Sequence[onnx.OperatorSetIdProto]
    types: dict[str, TypeProto] = field(default_factory=dict)
    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, model: onnx.ModelProto, image: str, shape: Sequence[int]) -> Tensors:
        """Return the inputs and initializers of a model.

        A dynamic batch of any input is represented by the same number.

        Args:
            model: the model.
            image: name of the image input.
            shape: shape of the image input without its batch.
        """
        known = cls(model.opset_import)
        for value in model.graph.input:
            kind = TypeProto()
            kind.CopyFrom(value.type)
            dims = kind.tensor_type.shape.dim
            for axis, dim in enumerate(dims):
                if value.name == image and axis:
                    dim.dim_value = shape[axis - 1]
                elif axis == 0 and not dim.dim_value:
                    dim.dim_value = _BATCH
            known.types[value.name] = kind
        for tensor in model.graph.initializer:
            known.set_constant(tensor)
        return known

    @property
    def opset(self) -> int:
        """Version of the standard operator set."""
        return standard_opset(self.opsets)

    def set_constant(self, tensor: onnx.TensorProto) -> None:
        """Record a constant; its values only if it is small enough to be a shape."""
        self.types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        self.constants.add(tensor.name)
        if math.prod(tensor.dims) <= _MOST_VALUES and not uses_external_data(tensor):
            self.values[tensor.name] = numpy_helper.to_array(tensor)

    def dims(self, name: str) -> Dims | None:
        """Return the shape of a tensor; None if a dimension is unknown."""
        kind = self.types.get(name)
        if kind is None or not kind.tensor_type.HasField("shape"):
            return None
        sizes = kind.tensor_type.shape.dim
        if not all(size.HasField("dim_value") for size in sizes):
            return None
        return tuple(size.dim_value for size in sizes)

    def infer(self, node: onnx.NodeProto) -> None:
        """Record types and values of a node's outputs, as far as they can be inferred.

        Raises:
            onnx.shape_inference.InferenceError: if its operands contradict each other.
        """
        self.types.update(self.made(node))
        if reads(node) <= self.constants:
            self.constants.update(node.output)
        self._evaluate(node)

    def made(self, node: onnx.NodeProto) -> dict[str, TypeProto]:
        """Return the types of a node's outputs by name, without recording them.

        Raises:
            onnx.shape_inference.InferenceError: if its operands contradict each other.
        """
        is_standard = node.domain in ("", "ai.onnx") and not any(True for _ in graphs_of(node))
        if not is_standard or not {name for name in node.input if name} <= self.types.keys():
            return {}
        schema = defs.get_schema(node.op_type, self.opset, "")
        given = {name: self.types[name] for name in node.input if name}
        data = {
            name: numpy_helper.from_array(np.asarray(self.values[name]), name)
            for name in node.input
            if name in self.values
        }
        return shape_inference.infer_node_outputs(
            schema, node, given, data, opset_imports=list(self.opsets), ir_version=IR_VERSION
        )

    def _evaluate(self, node: onnx.NodeProto) -> None:
        """Compute small outputs of a Shape, or of a node whose operands all have known values."""
        if node.op_type in ("Shape", "Size"):
            dims = self.dims(node.input[0])
            if dims is None:
                return
            given = {node.input[0]: np.broadcast_to(np.zeros((), np.float32), dims)}
        elif node.op_type in RANDOM or not reads(node) <= self.values.keys():
            return
        else:
            given = {name: self.values[name] for name in reads(node)}
        made = [self.dims(name) for name in node.output if name]
        if any(dims is None or math.prod(dims) > _MOST_VALUES for dims in made):
            return
        try:
            results = _run(node, given, self.opsets)
        except Exception:
            # The reference may lack an operator. Nodes that need the values are declined.
            return
        self.values.update(zip([n for n in node.output if n], results, strict=True))


def holds_batch(size: int) -> bool:
    """Whether a size is the dynamic batch, or a multiple of it."""
    return size % _BATCH == 0


def shape_text(dims: Dims | None) -> str:
    """Return a shape for messages, with N for a dynamic batch."""
    return "[" + ", ".join("N" if size == _BATCH else str(size) for size in dims or ()) + "]"


def reads(node: onnx.NodeProto) -> set[str]:
    """Return the names of the tensors that a node and its subgraphs read."""
    names = {name for name in node.input if name}
    for graph in graphs_of(node):
        made = {value.name for part in all_graphs(graph) for value in _declared(part)}
        made |= {name for inner in all_nodes(graph) for name in inner.output}
        read = {name for inner in all_nodes(graph) for name in inner.input if name}
        read |= {value.name for part in all_graphs(graph) for value in part.output}
        names |= read - made
    return names


def _declared(graph: onnx.GraphProto) -> Iterator[onnx.ValueInfoProto | onnx.TensorProto]:
    yield from graph.input
    yield from graph.initializer


def _run(
    node: onnx.NodeProto,
    given: dict[str, NDArray[Any]],
    opsets: Iterable[onnx.OperatorSetIdProto],
) -> list[NDArray[Any]]:
    """Compute the outputs of a node with the ONNX reference implementation."""
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for name, v in given.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    graph = helper.make_graph([node], "node", inputs, outputs)
    model = helper.make_model(graph, opset_imports=list(opsets), ir_version=IR_VERSION)
    return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, given)]
