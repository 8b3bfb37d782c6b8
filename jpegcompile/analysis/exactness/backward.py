"""Collect the nodes upstream of a discontinuous operator that must be computed exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.exactness.continuity import (
    CONTRACTIONS,
    COPIES,
    ELEMENTWISE,
    SMOOTHINGS,
    continuous_inputs,
)
from jpegcompile.analysis.exactness.contractions import contraction_of
from jpegcompile.analysis.exactness.forms import Form, cancellations
from jpegcompile.analysis.exactness.forward import TensorStates
from jpegcompile.analysis.exactness.functions import values_at, variable_of
from jpegcompile.analysis.exactness.requirements import (
    CHANNELS,
    NEAR,
    PIXELS,
    Requirement,
    compared,
    may_be_float,
    near,
    requirements_of,
)

_SUMS = {"Add": 1.0, "Sub": -1.0, "Sum": 1.0}


@dataclass
class ExactNodes:
    """Nodes that must be computed exactly for one discontinuous operator.

    Attributes:
        states: states of the graph's tensors.
        nodes: nodes that must stay on pixels, by `id`.
        reads_image: whether the operator compares pixels of the image itself.
    """

    states: TensorStates
    nodes: dict[int, gs.Node] = field(default_factory=dict)
    reads_image: bool = False
    _waiting: list[tuple[gs.Tensor, Requirement]] = field(default_factory=list)
    _seen: set[tuple[int, Requirement]] = field(default_factory=set)

    def collect(self, node: gs.Node) -> bool:
        """Collect the nodes for a discontinuous operator; returns whether it requires exactness."""
        first = self.states.of(node.inputs[0]) if node.inputs else None
        axis = first.axis if first is not None and first.axis in range(8) else None
        requirements = [
            *requirements_of(node, self.states.module.graph, axis),
            *self._equalities(node),
        ]
        met = [(t, d) for t, d in requirements if self.states.of(t).meets(d)]
        cancelled = self._cancelled(node)
        self._waiting = list(met)
        self._keep_copies(cancelled)
        while self._waiting:
            self._go_back(*self._waiting.pop())
        return bool(met or cancelled)

    def _equalities(self, node: gs.Node) -> list[tuple[gs.Tensor, Requirement]]:
        """Requirements of a comparison of two maps: values that both maps may have."""
        tensors = compared(node)
        if tensors is None:
            return []
        return _matching(*tensors, self.states, -1.0, Requirement("values", frozenset((0.0,))))

    def _cancelled(self, node: gs.Node) -> list[Form]:
        """Forms in which the two operands of a comparison are equal."""
        tensors = compared(node)
        if tensors is None:
            return []
        first, second = (self.states.of(t).forms for t in tensors)
        found = cancellations(first, second, -1.0)
        return [form for form in found if abs(form.constant) <= 1e-3]

    def _keep_copies(self, forms: Iterable[Form]) -> None:
        """Keep both sides of a cancellation up to their common roots, and ties of these roots."""
        graph = {id(node): node for node in self.states.module.graph.nodes}
        for form in forms:
            self.nodes.update({key: graph[key] for key in form.nodes if key in graph})
            roots = [self.states.tensors[key] for key in form.roots]
            self._waiting += [
                (root, requirement) for root in roots for requirement in (PIXELS, CHANNELS)
            ]

    def _go_back(self, tensor: gs.Tensor, requirement: Requirement) -> None:
        if (id(tensor), requirement) in self._seen or not self.states.of(tensor).meets(requirement):
            return
        self._seen.add((id(tensor), requirement))
        if not tensor.inputs:
            self.reads_image |= tensor.name == self.states.module.image.name
            return
        node = tensor.inputs[0]
        self.nodes[id(node)] = node
        self._keep_copies(self._zeros_within(node, requirement))
        self._waiting += _sources(node, requirement, self.states)

    def _zeros_within(self, node: gs.Node, requirement: Requirement) -> list[Form]:
        zeros = self.states.zeros.get(id(node), ())
        if requirement.kind != "values" or node.op == "Div":
            return list(zeros)
        return [f for f in zeros if near(np.asarray([f.constant]), requirement.points)[0]]


def _sources(
    node: gs.Node, requirement: Requirement, states: TensorStates
) -> list[tuple[gs.Tensor, Requirement]]:
    """Translate a requirement on a node's output to requirements on its inputs."""
    reads = continuous_inputs(node)
    data = [t for i, t in enumerate(node.inputs) if i in reads and may_be_float(t)]
    if requirement.kind == "channels" and node.op in CONTRACTIONS | SMOOTHINGS:
        # Channels are equal where all summed values are zero, or are equal themselves.
        return [(t, d) for t in data for d in (CHANNELS, Requirement("values", frozenset((0.0,))))]
    if requirement.kind != "values" or node.op in COPIES:
        return [(t, requirement) for t in data]
    if node.op in ELEMENTWISE and variable_of(node) is not None:
        return _through_function(node, data, requirement, states)
    if node.op in _SUMS and len(data) == 2:
        first, second = data
        return _matching(first, second, states, _SUMS[node.op], requirement)
    if node.op == "Mul" and near(np.zeros(1), requirement.points)[0]:
        return [(t, Requirement("values", frozenset((0.0,)))) for t in data]
    if node.op in CONTRACTIONS | SMOOTHINGS:
        return _through_contraction(node, data, requirement, states)
    return [(t, Requirement("values")) for t in data]


