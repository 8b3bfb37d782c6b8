"""What is known of where a tensor's elements may be equal, exactly and not by rare chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.exactness.forms import Form, simplest
from jpegcompile.analysis.exactness.requirements import NEAR, Points, Requirement, near

# Height and width of the part of an image that an element depends on.
Extent = tuple[float, float]

Range = tuple[float, float]
UNBOUNDED: Range = (-math.inf, math.inf)

_MOST_VALUES = 4096


def hull(spans: Iterable[Range]) -> Range:
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
            results of points, sums of too many.
        span: the least and the largest that those may be.
        tied: whether elements at several pixels may be equal though the image is not flat there.
        alike: whether elements of several channels may be equal.
        flat: how large a part of the image must be of one colour for elements at several pixels
            to be equal; None if no part will do.
        forms: see `forms.py`.
        axis: of the channels; None if unknown.
    """

    known_values: frozenset[float] = frozenset()
    has_unknown_values: bool = False
    unknown_range: Range = UNBOUNDED
    equal_pixels: bool = False
    equal_channels: bool = False
    flat_extent: Extent | None = None
    forms: tuple[Form, ...] = ()
    axis: int | None = None

    def meets(self, requirement: Requirement) -> bool:
        """Whether a tensor may have what must be read exactly."""
        if requirement.kind == "pixels":
            return self.equal_pixels or self.flat_extent is not None
        if requirement.kind == "channels":
            return self.equal_channels
        return self._may_reach(requirement.points) or bool(
            near(self.values, requirement.points).any()
        )

    def _may_reach(self, points: Points) -> bool:
        if not self.has_unknown_values or not isinstance(points, frozenset):
            return self.has_unknown_values
        low, high = self.unknown_range
        return any(low - NEAR <= step <= high + NEAR for step in points)

    @property
    def value_range(self) -> Range:
        """The least and the largest of all such values; (inf, -inf) if there are none."""
        spans = [(value, value) for value in self.known_values] + (
            [self.unknown_range] if self.has_unknown_values else []
        )
        return hull(spans)

    @property
    def values(self) -> NDArray[np.float64]:
        """The atoms as an array."""
        return np.asarray(sorted(self.known_values), np.float64)

    def with_known_values(self, atoms: Iterable[float]) -> State:
        """The same with other atoms; too many may be any."""
        known = frozenset(float(np.float32(a)) for a in atoms if np.isfinite(a))
        if len(known) > _MOST_VALUES:
            span = hull(
                [
                    (min(known), max(known)),
                    *([self.unknown_range] if self.has_unknown_values else []),
                ]
            )
            return replace(
                self, known_values=frozenset(), has_unknown_values=True, unknown_range=span
            )
        return replace(self, known_values=known)


GENERIC = State()
# Of what nothing is known, and of results of points: they have few values.
UNKNOWN = State(has_unknown_values=True, equal_pixels=True, equal_channels=True)
# Images may be of one colour in parts, black mostly; grey ones have equal channels.
IMAGE = State(
    known_values=frozenset((0.0,)),
    has_unknown_values=True,
    equal_channels=True,
    flat_extent=(1.0, 1.0),
)


def either(states: Iterable[State]) -> State:
    """Of a tensor whose elements are those of one of several."""
    given = list(states)
    flats = [s.flat_extent for s in given if s.flat_extent is not None]
    return State(
        has_unknown_values=any(s.has_unknown_values for s in given),
        unknown_range=hull(s.unknown_range for s in given if s.has_unknown_values),
        equal_pixels=any(s.equal_pixels for s in given),
        equal_channels=any(s.equal_channels for s in given),
        flat_extent=min(flats, default=None),
    ).with_known_values(atom for s in given for atom in s.known_values)


def joined_forms(states: Iterable[State], node: gs.Node) -> tuple[Form, ...]:
    """Forms of what a node may pass on."""
    return simplest(form.through(id(node)) for state in states for form in state.forms)


def common_flat_extent(states: Iterable[State]) -> Extent | None:
    """Of a function of several tensors: all of them must be flat."""
    flats = [s.flat_extent for s in states]
    known = [f for f in flats if f is not None]
    if not known or len(known) < len(flats):
        return None
    return max(f[0] for f in known), max(f[1] for f in known)
