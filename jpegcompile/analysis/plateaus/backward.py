"""Back from discontinuous operators: which nodes make what they have to read exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.plateaus.continuity import (
    CONTRACTIONS,
    COPIES,
    ELEMENTWISE,
    SMOOTHINGS,
    continuous_inputs,
)
from jpegcompile.analysis.plateaus.contractions import contraction_of
from jpegcompile.analysis.plateaus.demands import (
    CHANNELS,
    NEAR,
    PIXELS,
    Demand,
    compared,
    demands_of,
    may_be_float,
    near,
)
from jpegcompile.analysis.plateaus.forms import Form, cancellations
from jpegcompile.analysis.plateaus.forward import Plateaus
from jpegcompile.analysis.plateaus.functions import values_at, variable_of

_SUMS = {"Add": 1.0, "Sub": -1.0, "Sum": 1.0}


@dataclass
class Needed:
    """What one discontinuous operator needs.

    Attributes:
        plateaus: states of the graph's tensors.
        nodes: that must stay on pixels for it, by `id`.
        reads_image: whether it compares pixels of the image itself.
    """

    plateaus: Plateaus
    nodes: dict[int, gs.Node] = field(default_factory=dict)
    reads_image: bool = False
    _waiting: list[tuple[gs.Tensor, Demand]] = field(default_factory=list)
    _seen: set[tuple[int, Demand]] = field(default_factory=set)

    def collect(self, node: gs.Node) -> bool:
        """Find what a node needs; returns whether it needs anything."""
        first = self.plateaus.of(node.inputs[0]) if node.inputs else None
        axis = first.axis if first is not None and first.axis in range(8) else None
        demands = [
            *demands_of(node, self.plateaus.module.graph, axis),
            *self._equalities(node),
        ]
        met = [(t, d) for t, d in demands if self.plateaus.of(t).meets(d)]
        cancelled = self._cancelled(node)
        self._waiting = list(met)
        self._keep_copies(cancelled)
        while self._waiting:
            self._go_back(*self._waiting.pop())
        return bool(met or cancelled)

    def _equalities(self, node: gs.Node) -> list[tuple[gs.Tensor, Demand]]:
        """Of a comparison of two maps: where both rest at the same value."""
        tensors = compared(node)
        if tensors is None:
            return []
        return _matching(*tensors, self.plateaus, -1.0, Demand("values", frozenset((0.0,))))

    def _cancelled(self, node: gs.Node) -> list[Form]:
        """Of a comparison of two maps: where both copy the same."""
        tensors = compared(node)
        if tensors is None:
            return []
        first, second = (self.plateaus.of(t).forms for t in tensors)
        found = cancellations(first, second, -1.0)
        return [form for form in found if abs(form.constant) <= 1e-3]

    def _keep_copies(self, forms: Iterable[Form]) -> None:
        """Both sides of a cancellation, back to what they have in common, and its ties."""
        graph = {id(node): node for node in self.plateaus.module.graph.nodes}
        for form in forms:
            self.nodes.update({key: graph[key] for key in form.nodes if key in graph})
            roots = [self.plateaus.tensors[key] for key in form.roots]
            self._waiting += [(root, demand) for root in roots for demand in (PIXELS, CHANNELS)]

    def _go_back(self, tensor: gs.Tensor, demand: Demand) -> None:
        if (id(tensor), demand) in self._seen or not self.plateaus.of(tensor).meets(demand):
            return
        self._seen.add((id(tensor), demand))
        if not tensor.inputs:
            self.reads_image |= tensor.name == self.plateaus.module.image.name
            return
        node = tensor.inputs[0]
        self.nodes[id(node)] = node
        self._keep_copies(self._zeros_within(node, demand))
        self._waiting += _sources(node, demand, self.plateaus)

    def _zeros_within(self, node: gs.Node, demand: Demand) -> list[Form]:
        zeros = self.plateaus.zeros.get(id(node), ())
        if demand.kind != "values" or node.op == "Div":
            return list(zeros)
        return [f for f in zeros if near(np.asarray([f.constant]), demand.steps)[0]]


def _sources(node: gs.Node, demand: Demand, plateaus: Plateaus) -> list[tuple[gs.Tensor, Demand]]:
    """What of a node's inputs makes what is demanded of its output."""
    reads = continuous_inputs(node)
    data = [t for i, t in enumerate(node.inputs) if i in reads and may_be_float(t)]
    if demand.kind == "channels" and node.op in CONTRACTIONS | SMOOTHINGS:
        # Channels are equal where all that they sum is zero, or is equal itself.
        return [(t, d) for t in data for d in (CHANNELS, Demand("values", frozenset((0.0,))))]
    if demand.kind != "values" or node.op in COPIES:
        return [(t, demand) for t in data]
    if node.op in ELEMENTWISE and variable_of(node) is not None:
        return _through_function(node, data, demand, plateaus)
    if node.op in _SUMS and len(data) == 2:
        first, second = data
        return _matching(first, second, plateaus, _SUMS[node.op], demand)
    if node.op == "Mul" and near(np.zeros(1), demand.steps)[0]:
        return [(t, Demand("values", frozenset((0.0,)))) for t in data]
    if node.op in CONTRACTIONS | SMOOTHINGS:
        return _through_contraction(node, data, demand, plateaus)
    return [(t, Demand("values")) for t in data]


