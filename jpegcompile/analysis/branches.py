"""Maps of rank 4 that replace tensors of rank 5 and more, and the nodes that compute them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.ir.graph import is_float, is_graph_output, replace_uses, static_dims, value_of
from jpegcompile.ir.module import Module

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Stack:
    """A tensor [N, *branches, H, W] as a map of rank 4.

    Attributes:
        map: map [N, C, H, W] with the same elements in the same order.
        branches: sizes of the axes between batch and height; their product is C.
    """

    map: gs.Tensor
    branches: tuple[int, ...]

    def indices(self) -> Indices:
        """Channel number of each branch: an array of shape `branches`."""
        return np.arange(math.prod(self.branches)).reshape(self.branches)


class Surgery:
    """Known tensors of rank 5 and more, and the nodes that replace them.

    Attributes:
        module: the module of the graph.
        stacks: known tensors of rank 5 and more, by `id`.
        changed: whether a graph output or a remaining node reads another tensor than before.
        has_added: whether nodes were added; the graph then needs cleanup and sorting.
    """

    def __init__(self, module: Module) -> None:
        """Create an instance without known tensors."""
        self.module = module
        self.stacks: dict[int, Stack] = {}
        self.changed = self.has_added = False

    def stack_of(self, tensor: gs.Tensor) -> Stack | None:
        """Return a known tensor as a stack; a map of rank 4 is the stack of its channels."""
        found = self.stacks.get(id(tensor))
        shape = tensor.shape
        if found is not None or shape is None or len(shape) != 4 or value_of(tensor) is not None:
            return found
        dims = static_dims(shape[1:]) if is_float(tensor) else None
        return None if dims is None or dims[1:] == (1, 1) else Stack(tensor, dims[:1])

    def give(self, target: gs.Tensor, stack: Stack) -> None:
        """Record the stack of a tensor; if the tensor has rank 4, the stack's map replaces it."""
        if len(target.shape) != 4:
            self.stacks[id(target)] = stack
            return
        self.changed = self.has_added = True
        if not is_graph_output(self.module.graph, target):
            replace_uses(target, stack.map)
            return
        self._detach(target)
        self.append("Identity", [stack.map], {}, target)

    def finish(self) -> None:
        """Add a Reshape of the stack's map for each graph output that is a stack."""
        for target in self.module.graph.outputs:
            stack = self.stacks.get(id(target))
            if stack is not None and not _is_direct(target, stack):
                self._detach(target)
                self._restore(stack, target)

    def require_whole(self, node: gs.Node) -> None:
        """Add a Reshape of the stack's map for each stack that a node reads."""
        for tensor in {id(t): t for t in node.inputs}.values():
            stack = self.stacks.get(id(tensor))
            if stack is not None and not _is_direct(tensor, stack):
                whole = self._like(tensor, tensor.shape)
                self._restore(stack, whole)
                node.inputs = [whole if t is tensor else t for t in node.inputs]

    def append(
        self, op: str, inputs: Sequence[gs.Tensor], attrs: Mapping[str, object], target: gs.Tensor
    ) -> gs.Tensor:
        """Append a node that computes `target`, and return `target`."""
        name = self.module.fresh(f"{target.name}.{op}")
        self.module.graph.nodes.append(gs.Node(op, name, dict(attrs), list(inputs), [target]))
        self.has_added = True
        return target

    def new_map(
        self,
        op: str,
        inputs: Sequence[gs.Tensor],
        like: gs.Tensor,
        shape: tuple[int, int, int],
        **attrs: object,
    ) -> gs.Tensor:
        """Append a node and return its output, a map [N, *shape].

        Args:
            op: the operator.
            inputs: inputs of the node.
            like: tensor whose name, batch and type the output follows.
            shape: (channels, height, width) of the output.
            attrs: attributes of the node.
        """
        target = self._like(like, (like.shape[0], *shape))
        return self.append(op, inputs, attrs, target)

    def gather(self, stack: Stack, channels: Indices, like: gs.Tensor) -> gs.Tensor:
        """Return channels of a stack's map.

        Args:
            stack: the stack.
            channels: channel numbers in any order, possibly repeated.
            like: tensor whose name, batch and type the result follows.
        """
        taken = channels.reshape(-1)
        count, height, width = (int(d) for d in stack.map.shape[1:])
        if np.array_equal(taken, np.arange(count)):
            return stack.map
        indices = gs.Constant(self.module.fresh(f"{like.name}.channels"), taken.astype(np.int64))
        shape = (taken.size, height, width)
        return self.new_map("Gather", [stack.map, indices], like, shape, axis=1)

    def vector(self, tensor: gs.Tensor, stack: Stack, like: gs.Tensor) -> gs.Tensor | None:
        """Convert an operand [N or 1, ..., 1, 1] of a stack to [N or 1, C, 1, 1] for its map.

        Args:
            tensor: the operand.
            stack: the stack to which the operand is broadcast.
            like: tensor whose name and batch a new tensor follows.

        Returns:
            None if the operand does not broadcast to the stack, or varies over the plane.
        """
        shape = tensor.shape
        rank = len(stack.branches) + 3
        if shape is None or len(shape) > rank:
            return None
        shape = (*([1] * (rank - len(shape))), *shape)
        extents = static_dims(shape[1:])
        if extents is None or extents[-2:] != (1, 1):
            return None
        values = value_of(tensor)
        if values is not None and values.size == 1:
            return tensor
        if values is not None and shape[0] != 1:
            return None
        try:
            numbers = np.arange(math.prod(extents)).reshape(extents[:-2])
            channels = np.broadcast_to(numbers, stack.branches).reshape(-1)
        except ValueError:
            return None
        if values is not None:
            of_channels = values.reshape(-1)[channels].reshape(1, -1, 1, 1)
            return gs.Constant(self.module.fresh(f"{tensor.name}.channels"), of_channels)
        if len(tensor.shape) != rank:
            return None
        flat = self._like(tensor, (shape[0], math.prod(extents), 1, 1))
        self.append("Reshape", [tensor, self.shape_of(flat.shape[1:])], {}, flat)
        return self.gather(Stack(flat, extents[:-2]), channels, like)

    def shape_of(self, extents: Sequence[object]) -> gs.Constant:
        """Target shape of a Reshape to [N, *extents]."""
        values = np.asarray([0, *extents], np.int64)
        name = "shape." + ".".join(str(extent) for extent in extents)
        return self.module.constants.share(name, values, np.dtype(np.int64))

    def _restore(self, stack: Stack, target: gs.Tensor) -> None:
        self.append("Reshape", [stack.map, self.shape_of(target.shape[1:])], {}, target)
        self.changed = True

    def _detach(self, target: gs.Tensor) -> None:
        """Replace a tensor among the outputs of its producer by a new, unused one."""
        producer = target.inputs[0]
        producer.outputs = [self._like(t, t.shape) if t is target else t for t in producer.outputs]

    def _like(self, tensor: gs.Tensor, shape: Sequence[object]) -> gs.Variable:
        return gs.Variable(self.module.fresh(f"{tensor.name}.of"), tensor.dtype, tuple(shape))


def _is_direct(tensor: gs.Tensor, stack: Stack) -> bool:
    """Whether a tensor is already a reshape of the stack's map."""
    return any(t is stack.map for node in tensor.inputs for t in node.inputs)