def _through_function(
    node: gs.Node, data: list[gs.Tensor], requirement: Requirement, states: TensorStates
) -> list[tuple[gs.Tensor, Requirement]]:
    if not data:
        return []
    state = states.of(data[0])
    values = state.values
    made = values_at(node, states.opset, values)
    if made is not None:
        # Where the function is constant, rounding of its input has no effect.
        margin = NEAR * np.maximum(1.0, np.abs(values))
        around = [values_at(node, states.opset, values + sign * margin) for sign in (-1, 1)]
        rests = np.all([made == beside for beside in around], axis=0)
        made = np.where(rests, np.nan, made)
    return _those(data[0], state.has_unknown_values, values, made, requirement)


def _through_contraction(
    node: gs.Node, data: list[gs.Tensor], requirement: Requirement, states: TensorStates
) -> list[tuple[gs.Tensor, Requirement]]:
    found, state = contraction_of(node), states.of(node.inputs[0])
    if found is None:
        return [(t, Requirement("values")) for t in data]
    requirements = _those(
        node.inputs[0],
        found.passes_unknown_values and state.has_unknown_values,
        state.values,
        found.outputs_at(state.values),
        requirement,
    )
    if found.zero_sum_outputs.size and near(found.zero_sum_outputs, requirement.points).any():
        requirements.append((node.inputs[0], PIXELS))
    return requirements


def _those(
    tensor: gs.Tensor,
    free: bool,
    values: NDArray[np.float64],
    made: NDArray[np.float64] | None,
    requirement: Requirement,
) -> list[tuple[gs.Tensor, Requirement]]:
    """Require the values of an operand for which the output has a required value."""
    if made is None or free:
        return [(tensor, Requirement("values"))]
    causes = values[near(made, requirement.points).any(axis=1)]
    if not causes.size:
        return []
    return [(tensor, Requirement("values", frozenset(float(v) for v in causes)))]


def _matching(
    first: gs.Tensor, second: gs.Tensor, states: TensorStates, sign: float, requirement: Requirement
) -> list[tuple[gs.Tensor, Requirement]]:
    """Require the values of two operands whose sum or difference has a required value."""
    one, other = states.of(first), states.of(second)
    if (one.has_unknown_values and (other.has_unknown_values or other.known_values)) or (
        other.has_unknown_values and one.known_values
    ):
        return [(first, Requirement("values")), (second, Requirement("values"))]
    if not one.known_values or not other.known_values:
        return []
    hits = near(one.values[:, None] + sign * other.values[None, :], requirement.points)
    return [
        (
            tensor,
            Requirement("values", frozenset(float(v) for v in state.values[hits.any(axis=axis)])),
        )
        for tensor, state, axis in ((first, one, 1), (second, other, 0))
        if hits.any()
    ]
