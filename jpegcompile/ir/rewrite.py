"""What a pass is: its base classes, the value that a refusal is, and the tools for surgery.

A pass returns whether it changed the graph; run again at once it changes nothing. A lowering
replaces one node by its jpeg-domain twin between casts, whatever its neighbours do:

    Op(x)  =>  ToSpatial(JpegOp(ToJpeg(x)))

and `passes/lower/cancel_casts.py` later removes the casts that meet.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.dct.linear import in_jpeg_domain
from jpegcompile.ir.graph import remove_node, static_dims, value_of
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.operands import Operands, make_node
from jpegcompile.operators.casts import TO_JPEG, TO_SPATIAL
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.fragments import AXES
from jpegcompile.operators.separable import RESIZE
from jpegcompile.report import NodeReport

Match = TypeVar("Match")


@dataclass(frozen=True)
class Decline:
    """Why a node is left alone; it reaches the user through the report."""

    node: gs.Node
    reason: str


class Pass(ABC):
    """One step of the pipeline.

    Attributes:
        name: for messages and dumps.
    """

    name: str

    @abstractmethod
    def run(self, module: Module) -> bool:
        """Rewrite the module's graph; returns whether anything changed."""


class Lowering(Pass, Generic[Match]):
    """A pass that moves nodes of some operators to the jpeg domain, one at a time."""

    op_types: ClassVar[tuple[str, ...]]
    domains: ClassVar[tuple[str | None, ...]] = (None, "", "ai.onnx")

    @abstractmethod
    def match(self, node: gs.Node, module: Module) -> Match | Decline | None:
        """What `rewrite` needs to know, why the node is declined, or None if it is no concern.

        A node is no concern where it works on vectors, not maps, or is lowered already.
        """

    @abstractmethod
    def rewrite(self, node: gs.Node, match: Match, rewriter: Rewriter) -> None:
        """Replace the node through `rewriter`."""

    def candidates(self, module: Module) -> list[gs.Node]:
        """Nodes to look at, in this order."""
        return list(module.graph.nodes)

    def run(self, module: Module) -> bool:
        """Lower every node that matches; declines go to the report."""
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
    """Graph surgery around one node: casts, matrices, and the replacement itself."""

    def __init__(self, module: Module, node: gs.Node) -> None:
        """Prepare to replace `node`, a node of the module's graph."""
        self.module = module
        self.node = node
        self.changed = False

    def jpeg(self, tensor: gs.Tensor) -> gs.Tensor:
        """The jpeg-domain twin of a spatial map, by a cast; the map itself at block size 1."""
        block = self.module.assigned_block(tensor)
        if block == 1:
            return tensor
        twin = self._variable(f"{tensor.name}.cast", tensor, block)
        matrices = self.module.constants.to_coefficients(size_of(tensor), block, tensor.dtype, AXES)
        self._append(TO_JPEG, {"x": tensor, **matrices}, [twin], {"block": block})
        return twin

    def jpeg_operand(self, tensor: gs.Tensor, target: gs.Tensor) -> gs.Tensor:
        """An operand in the jpeg domain of `target`; a constant is stretched to its plane.

        It is transformed here and now.
        """
        values = value_of(tensor)
        if values is None:
            return self.jpeg(tensor)
        outer = values.shape[:-2]
        whole = np.broadcast_to(values.astype(np.float64), (*outer, *size_of(target)))
        turned = to_jpeg(whole, self.module.assigned_block(target)).astype(values.dtype)
        return gs.Constant(self.module.fresh(f"{tensor.name}.jpeg"), turned)

    def stretched(self, tensor: gs.Tensor, target: gs.Tensor) -> gs.Tensor:
        """A map of which a row or a column stands for all, in the jpeg domain of `target`."""
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
        """The matrices that do to a map in the jpeg domain what `axes` do to pixels.

        Args:
            axes: of rows and of columns, [output size, input size].
            source: the spatial map.
            block: of the result.
            name: that the names of the constants begin with.
        """
        given = self.module.assigned_block(source)
        rows, columns = (in_jpeg_domain(axis, given, block).astype(source.dtype) for axis in axes)
        return {
            kind: gs.Constant(self.module.fresh(f"{name}.{kind}"), np.ascontiguousarray(values))
            for kind, values in zip(AXES, (rows, columns.T), strict=True)
        }

    def forward(self, spatial: gs.Tensor) -> Operands:
        """The operands that take a map of this size to the jpeg domain."""
        block, dtype = self.module.assigned_block(spatial), spatial.dtype
        return self.module.constants.to_coefficients(size_of(spatial), block, dtype)

    def inverse(self, spatial: gs.Tensor) -> Operands:
        """The operands that take a map of this size back."""
        block, dtype = self.module.assigned_block(spatial), spatial.dtype
        return self.module.constants.to_pixels(size_of(spatial), block, dtype)

    def dc(self, spatial: gs.Tensor) -> gs.Tensor:
        """The transform [H, W] of a map of ones."""
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
        """Let an operator of the domain compute the node's output, with a cast back behind it.

        Args:
            operator: its definition, or its name.
            inputs: of the new node by name, maps in the jpeg domain.
            attrs: of the new node.
            multiply_adds: of the spatial operator, for the report.
            transforms: the spatial maps that the new node transforms within itself.
        """
        self.keep_node(multiply_adds, transforms)
        results = self._take_outputs(1)
        self._append(operator, inputs, results, attrs, self.node.name)

    def reuse_operator(self, inputs: Sequence[gs.Tensor], outputs: int = 1) -> None:
        """Let the node's own operator, which is the same in both domains, compute its output.

        Args:
            inputs: of the new node, maps in the jpeg domain.
            outputs: how many outputs of the node the new one computes, each with a cast behind it.
        """
        self.keep_node()
        node, results = self.node, self._take_outputs(outputs)
        twin = gs.Node(node.op, node.name, dict(node.attrs), list(inputs), results)
        self.module.graph.nodes.append(twin)
        self.changed = True

    def _take_outputs(self, count: int) -> list[gs.Tensor]:
        """Remove the node; what the first of its outputs are to be cast from."""
        targets = list(self.node.outputs[:count])
        remove_node(self.module.graph, self.node)
        return [self._spatial(target) for target in targets]

    def _spatial(self, target: gs.Tensor) -> gs.Tensor:
        """What a spatial map is to be cast from; the map itself at block size 1, or if unnamed."""
        block = self.module.assigned_block(target) if target.name else 1
        if block == 1:
            return target
        result = self._variable(f"{target.name}.jpeg", target, block)
        matrices = self.module.constants.to_pixels(size_of(target), block, target.dtype, AXES)
        self._append(TO_SPATIAL, {"x": result, **matrices}, [target], {"block": block})
        return result

    def keep_node(self, multiply_adds: int = 0, transforms: Sequence[gs.Tensor] = ()) -> None:
        """Report the node as lowered; by itself this is all there is to do at block size 1."""
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
        # ONNX Runtime refuses two nodes of one name, and sources call nodes after their outputs.
        unique = name or self.module.fresh(f"{outputs[0].name}.{operator}")
        self.module.graph.nodes.append(make_node(operator, unique, inputs, attrs, outputs))
        self.changed = True


