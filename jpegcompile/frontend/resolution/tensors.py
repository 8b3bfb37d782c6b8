"""What follows of the size of the image: shapes of tensors and values of small ones, node by node.

Inference of a whole model stops at the first node that was written for another size. This one goes
from node to node, so that each can be rewritten before its results are inferred.
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
# Larger tensors hold no shapes, axes or pads.
_MOST_VALUES = 1024
# Stands for an open batch: a number of images that no other dimension will be.
_BATCH = 7919


@dataclass
class Tensors:
    """What is known of the tensors of a model at one size of its image.

    Attributes:
        opsets: of the model.
        types: of every tensor whose type is known, by name.
        values: of small tensors that follow from constants and shapes.
        constants: names of the tensors that depend on no input of the model.
    """

    opsets: Sequence[onnx.OperatorSetIdProto]
    types: dict[str, TypeProto] = field(default_factory=dict)
    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, model: onnx.ModelProto, image: str, shape: Sequence[int]) -> Tensors:
        """Inputs and initializers of a model whose input `image` has that shape behind its batch.

        An open batch, of this input or another one, is taken to be one number.
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
        """Version of the standard operators."""
        return standard_opset(self.opsets)

    def set_constant(self, tensor: onnx.TensorProto) -> None:
        """Take in a constant; its values only where they may be a shape."""
        self.types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        self.constants.add(tensor.name)
        if math.prod(tensor.dims) <= _MOST_VALUES and not uses_external_data(tensor):
            self.values[tensor.name] = numpy_helper.to_array(tensor)

    def dims(self, name: str) -> Dims | None:
        """The shape of a tensor; None where it is not known as a whole."""
        kind = self.types.get(name)
        if kind is None or not kind.tensor_type.HasField("shape"):
            return None
        sizes = kind.tensor_type.shape.dim
        if not all(size.HasField("dim_value") for size in sizes):
            return None
        return tuple(size.dim_value for size in sizes)

    def infer(self, node: onnx.NodeProto) -> None:
        """Set types and values of what a node makes, as far as they follow.

        Raises:
            onnx.shape_inference.InferenceError: if its operands contradict each other.
        """
        self.types.update(self.made(node))
        if reads(node) <= self.constants:
            self.constants.update(node.output)
        self._evaluate(node)

    def made(self, node: onnx.NodeProto) -> dict[str, TypeProto]:
        """Types of what a node makes, by name; nothing is set.

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
        """Compute small results of a node all of whose operands have values, or of a Shape."""
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
            # The reference may lack an operator; what needs its values is declined.
            return
        self.values.update(zip([n for n in node.output if n], results, strict=True))


def holds_batch(size: int) -> bool:
    """Whether a size is the open batch, or a multiple of it."""
    return size % _BATCH == 0


def shape_text(dims: Dims | None) -> str:
    """How messages spell a shape: an open batch is N."""
    return "[" + ", ".join("N" if size == _BATCH else str(size) for size in dims or ()) + "]"


def reads(node: onnx.NodeProto) -> set[str]:
    """Names of the tensors that a node reads, its subgraphs included."""
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
    """Results of a node by the reference implementation of ONNX."""
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for name, v in given.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    graph = helper.make_graph([node], "node", inputs, outputs)
    model = helper.make_model(graph, opset_imports=list(opsets), ir_version=IR_VERSION)
    return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, given)]
