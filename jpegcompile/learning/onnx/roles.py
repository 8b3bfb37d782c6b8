"""Which constants of a graph are learned.

Learned are, in float:
- weights and biases of Conv, ConvTranspose, Gemm and MatMul;
- scale and shift of normalizations, and the running statistics of batch normalizations as buffers;
- slopes of PRelu;
- operands of Mul and Add that are initializers of the file with several values, behind the first
  weight of the network: scales of layers, shifts, embeddings of positions.

All other constants are fixed: preprocessing in the graph, numbers, shapes, Constant nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import onnx_graphsurgeon as gs

from jpegcompile.ir.graph import is_float
from jpegcompile.operators.normalization import SPATIAL_GROUP_NORMALIZATION

_AFFINE = {1: "weight", 2: "bias"}
ROLES: Mapping[str, Mapping[int, str]] = {
    "BatchNormalization": {**_AFFINE, 3: "running_mean", 4: "running_var"},
    "Conv": _AFFINE,
    "ConvTranspose": _AFFINE,
    "Gemm": _AFFINE,
    "GroupNormalization": _AFFINE,
    "InstanceNormalization": _AFFINE,
    "LayerNormalization": _AFFINE,
    "MatMul": {0: "weight", 1: "weight"},
    "PRelu": {1: "weight"},
    SPATIAL_GROUP_NORMALIZATION: _AFFINE,
}
_SCALED = {"Add": "bias", "Mul": "scale"}
STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True)
class Role:
    """A learned constant in a node.

    Attributes:
        tensor: the constant.
        node: its reader.
        index: index of the input.
        name: what it is in the module: "weight", "bias", "running_mean", ...
    """

    tensor: gs.Constant
    node: gs.Node
    index: int
    name: str


def learned_roles(graph: gs.Graph, initializers: Collection[str]) -> Iterator[Role]:
    """Yield the learned constants of a graph in the order of its nodes.

    Args:
        graph: the graph in canonical form.
        initializers: names of the initializers of the file.
    """
    behind: set[int] = set()
    for node in graph.nodes:
        roles = dict(ROLES.get(node.op, {}))
        if node.op in _SCALED and any(id(t) in behind for t in node.inputs):
            roles = {
                index: _SCALED[node.op]
                for index, tensor in enumerate(node.inputs)
                if tensor.name in initializers
                and isinstance(tensor, gs.Constant)
                and tensor.values.size > 1
            }
        found = [
            Role(tensor, node, index, name)
            for index, name in roles.items()
            if index < len(node.inputs)
            and isinstance(tensor := node.inputs[index], gs.Constant)
            and is_float(tensor)
        ]
        yield from found
        if found or any(id(t) in behind for t in node.inputs):
            behind.update(id(t) for t in node.outputs)