def _meets_tiles(node: gs.Node, module: Module) -> bool:
    """Whether a node reads or makes a map that is not its own transform."""
    return any(module.maps.get(t.name, 1) > 1 for t in (*node.inputs, *node.outputs))


def elements(tensor: gs.Tensor) -> int:
    """Elements of a tensor for one image."""
    return math.prod(static_dims(tensor.shape[1:]) or (0,))


def is_sequence(tensor: gs.Tensor) -> bool:
    """Whether a tensor has no plane: vectors, and what one-dimensional operators work on."""
    return tensor.shape is not None and len(tensor.shape) <= 3


def map_problem(node: gs.Node, module: Module, *tensors: gs.Tensor) -> Decline | None:
    """Why the first tensor that cannot enter the jpeg domain cannot; None if all can."""
    reasons = (_map_problem(tensor, module) for tensor in tensors)
    reason = next((reason for reason in reasons if reason is not None), None)
    return None if reason is None else Decline(node, reason)


def _map_problem(tensor: gs.Tensor, module: Module) -> str | None:
    if tensor.name in module.maps:
        return None
    if tensor.shape is None or any(not isinstance(d, int) for d in tensor.shape[1:]):
        return f"the shape of '{tensor.name}' is not known at compile time"
    if len(tensor.shape) != 4:
        return f"'{tensor.name}' is not a map of height and width"
    if tensor.name in module.channels_last:
        return f"'{tensor.name}' is a channels-last map"
    if 0 in tensor.shape:
        return f"'{tensor.name}' is empty"
    if isinstance(tensor, gs.Constant):
        return f"'{tensor.name}' is a constant, not a feature map"
    if tensor.name in module.infinite:
        return f"'{tensor.name}' may hold values too large for a transform"
    if tensor.dtype == np.float16:
        return f"'{tensor.name}' is float16, by an operator that cannot be computed in float32"
    return f"'{tensor.name}' is {tensor.dtype}, not float16, float32 or float64"


def kept_report(node: gs.Node, module: Module, reason: str) -> NodeReport:
    """The report of a node that stays spatial."""
    return _node_report(node, module, "kept", reason, 0, 0)


def lowered_report(node: gs.Node, module: Module) -> NodeReport:
    """The report of a node that another one does the work of, in the jpeg domain."""
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
