"""State of a tensor: whether and where its elements may be exactly equal at many pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.exactness.forms import Form, simplest
from jpegcompile.analysis.exactness.requirements import NEAR, Points, Requirement, near

# Height and width, in pixels of the image, of the part on which an element depends.
Extent = tuple[float, float]

# Smallest and largest value.
Range = tuple[float, float]
UNBOUNDED: Range = (-math.inf, math.inf)

_MOST_VALUES = 4096


def hull(spans: Iterable[Range]) -> Range:
    """Smallest range that contains all spans; (inf, -inf) is empty."""
    known = list(spans)
    low = min((s[0] for s in known), default=math.inf)
    return low, max((s[1] for s in known), default=-math.inf)


@dataclass(frozen=True)
class State:
    """State of one tensor.

    Attributes:
        known_values: values that many elements may have exactly, such as 0 after a ReLU.
        has_unknown_values: whether many elements may also have other, unknown values exactly.
            This applies to pixels of an image, outputs of discontinuous operators, and sums of too
            many values.
        unknown_range: range of these unknown values.
        equal_pixels: whether elements at several pixels may be equal even if the image is not flat.
        equal_channels: whether elements of several channels may be equal.
        flat_extent: size of the part of the image that must have one color for elements at several
            pixels to be equal; None if no size suffices.
        forms: linear forms of the elements; see `forms.py`.
        axis: axis of the channels; None if unknown.
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
        """Whether the property that a requirement describes may occur in the tensor."""
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
        """Range of the known and the unknown values; (inf, -inf) if there are none."""
        spans = [(value, value) for value in self.known_values] + (
            [self.unknown_range] if self.has_unknown_values else []
        )
        return hull(spans)

    @property
    def values(self) -> NDArray[np.float64]:
        """Known values as a sorted array."""
        return np.asarray(sorted(self.known_values), np.float64)

    def with_known_values(self, atoms: Iterable[float]) -> State:
        """Copy of the state with other known values; if too many, they become unknown values."""
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
# State of tensors about which nothing is known, and of outputs of discontinuous operators.
UNKNOWN = State(has_unknown_values=True, equal_pixels=True, equal_channels=True)
# Parts of an image may have one color, often black; grayscale images have equal channels.
IMAGE = State(
    known_values=frozenset((0.0,)),
    has_unknown_values=True,
    equal_channels=True,
    flat_extent=(1.0, 1.0),
)


def either(states: Iterable[State]) -> State:
    """State of a tensor whose elements each come from one of several tensors."""
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
    """Forms of a node's output if each element is copied from an input."""
    return simplest(form.through(id(node)) for state in states for form in state.forms)


def common_flat_extent(states: Iterable[State]) -> Extent | None:
    """Flat extent of a function of several tensors, which must all be flat."""
    flats = [s.flat_extent for s in states]
    known = [f for f in flats if f is not None]
    if not known or len(known) < len(flats):
        return None
    return max(f[0] for f in known), max(f[1] for f in known)
