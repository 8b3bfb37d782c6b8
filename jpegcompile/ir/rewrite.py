"""Base classes of passes, and tools to rewrite nodes.

A pass returns whether it changed the graph; a second run changes nothing. A lowering replaces one
node by its JPEG-domain equivalent between casts, independently of neighboring nodes:

    Op(x)  =>  ToSpatial(JpegOp(ToJpeg(x)))

`passes/lower/cancel_casts.py` later removes adjacent casts that cancel.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.dct.linear import in_jpeg_domain
from jpegcompile.ir.decline import Decline
from jpegcompile.ir.graph import remove_node, static_dims, value_of
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.operands import Operands, make_node
from jpegcompile.messages import Message
from jpegcompile.operators.casts import TO_JPEG, TO_SPATIAL
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.fragments import AXES
from jpegcompile.operators.separable import RESIZE
from jpegcompile.report import NodeReport

Match = TypeVar("Match")


class Pass(ABC):
    """One step of the pipeline.

    Attributes:
        name: name of the pass in messages and dumps.
    """

    name: str

    @abstractmethod
    def run(self, module: Module) -> bool:
        """Rewrite the module's graph; returns whether the graph changed."""


class Lowering(Pass, Generic[Match]):
    """A pass that moves nodes of some operators to the JPEG domain, one at a time.

    Attributes:
        op_types: operators that the pass examines.
        domains: operator domains (the ONNX field) of these operators.
    """

    op_types: ClassVar[tuple[str, ...]]
    domains: ClassVar[tuple[str | None, ...]] = (None, "", "ai.onnx")

    @abstractmethod
    def match(self, node: gs.Node, module: Module) -> Match | Decline | None:
        """Decide whether to lower a node.

        Returns:
            The data for `rewrite`; a Decline with the reason; or None if the pass does not apply to
            the node, since the node works on vectors or is already lowered.
        """

    @abstractmethod
    def rewrite(self, node: gs.Node, match: Match, rewriter: Rewriter) -> None:
        """Replace a matched node through `rewriter`."""

    def candidates(self, module: Module) -> list[gs.Node]:
        """Nodes to examine, in this order."""
        return list(module.graph.nodes)

    def run(self, module: Module) -> bool:
        """Lower every node that matches, and report every declined node."""
        changed = False
        for node in self.candidates(module):
            if node.op not in self.op_types or node.domain not in self.domains:
                continue
            if any(tensor.name in module.vectors for tensor in node.inputs):
                continue
            outcome = self.match(node, module)
            if outcome is None:
                continue
            is_kept = node.name in module.exact_nodes and _meets_tiles(node, module)
            if is_kept and not isinstance(outcome, Decline):
                outcome = Decline(node, module.exact_nodes[node.name])
            if isinstance(outcome, Decline):
                module.report.add(kept_report(node, module, outcome.reason))
                continue
            rewriter = Rewriter(module, node)
            self.rewrite(node, outcome, rewriter)
            changed |= rewriter.changed
        if changed:
            module.graph.cleanup().toposort()
        return changed


