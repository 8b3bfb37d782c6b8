"""Find which tensors may contain equal values at many pixels, from the inputs downstream.

Equal values matter only if they occur at many pixels. After a wide convolution of ReLU outputs,
dozens of inputs are constant at once only where the image itself is flat. With each convolution, a
larger part of the image must be flat, up to the whole image. Further downstream, equal values are
rare coincidences ("generic" values). So are equal logits after global pooling and a wide Gemm.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

import onnx_graphsurgeon as gs

from jpegcompile.analysis.exactness.continuity import (
    CONTRACTIONS,
    COPIES,
    ELEMENTWISE,
    SMOOTHINGS,
    continuous_inputs,
    is_standard,
)
from jpegcompile.analysis.exactness.contractions import contraction_of, pool_extent
from jpegcompile.analysis.exactness.copying import UNKNOWN_AXIS, copied, reduces_plane
from jpegcompile.analysis.exactness.elementwise import chosen, combined, function_of_one
from jpegcompile.analysis.exactness.forms import Form, simplest
from jpegcompile.analysis.exactness.functions import variable_of
from jpegcompile.analysis.exactness.requirements import may_be_float
from jpegcompile.analysis.exactness.state import GENERIC, IMAGE, UNKNOWN, Extent, State, either
from jpegcompile.ir.graph import is_float, static_dims, value_of
from jpegcompile.ir.module import Module

# More ReLU channels than this are not all zero by coincidence.
MOST_CONSTANT_CHANNELS = 16
_RANDOM = (
    *("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike"),
    *("RandomUniform", "RandomUniformLike"),
)


@dataclass
class TensorStates:
    """States of all tensors of a module's graph.

    Attributes:
        module: a module whose graph is in topological order.
        tensors: tensors by `id`, to look up the roots of forms.
        zeros: forms that cancel in a node, by the `id` of the node.
    """

    module: Module
    tensors: dict[int, gs.Tensor] = field(default_factory=dict)
    zeros: dict[int, tuple[Form, ...]] = field(default_factory=dict)
    _states: dict[int, State] = field(default_factory=dict)
    _numbers: dict[Hashable, int] = field(default_factory=dict)
    _number_of: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Compute the states of all tensors."""
        image = self.module.image
        declared = next(t for t in self.module.graph.inputs if t.name == image.name)
        self._batch = (declared.shape or (None,))[0]
        self._size = (float(image.height), float(image.width))
        for tensor in self.module.graph.inputs:
            state = IMAGE if tensor.name == image.name else UNKNOWN
            self._set(tensor, state, ("input", id(tensor)))
        for node in self.module.graph.nodes:
            for index, tensor in enumerate(node.outputs):
                self._set(tensor, self._output_state(node, tensor), self._quantity(node, index))

    @property
    def opset(self) -> int:
        """Opset of the standard operators."""
        return int(self.module.graph.opset)

    def of(self, tensor: gs.Tensor) -> State:
        """State of a tensor; `GENERIC` for constants."""
        return self._states.get(id(tensor), GENERIC)

    def key(self, tensor: gs.Tensor) -> Hashable:
        """Key of a tensor; tensors with the same key have the same values."""
        constant = value_of(tensor)
        if constant is not None and constant.size <= 1 << 10:
            return (constant.shape, constant.dtype.str, constant.tobytes())
        return self._number_of.get(id(tensor), ("tensor", id(tensor)))

    def number(self, quantity: Hashable) -> int:
        """Number of a quantity, a short name even if the quantity is deeply nested."""
        return self._numbers.setdefault(quantity, len(self._numbers))

    def _quantity(self, node: gs.Node, index: int) -> Hashable:
        """Quantity of an output; equal nodes with equal inputs compute the same quantity."""
        if node.op in _RANDOM or not is_standard(node):
            return (id(node), index)
        return (node.op, index, repr(sorted(node.attrs.items())), *map(self.key, node.inputs))

    def _set(self, tensor: gs.Tensor, state: State, quantity: Hashable) -> None:
        number = self.number(quantity)
        self._number_of[id(tensor)] = number
        self.tensors[id(tensor)] = tensor
        flat = state.flat_extent
        if flat is not None and flat[0] >= self._size[0] and flat[1] >= self._size[1]:
            flat = None
        axis = self._channel_axis(tensor) if state.axis is None else state.axis
        forms = simplest((Form.element(number, [id(tensor)]), *state.forms))
        self._states[id(tensor)] = replace(state, flat_extent=flat, forms=forms, axis=axis)

    def _channel_axis(self, tensor: gs.Tensor) -> int:
        if tensor.name in self.module.channels_last:
            return 3
        return 1 if len(tensor.shape or ()) in (2, 4) else UNKNOWN_AXIS

    def _output_state(self, node: gs.Node, output: gs.Tensor) -> State:
        """State of an output of a node."""
        reads = continuous_inputs(node)
        if not reads or not (output.dtype is None or is_float(output)):
            return UNKNOWN
        data = [t for i, t in enumerate(node.inputs) if i in reads and may_be_float(t)]
        if node.op in ("Cast", "CastLike") and data[:1] != node.inputs[:1]:
            # Integers and truth values have few distinct values.
            return UNKNOWN
        if not data:
            varies = any(t.name and value_of(t) is None for t in node.inputs)
            return UNKNOWN if varies else GENERIC
        if node.op in COPIES:
            return self._copy(node, data)
        if node.op == "Where":
            return chosen(node, self)
        if node.op in ELEMENTWISE:
            is_function = variable_of(node) is not None
            return function_of_one(node, self) if is_function else combined(node, data, self)
        if node.op in CONTRACTIONS | SMOOTHINGS:
            return self._contraction(node, data)
        return self._other(node, data)

    def _copy(self, node: gs.Node, data: list[gs.Tensor]) -> State:
        state = copied(node, [self.of(t) for t in data], self.opset)
        flat = None if reduces_plane(node) else state.flat_extent
        if flat is not None and node.op == "MaxPool":
            flat = self._wider(flat, node, pool_extent(node))
        return replace(state, flat_extent=flat)

    def _contraction(self, node: gs.Node, data: list[gs.Tensor]) -> State:
        states = [self.of(t) for t in data]
        found = contraction_of(node, self._batch)
        if found is None:
            # A product of two maps.
            return State(
                equal_pixels=all(s.equal_pixels for s in states),
                equal_channels=all(s.equal_channels for s in states),
            )
        state = states[0]
        flat = None if found.whole_plane or state.flat_extent is None else state.flat_extent
        if flat is not None:
            flat = self._wider(flat, node, found.window)
        tied = found.repeats or (state.equal_pixels and found.width <= MOST_CONSTANT_CHANNELS)
        if not tied and flat is None:
            return GENERIC
        rests = 0.0 in state.known_values or (found.few_magnitudes and state.equal_channels)
        means = state.forms if found.is_mean else ()
        result = State(
            has_unknown_values=found.passes_unknown_values and state.has_unknown_values,
            equal_pixels=tied,
            equal_channels=found.has_equal_channels(state.equal_channels, rests),
            flat_extent=flat,
            forms=tuple(form.through(id(node)) for form in means),
        )
        return result.with_known_values(
            [*found.outputs_at(state.values).reshape(-1), *found.zero_sum_outputs]
        )

    def _other(self, node: gs.Node, data: list[gs.Tensor]) -> State:
        """Normalizations and other operators: equal elements stay equal, at unknown values."""
        state = either(self.of(t) for t in data)
        if node.op != "Softmax":
            keeps_zero = node.op == "LRN" and 0.0 in state.known_values
            return replace(state, known_values=frozenset((0.0,)) if keeps_zero else frozenset())
        return replace(state, known_values=frozenset((0.0, 1.0)), equal_pixels=True)

    def _wider(self, flat: Extent, node: gs.Node, window: tuple[int, int]) -> Extent:
        """Part of the image that a window covers, given the part that one element covers."""
        dims = static_dims((node.inputs[0].shape or ())[2:])
        if dims is None or len(dims) != 2:
            return flat
        down, across = (size / dim for size, dim in zip(self._size, dims, strict=True))
        return flat[0] + (window[0] - 1) * down, flat[1] + (window[1] - 1) * across
