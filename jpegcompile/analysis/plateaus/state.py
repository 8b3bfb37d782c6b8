"""What is known of where a tensor's elements may be equal, exactly and not by rare chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.plateaus.demands import NEAR, Demand, Steps, near
from jpegcompile.analysis.plateaus.forms import Form, plainest

# Height and width of the part of an image that an element depends on.
Extent = tuple[float, float]

Span = tuple[float, float]
UNBOUNDED: Span = (-math.inf, math.inf)

_MOST_ATOMS = 4096


def hull(spans: Iterable[Span]) -> Span:
    """The smallest span that holds all of them; (inf, -inf) holds nothing."""
    known = list(spans)
    low = min((s[0] for s in known), default=math.inf)
    return low, max((s[1] for s in known), default=-math.inf)


@dataclass(frozen=True)
class State:
    """Of one tensor.

    Attributes:
        atoms: values that many elements may have, as the 0 behind a ReLU.
        free: whether there may be other such values, nobody knows which: pixels of an image,
            results of steps, sums of too many.
        span: the least and the largest that those may be.
        tied: whether elements at several pixels may be equal though the image is not flat there.
        alike: whether elements of several channels may be equal.
        flat: how large a part of the image must be of one colour for elements at several pixels
            to be equal; None if no part will do.
        forms: see `forms.py`.
        axis: of the channels; None if unknown.
    """

    atoms: frozenset[float] = frozenset()
    free: bool = False
    span: Span = UNBOUNDED
    tied: bool = False
    alike: bool = False
    flat: Extent | None = None
    forms: tuple[Form, ...] = ()
    axis: int | None = None

    def meets(self, demand: Demand) -> bool:
        """Whether a tensor may have what must be read exactly."""
        if demand.kind == "pixels":
            return self.tied or self.flat is not None
        if demand.kind == "channels":
            return self.alike
        return self._may_reach(demand.steps) or bool(near(self.values, demand.steps).any())

    def _may_reach(self, steps: Steps) -> bool:
        if not self.free or not isinstance(steps, frozenset):
            return self.free
        low, high = self.span
        return any(low - NEAR <= step <= high + NEAR for step in steps)

    @property
    def extent(self) -> Span:
        """The least and the largest of all such values; (inf, -inf) if there are none."""
        spans = [(value, value) for value in self.atoms] + ([self.span] if self.free else [])
        return hull(spans)

    @property
    def values(self) -> NDArray[np.float64]:
        """The atoms as an array."""
        return np.asarray(sorted(self.atoms), np.float64)

    def with_atoms(self, atoms: Iterable[float]) -> State:
        """The same with other atoms; too many may be any."""
        known = frozenset(float(np.float32(a)) for a in atoms if np.isfinite(a))
        if len(known) > _MOST_ATOMS:
            span = hull([(min(known), max(known)), *([self.span] if self.free else [])])
            return replace(self, atoms=frozenset(), free=True, span=span)
        return replace(self, atoms=known)


GENERIC = State()
# Of what nothing is known, and of results of steps: they have few values.
UNKNOWN = State(free=True, tied=True, alike=True)
# Images may be of one colour in parts, black mostly; grey ones have equal channels.
IMAGE = State(atoms=frozenset((0.0,)), free=True, alike=True, flat=(1.0, 1.0))


def either(states: Iterable[State]) -> State:
    """Of a tensor whose elements are those of one of several."""
    given = list(states)
    flats = [s.flat for s in given if s.flat is not None]
    return State(
        free=any(s.free for s in given),
        span=hull(s.span for s in given if s.free),
        tied=any(s.tied for s in given),
        alike=any(s.alike for s in given),
        flat=min(flats, default=None),
    ).with_atoms(atom for s in given for atom in s.atoms)


def joined_forms(states: Iterable[State], node: gs.Node) -> tuple[Form, ...]:
    """Forms of what a node may pass on."""
    return plainest(form.through(id(node)) for state in states for form in state.forms)


def all_flat(states: Iterable[State]) -> Extent | None:
    """Of a function of several tensors: all of them must be flat."""
    flats = [s.flat for s in states]
    known = [f for f in flats if f is not None]
    if not known or len(known) < len(flats):
        return None
    return max(f[0] for f in known), max(f[1] for f in known)