class Rewriter:
    """Replaces one node: creates casts, matrices and the new node."""

    def __init__(self, module: Module, node: gs.Node) -> None:
        """Prepare to replace `node`, a node of the module's graph."""
        self.module = module
        self.node = node
        self.changed = False

    def jpeg(self, tensor: gs.Tensor) -> gs.Tensor:
        """Cast a spatial map to the JPEG domain; at block size 1, return the map itself."""
        block = self.module.assigned_block(tensor)
        if block == 1:
            return tensor
        twin = self._variable(f"{tensor.name}.cast", tensor, block)
        matrices = self.module.constants.to_coefficients(size_of(tensor), block, tensor.dtype, AXES)
        self._append(TO_JPEG, {"x": tensor, **matrices}, [twin], {"block": block})
        return twin

    def jpeg_operand(self, tensor: gs.Tensor, target: gs.Tensor) -> gs.Tensor:
        """Return an operand in the JPEG domain at the block size of `target`.

        A constant is broadcast to the plane of `target` and transformed at compile time.
        """
        values = value_of(tensor)
        if values is None:
            return self.jpeg(tensor)
        outer = values.shape[:-2]
        whole = np.broadcast_to(values.astype(np.float64), (*outer, *size_of(target)))
        turned = to_jpeg(whole, self.module.assigned_block(target)).astype(values.dtype)
        return gs.Constant(self.module.fresh(f"{tensor.name}.jpeg"), turned)

    def stretched(self, tensor: gs.Tensor, target: gs.Tensor) -> gs.Tensor:
        """Broadcast a map of one row or one column to the plane of `target`, in the JPEG domain."""
        if size_of(tensor) == size_of(target):
            return self.jpeg(tensor)
        pairs = zip(size_of(target), size_of(tensor), strict=True)
        blocks = self.module.assigned_block(tensor), self.module.assigned_block(target)
        axes = [np.ones((size, 1)) if given < size else np.eye(size) for size, given in pairs]
        matrices = self.axis_matrices(axes, tensor, blocks[1], tensor.name)
        name = self.module.fresh(f"{tensor.name}.stretched")
        shape = (*tensor.shape[:2], *size_of(target))
        result = gs.Variable(name, dtype=tensor.dtype, shape=shape)
        self.module.blocks[name] = blocks[1]
        attrs = {"input_block": blocks[0], "output_block": blocks[1]}
        self._append(RESIZE, {"x": self.jpeg(tensor), **matrices}, [result], attrs)
        return result

    def axis_matrices(
        self, axes: Sequence[NDArray[np.float64]], source: gs.Tensor, block: int, name: str
    ) -> Operands:
        """Transform spatial matrices of both axes to the JPEG domain.

        Args:
            axes: spatial matrices for rows and for columns, [output size, input size].
            source: the spatial input map.
            block: block size of the result.
            name: prefix of the constants' names.

        Returns:
            The transformed matrices by operand name.
        """
        given = self.module.assigned_block(source)
        rows, columns = (in_jpeg_domain(axis, given, block).astype(source.dtype) for axis in axes)
        return {
            kind: gs.Constant(self.module.fresh(f"{name}.{kind}"), np.ascontiguousarray(values))
            for kind, values in zip(AXES, (rows, columns.T), strict=True)
        }

    def forward(self, spatial: gs.Tensor) -> Operands:
        """Matrices that transform a map of this size to the JPEG domain, by operand name."""
        block, dtype = self.module.assigned_block(spatial), spatial.dtype
        return self.module.constants.to_coefficients(size_of(spatial), block, dtype)

    def inverse(self, spatial: gs.Tensor) -> Operands:
        """Matrices that transform a map of this size to pixels, by operand name."""
        block, dtype = self.module.assigned_block(spatial), spatial.dtype
        return self.module.constants.to_pixels(size_of(spatial), block, dtype)

    def dc(self, spatial: gs.Tensor) -> gs.Tensor:
        """DCT of a map of ones of this size: [H, W]."""
        height, width = size_of(spatial)
        return self.module.constants.dc(
            height, width, self.module.assigned_block(spatial), spatial.dtype
        )

    def replace(
        self,
        operator: Operator | str,
        inputs: Mapping[str, gs.Tensor],
        attrs: Mapping[str, Any],
        multiply_adds: int = 0,
        transforms: Sequence[gs.Tensor] = (),
    ) -> None:
        """Replace the node by a jpegcompile operator, followed by a cast to the spatial domain.

        Args:
            operator: the definition of the operator, or its name.
            inputs: inputs of the new node by name; maps are in the JPEG domain.
            attrs: attributes of the new node.
            multiply_adds: multiply-adds of the spatial operator, for the report.
            transforms: spatial maps that the new node transforms internally.
        """
        self.keep_node(multiply_adds, transforms)
        results = self._take_outputs(1)
        self._append(operator, inputs, results, attrs, self.node.name)

    def reuse_operator(self, inputs: Sequence[gs.Tensor], outputs: int = 1) -> None:
        """Apply the node's own operator in the JPEG domain, since it is the same in both domains.

        Args:
            inputs: inputs of the new node; maps are in the JPEG domain.
            outputs: number of outputs; each is followed by a cast to the spatial domain.
        """
        self.keep_node()
        node, results = self.node, self._take_outputs(outputs)
        twin = gs.Node(node.op, node.name, dict(node.attrs), list(inputs), results)
        self.module.graph.nodes.append(twin)
        self.changed = True

    def _take_outputs(self, count: int) -> list[gs.Tensor]:
        """Remove the node; return the JPEG-domain tensors that are cast to its first outputs."""
        targets = list(self.node.outputs[:count])
        remove_node(self.module.graph, self.node)
        return [self._spatial(target) for target in targets]

    def _spatial(self, target: gs.Tensor) -> gs.Tensor:
        """Append a cast to a spatial map and return the cast's input.

        At block size 1, and for an unused output, return the map itself.
        """
        block = self.module.assigned_block(target) if target.name else 1
        if block == 1:
            return target
        result = self._variable(f"{target.name}.jpeg", target, block)
        matrices = self.module.constants.to_pixels(size_of(target), block, target.dtype, AXES)
        self._append(TO_SPATIAL, {"x": result, **matrices}, [target], {"block": block})
        return result

    def keep_node(self, multiply_adds: int = 0, transforms: Sequence[gs.Tensor] = ()) -> None:
        """Report the node as lowered; at block size 1 nothing else is needed."""
        for output in self.node.outputs:
            if output.name in self.module.maps:
                self.module.twins[output.name] = output.name
        cost = sum(2 * self.module.assigned_block(t) * elements(t) for t in transforms)
        self.module.report.add(
            _node_report(self.node, self.module, "lowered", "", multiply_adds, cost)
        )

    def _variable(self, base: str, twin: gs.Tensor, block: int) -> gs.Variable:
        name = self.module.fresh(base)
        self.module.blocks[name] = block
        self.module.twins[name] = twin.name
        return gs.Variable(name, dtype=twin.dtype, shape=twin.shape)

    def _append(
        self,
        operator: Operator | str,
        inputs: Mapping[str, gs.Tensor],
        outputs: Sequence[gs.Tensor],
        attrs: Mapping[str, Any],
        name: str | None = None,
    ) -> None:
        # ONNX Runtime requires unique node names, and source nodes are named after their outputs.
        unique = name or self.module.fresh(f"{outputs[0].name}.{operator}")
        self.module.graph.nodes.append(make_node(operator, unique, inputs, attrs, outputs))
        self.changed = True


