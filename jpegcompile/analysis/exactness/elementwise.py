"""States of elementwise functions: of one variable by evaluation, of several by algebra."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import product
from typing import Protocol

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.exactness.forms import Form, simplest
from jpegcompile.analysis.exactness.functions import (
    flat_values,
    output_range,
    values_at,
    variable_of,
)
from jpegcompile.analysis.exactness.state import (
    State,
    common_flat_extent,
    either,
    hull,
    joined_forms,
)
from jpegcompile.ir.graph import value_of

# Functions that are the identity for some of their operands.
_PASSING = frozenset(
    (
        *("Abs", "Celu", "Clip", "Elu", "Gelu", "HardSwish", "LeakyRelu", "Max", "Min", "Mish"),
        *("PRelu", "Relu", "Shrink", "Softplus", "Swish", "ThresholdedRelu"),
    )
)
_ONE_OF_SEVERAL = ("Clip", "Max", "Min", "PRelu")
_AFFINE = ("Add", "Div", "Mul", "Neg", "Sub")
_SUMS = ("Add", "Mean", "Sub", "Sum")
_MOST_PAIRS = 1 << 16


class States(Protocol):
    """States of the tensors around a node; implemented by `forward.TensorStates`."""

    zeros: dict[int, tuple[Form, ...]]

    @property
    def opset(self) -> int:
        """Opset of the standard operators."""
        ...

    def of(self, tensor: gs.Tensor) -> State:
        """State of a tensor."""
        ...

    def key(self, tensor: gs.Tensor) -> Hashable:
        """Key of a tensor; tensors with the same key have the same values."""
        ...

    def number(self, quantity: Hashable) -> int:
        """Number of a quantity, which serves as its short name."""
        ...


def function_of_one(node: gs.Node, states: States) -> State:
    """Return the state of the output of a function of one variable."""
    source = variable_of(node)
    assert source is not None
    state = states.of(source)
    constants = flat_values(node, states.opset)
    made = values_at(node, states.opset, state.values)
    if constants is None or made is None:
        # Its constants differ from pixel to pixel.
        return replace(
            state, has_unknown_values=True, equal_pixels=True, equal_channels=True, forms=()
        )
    rests = bool(constants.size)
    result = replace(
        state,
        equal_pixels=state.equal_pixels or rests,
        equal_channels=state.equal_channels or rests,
        unknown_range=output_range(node, states.opset, state.unknown_range)
        if state.has_unknown_values
        else state.unknown_range,
        forms=_forms(node, state, states),
    )
    return result.with_known_values([*constants, *made.reshape(-1)])


def _forms(node: gs.Node, state: State, states: States) -> tuple[Form, ...]:
    """Apply a function to forms; a function that is not affine creates a new quantity."""
    forms = [form.through(id(node)) for form in state.forms]
    affine = _affine(node, states.opset)
    if affine is not None:
        return tuple(form.affine(*affine) for form in forms)
    passed = forms if node.op in _PASSING else []
    negated = [form.affine(-1.0) for form in forms] if node.op == "Abs" else []
    constants = tuple(None if value_of(t) is None else states.key(t) for t in node.inputs)
    name = (node.op, repr(sorted(node.attrs.items())), constants)
    own = [f.renamed(states.number((name, f.terms, f.constant))) for f in forms]
    return (*passed, *negated, *own)


def _affine(node: gs.Node, opset: int) -> tuple[float, float] | None:
    """Factor and constant of an affine function with scalars; None for other functions."""
    if node.op not in _AFFINE:
        return None
    made = values_at(node, opset, np.asarray([0.0, 1.0, -2.0]))
    if made is None or made.shape[1] != 1 or not np.isfinite(made).all():
        return None
    at_zero, at_one, beyond = (float(v) for v in made[:, 0])
    factor = at_one - at_zero
    return (factor, at_zero) if np.isclose(beyond, at_zero - 2.0 * factor) else None


def chosen(node: gs.Node, states: States) -> State:
    """Return the state of the output of Where, whose elements come from either operand."""
    operands = node.inputs[1:]
    given = [states.of(t) for t in operands if value_of(t) is None]
    constants = [value for value in map(value_of, operands) if value is not None]
    state = either(given)
    rests = bool(constants)
    result = replace(
        state,
        equal_pixels=state.equal_pixels or rests,
        equal_channels=state.equal_channels or rests,
        forms=joined_forms(given, node),
    )
    return result.with_known_values(
        [*result.known_values, *(v for c in constants for v in np.unique(c))]
    )


def combined(node: gs.Node, data: Sequence[gs.Tensor], states: States) -> State:
    """Return the state of the output of a function of several variables.

    Args:
        node: the node.
        data: inputs of the node that are not constant.
        states: states of the graph's tensors.
    """
    given = [states.of(t) for t in data]
    if node.op in _ONE_OF_SEVERAL:
        return replace(either(given), forms=joined_forms(given, node))
    # A vector of channels is the same at all pixels.
    maps = [s for t, s in zip(data, given, strict=True) if tuple(t.shape or ())[-2:] != (1, 1)]
    state = State(
        has_unknown_values=any(s.has_unknown_values for s in given)
        and all(s.has_unknown_values or s.known_values for s in given),
        equal_pixels=all(s.equal_pixels for s in maps or given),
        equal_channels=all(s.equal_channels for s in given),
        flat_extent=common_flat_extent(maps or given),
    )
    return (_sum if node.op in _SUMS else _product)(node, given, state, states)


def _sum(node: gs.Node, given: Sequence[State], state: State, states: States) -> State:
    factors = _factors(node)
    total = [Form(frozenset())]
    for factor, tensor in zip(factors, node.inputs, strict=True):
        own = states.of(tensor).forms or (Form.element(states.key(tensor), []),)
        total = list(simplest(a.plus(b, factor) for a, b in product(total, own)))
    cancelled = tuple(form.through(id(node)) for form in total if not form.terms)
    states.zeros[id(node)] = cancelled
    atoms: NDArray[np.float64] | None = np.zeros(1)
    low = high = 0.0
    for factor, tensor in zip(factors, node.inputs, strict=True):
        value = value_of(tensor)
        values = states.of(tensor).values if value is None else np.unique(value)
        atoms = None if atoms is None else _pairs(np.add, atoms, factor * values)
        extent = states.of(tensor).value_range if value is None else (values[0], values[-1])
        ends = sorted(factor * end for end in extent)
        low, high = low + ends[0], high + ends[1]
    constants = [form.constant for form in cancelled]
    result = replace(
        state,
        has_unknown_values=state.has_unknown_values or atoms is None,
        unknown_range=hull([(low, high), *((c, c) for c in constants)]),
        equal_pixels=state.equal_pixels or bool(cancelled),
        equal_channels=state.equal_channels or bool(cancelled),
        forms=tuple(form.through(id(node)) for form in total if form.terms),
    )
    return result.with_known_values([*(() if atoms is None else atoms), *constants])


def _factors(node: gs.Node) -> list[float]:
    """Factors of the operands in a sum."""
    if node.op == "Sub":
        return [1.0, -1.0]
    return [1.0 / len(node.inputs) if node.op == "Mean" else 1.0] * len(node.inputs)


def _product(node: gs.Node, given: Sequence[State], state: State, states: States) -> State:
    """Products are zero where a factor is zero; quotients of proportional forms are constant."""
    zeros = [s for s in (given[:1] if node.op == "Div" else given) if 0.0 in s.known_values]
    atoms = [0.0] if zeros else []
    if node.op == "Div":
        pairs = product(*(states.of(t).forms for t in node.inputs))
        ratios = [(a.plus(b), ratio) for a, b in pairs if (ratio := a.ratio(b)) is not None]
        states.zeros[id(node)] = tuple(form.through(id(node)) for form, _ in ratios)
        atoms += [ratio for _, ratio in ratios]
    ties = [s for s in zeros if s.equal_pixels]
    if node.op in ("Div", "Mul") and len(given) == 2:
        with np.errstate(all="ignore"):
            function = np.divide if node.op == "Div" else np.multiply
            pairs_made = _pairs(function, given[0].values, given[1].values)
        atoms += [] if pairs_made is None else list(pairs_made)
        state = replace(state, has_unknown_values=state.has_unknown_values or pairs_made is None)
    cancels = bool(states.zeros.get(id(node)))
    result = replace(
        state,
        equal_pixels=state.equal_pixels or bool(ties) or cancels,
        equal_channels=state.equal_channels or any(s.equal_channels for s in zeros) or cancels,
    )
    return result.with_known_values(atoms)


def _pairs(
    function: np.ufunc, first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Apply a function to every pair of values; None if there are too many pairs."""
    if first.size * second.size > _MOST_PAIRS:
        return None
    return np.unique(function.outer(first, second))
