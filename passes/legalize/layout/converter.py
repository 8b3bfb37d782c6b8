"""Conversion of a node's operands and outputs from channels-last to channels-first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.ir.graph import is_graph_output, static_dims
from jpegcompile.ir.image import TO_CHANNELS_FIRST, TO_CHANNELS_LAST
from jpegcompile.ir.module import Module

RANK = 4


def nchw_axis(axis: int) -> int:
    """Axis of the NCHW map that corresponds to an axis of the NHWC map."""
    return TO_CHANNELS_LAST[axis % RANK]


def is_transpose(node: gs.Node, order: list[int]) -> bool:
    """Whether a node is a Transpose with the permutation `order`."""
    return node.op == "Transpose" and list(node.attrs.get("perm", ())) == order


class LayoutConverter:
    """Finds or creates the NCHW counterpart of tensors."""

    def __init__(self, module: Module) -> None:
        """Create a converter for the graph of a module."""
        self.module = module
        self._constants: dict[int, gs.Constant] = {}

    def is_channels_last(self, tensor: gs.Tensor) -> bool:
        """Whether a tensor is the NHWC image, or the output of a transpose to channels-last."""
        if tensor.inputs:
            return is_transpose(tensor.inputs[0], TO_CHANNELS_LAST)
        image = self.module.image
        return image.layout == "NHWC" and tensor.name == image.name

    def to_nchw(self, tensor: gs.Tensor) -> gs.Tensor:
        """Return the NCHW counterpart of a channels-last map."""
        if tensor.inputs:
            return tensor.inputs[0].inputs[0]
        transpose = self.image_transpose(tensor)
        if transpose is not None:
            return transpose.outputs[0]
        shape = [tensor.shape[axis] for axis in TO_CHANNELS_FIRST]
        twin = gs.Variable(self.module.fresh(f"{tensor.name}.nchw"), tensor.dtype, shape)
        self.append("Transpose", [tensor], twin, {"perm": TO_CHANNELS_FIRST})
        return twin

    def image_transpose(self, image: gs.Tensor) -> gs.Node | None:
        """Return the first node that transposes the image to NCHW; None if there is none."""
        return next((n for n in image.outputs if is_transpose(n, TO_CHANNELS_FIRST)), None)

    def can_convert(self, tensor: gs.Tensor) -> bool:
        """Whether `operand` can convert an operand of elementwise arithmetic."""
        if not tensor.name or self.is_channels_last(tensor) or _is_one_number(tensor):
            return True
        if isinstance(tensor, gs.Constant):
            return len(tensor.shape) <= RANK
        return _is_pixel(tensor)

    def operand(self, tensor: gs.Tensor) -> gs.Tensor:
        """Return a tensor that broadcasts to NCHW as `tensor` broadcasts to NHWC."""
        if not tensor.name or _is_one_number(tensor):
            return tensor
        if self.is_channels_last(tensor):
            return self.to_nchw(tensor)
        if isinstance(tensor, gs.Constant):
            return self._converted_constant(tensor)
        batch, _, _, channels = tensor.shape
        name = self.module.fresh(f"{tensor.name}.nchw")
        twin = gs.Variable(name, tensor.dtype, (batch, channels, 1, 1))
        self.append("Reshape", [tensor, self.indices(name, [0, channels, 1, 1])], twin)
        return twin

    def indices(self, base: str, values: Sequence[int], dtype: Any = np.int64) -> gs.Constant:
        """Create a constant vector of integers."""
        return gs.Constant(self.module.fresh(f"{base}.indices"), np.asarray(values, dtype))

    def convert_output(self, node: gs.Node) -> None:
        """Let a node compute an NCHW map, followed by a transpose for its readers."""
        target = node.outputs[0]
        shape = [target.shape[axis] for axis in TO_CHANNELS_FIRST]
        twin = gs.Variable(self.module.fresh(f"{target.name}.nchw"), target.dtype, shape)
        node.outputs = [twin]
        self.append("Transpose", [twin], target, {"perm": TO_CHANNELS_LAST})

    def makes_one_map(self, node: gs.Node) -> bool:
        """Whether the first output has rank 4 and no other output is used."""
        target, *others = node.outputs
        used = any(t.outputs or is_graph_output(self.module.graph, t) for t in others)
        return not used and len(target.shape or ()) == RANK

    def append(
        self,
        op: str,
        inputs: Sequence[gs.Tensor],
        output: gs.Tensor,
        attrs: dict[str, Any] | None = None,
    ) -> None:
        """Append a node; the graph is sorted at the end."""
        name = self.module.fresh(f"{output.name}.{op}")
        self.module.graph.nodes.append(gs.Node(op, name, attrs or {}, list(inputs), [output]))

    def use_one_transpose_of_image(self) -> bool:
        """Let other readers of the channels-last image read its NCHW transpose, transposed back.

        The compiled graph may begin at this transpose, which must then be the image's only reader.

        Returns:
            Whether a reader was redirected.
        """
        image = next(t for t in self.module.graph.inputs if t.name == self.module.image.name)
        transpose = self.image_transpose(image) if self.is_channels_last(image) else None
        others = [n for n in image.outputs if n is not transpose]
        if transpose is None or not others:
            return False
        last = gs.Variable(self.module.fresh(f"{image.name}.nhwc"), image.dtype, image.shape)
        self.append("Transpose", [transpose.outputs[0]], last, {"perm": TO_CHANNELS_LAST})
        for node in others:
            node.inputs = [last if t is image else t for t in node.inputs]
        return True

    def _converted_constant(self, tensor: gs.Constant) -> gs.Constant:
        """Return a transposed copy of a constant; shared constants are converted once."""
        if id(tensor) not in self._constants:
            name = self.module.fresh(f"{tensor.name}.nchw")
            self._constants[id(tensor)] = gs.Constant(name, _to_nchw(np.asarray(tensor.values)))
        return self._constants[id(tensor)]


def _is_one_number(tensor: gs.Tensor) -> bool:
    shape = tensor.shape
    return shape is not None and all(d == 1 for d in shape)


def _is_pixel(tensor: gs.Tensor) -> bool:
    """Whether a tensor is a map [N,1,1,C], whose elements have the same order in NCHW."""
    shape = tuple(tensor.shape or ())
    return len(shape) == RANK and static_dims(shape[1:]) is not None and shape[1:3] == (1, 1)


def _to_nchw(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Convert a constant that broadcasts to NHWC to one that broadcasts to NCHW."""
    full = values.reshape((1,) * (RANK - values.ndim) + values.shape)
    return np.ascontiguousarray(full.transpose(TO_CHANNELS_FIRST))