def _meets_tiles(node: gs.Node, module: Module) -> bool:
    """Whether a node has an input or output map with a block size above 1."""
    return any(module.maps.get(t.name, 1) > 1 for t in (*node.inputs, *node.outputs))


def elements(tensor: gs.Tensor) -> int:
    """Number of elements of a tensor for one image."""
    return math.prod(static_dims(tensor.shape[1:]) or (0,))


def kept_report(node: gs.Node, module: Module, reason: Message) -> NodeReport:
    """Create the report of a node that stays spatial."""
    return _node_report(node, module, "kept", reason, 0, 0)


def lowered_report(node: gs.Node, module: Module) -> NodeReport:
    """Create the report of a node whose work another node does in the JPEG domain."""
    return _node_report(node, module, "lowered", "", 0, 0)


def _node_report(
    node: gs.Node, module: Module, status: Any, reason: str, multiply_adds: int, cost: int
) -> NodeReport:
    maps = [module.maps[t.name] for t in node.inputs if t.name in module.maps]
    output = node.outputs[0]
    return NodeReport(
        name=node.name,
        op=node.op,
        status=status,
        reason=reason,
        input_block=maps[0] if maps else None,
        output_block=module.maps.get(output.name),
        output_shape=tuple(output.shape or ()),
        multiply_adds=multiply_adds,
        transform_multiply_adds=cost,
        exact=status == "kept" and node.name in module.exact_nodes,
    )
