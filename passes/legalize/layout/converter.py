"""Operands and results of a node that is turned from channels-last to channels-first."""

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
    """The axis of an NCHW map that an axis of the NHWC map is."""
    return TO_CHANNELS_LAST[axis % RANK]


def is_transpose(node: gs.Node, order: list[int]) -> bool:
    """Whether a node is a Transpose of that permutation."""
    return node.op == "Transpose" and list(node.attrs.get("perm", ())) == order


class LayoutConverter:
    """Finds the NCHW twin of tensors, and makes it where it is easily made."""

    def __init__(self, module: Module) -> None:
        """Start on the graph of a module."""
        self.module = module
        self._constants: dict[int, gs.Constant] = {}

    def is_channels_last(self, tensor: gs.Tensor) -> bool:
        """Whether a map is channels-last and has an NCHW twin: the image, or behind a transpose."""
        if tensor.inputs:
            return is_transpose(tensor.inputs[0], TO_CHANNELS_LAST)
        image = self.module.image
        return image.layout == "NHWC" and tensor.name == image.name

    def to_nchw(self, tensor: gs.Tensor) -> gs.Tensor:
        """The NCHW twin of a map that `is_last`."""
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
        """The first node that brings the image to NCHW, if there is one."""
        return next((n for n in image.outputs if is_transpose(n, TO_CHANNELS_FIRST)), None)

    def can_convert(self, tensor: gs.Tensor) -> bool:
        """Whether `operand` has an answer for an operand of elementwise arithmetic."""
        if not tensor.name or self.is_channels_last(tensor) or _is_one_number(tensor):
            return True
        if isinstance(tensor, gs.Constant):
            return len(tensor.shape) <= RANK
        return _is_pixel(tensor)

    def operand(self, tensor: gs.Tensor) -> gs.Tensor:
        """What broadcasts against NCHW as `tensor` does against NHWC."""
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
        """A new constant vector of integers."""
        return gs.Constant(self.module.fresh(f"{base}.indices"), np.asarray(values, dtype))

    def convert_output(self, node: gs.Node) -> None:
        """Let a node make an NCHW map; a transpose makes of it what the readers take."""
        target = node.outputs[0]
        shape = [target.shape[axis] for axis in TO_CHANNELS_FIRST]
        twin = gs.Variable(self.module.fresh(f"{target.name}.nchw"), target.dtype, shape)
        node.outputs = [twin]
        self.append("Transpose", [twin], target, {"perm": TO_CHANNELS_LAST})

    def makes_one_map(self, node: gs.Node) -> bool:
        """Whether the first output is of rank 4 and no other one is in use."""
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
        """Add a node; the graph is sorted at the end."""
        name = self.module.fresh(f"{output.name}.{op}")
        self.module.graph.nodes.append(gs.Node(op, name, attrs or {}, list(inputs), [output]))

    def use_one_transpose_of_image(self) -> bool:
        """Let what still reads the image channels-last read it behind the one NCHW transpose.

        The compiled graph may begin at that transpose, and then nothing else may read the image.
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
        """Constants that many nodes share are turned once; the original stays as it is."""
        if id(tensor) not in self._constants:
            name = self.module.fresh(f"{tensor.name}.nchw")
            self._constants[id(tensor)] = gs.Constant(name, _turn(np.asarray(tensor.values)))
        return self._constants[id(tensor)]


def _is_one_number(tensor: gs.Tensor) -> bool:
    shape = tensor.shape
    return shape is not None and all(d == 1 for d in shape)


def _is_pixel(tensor: gs.Tensor) -> bool:
    """Whether a variable is a map [N,1,1,C], whose elements have the same order in NCHW."""
    shape = tuple(tensor.shape or ())
    return len(shape) == RANK and static_dims(shape[1:]) is not None and shape[1:3] == (1, 1)


def _turn(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """A constant that broadcasts against NHWC, as one that broadcasts against NCHW."""
    full = values.reshape((1,) * (RANK - values.ndim) + values.shape)
    return np.ascontiguousarray(full.transpose(TO_CHANNELS_FIRST))