def _through_function(
    node: gs.Node, data: list[gs.Tensor], demand: Demand, plateaus: Plateaus
) -> list[tuple[gs.Tensor, Demand]]:
    if not data:
        return []
    state = plateaus.of(data[0])
    values = state.values
    made = values_at(node, plateaus.opset, values)
    if made is not None:
        # Within a plateau of the function rounding does not matter.
        margin = NEAR * np.maximum(1.0, np.abs(values))
        around = [values_at(node, plateaus.opset, values + sign * margin) for sign in (-1, 1)]
        rests = np.all([made == beside for beside in around], axis=0)
        made = np.where(rests, np.nan, made)
    return _those(data[0], state.free, values, made, demand)


def _through_contraction(
    node: gs.Node, data: list[gs.Tensor], demand: Demand, plateaus: Plateaus
) -> list[tuple[gs.Tensor, Demand]]:
    found, state = contraction_of(node), plateaus.of(node.inputs[0])
    if found is None:
        return [(t, Demand("values")) for t in data]
    demands = _those(
        node.inputs[0],
        found.passes_any and state.free,
        state.values,
        found.atoms(state.values),
        demand,
    )
    if found.resting.size and near(found.resting, demand.steps).any():
        demands.append((node.inputs[0], PIXELS))
    return demands


def _those(
    tensor: gs.Tensor,
    free: bool,
    values: NDArray[np.float64],
    made: NDArray[np.float64] | None,
    demand: Demand,
) -> list[tuple[gs.Tensor, Demand]]:
    """Those plateaus of an operand from which a demanded value is made."""
    if made is None or free:
        return [(tensor, Demand("values"))]
    causes = values[near(made, demand.steps).any(axis=1)]
    if not causes.size:
        return []
    return [(tensor, Demand("values", frozenset(float(v) for v in causes)))]


def _matching(
    first: gs.Tensor, second: gs.Tensor, plateaus: Plateaus, sign: float, demand: Demand
) -> list[tuple[gs.Tensor, Demand]]:
    """Those plateaus of two operands whose sum, or difference, is demanded."""
    one, other = plateaus.of(first), plateaus.of(second)
    if (one.free and (other.free or other.atoms)) or (other.free and one.atoms):
        return [(first, Demand("values")), (second, Demand("values"))]
    if not one.atoms or not other.atoms:
        return []
    hits = near(one.values[:, None] + sign * other.values[None, :], demand.steps)
    return [
        (tensor, Demand("values", frozenset(float(v) for v in state.values[hits.any(axis=axis)])))
        for tensor, state, axis in ((first, one, 1), (second, other, 0))
        if hits.any()
    ]
