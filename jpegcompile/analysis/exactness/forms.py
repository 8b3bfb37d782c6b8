"""As which sums of other tensors' elements a tensor may be written, so that cancellation is seen.

MaxPool(x)          an element of MaxPool(x), or one of x
Relu(x)             an element of Relu(x), or one of x
2 * MaxPool(x)      2 of MaxPool(x), or 2 of x
Sigmoid(MaxPool(x)) an element of it, Sigmoid of one of MaxPool(x), Sigmoid of one of x

MaxPool(x) - x, Equal(MaxPool(x), x), ... have operands that share a form: they may be exactly zero,
or equal, at many pixels.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

# A tensor has no more forms than these, and a form no more terms; the simplest are kept.
_MOST_FORMS, _MOST_TERMS = 12, 4
_NOTHING_LEFT = 1e-6


@dataclass(frozen=True)
class Form:
    """Sum of coefficients times elements of named quantities, and a constant.

    Attributes:
        terms: (quantity, coefficient), each quantity once.
        constant: that is added.
        nodes: `id` of every node between the quantities' roots and the tensor.
        roots: `id` of every tensor from which the form is made.
    """

    terms: frozenset[tuple[Hashable, float]]
    constant: float = 0.0
    nodes: frozenset[int] = field(default=frozenset(), compare=False)
    roots: frozenset[int] = field(default=frozenset(), compare=False)

    @classmethod
    def element(cls, quantity: Hashable, roots: Iterable[int]) -> Form:
        """An element of a quantity itself."""
        return cls(frozenset(((quantity, 1.0),)), roots=frozenset(roots))

    def through(self, node: int) -> Form:
        """The same, as found behind one more node."""
        return Form(self.terms, self.constant, self.nodes | {node}, self.roots)

    def plus(self, other: Form, sign: float = 1.0) -> Form:
        """The sum of two, or their difference; terms that cancel are gone."""
        sums = dict(self.terms)
        for quantity, coefficient in other.terms:
            sums[quantity] = sums.get(quantity, 0.0) + sign * coefficient
        left = frozenset((q, c) for q, c in sums.items() if abs(c) > _NOTHING_LEFT)
        constant = self.constant + sign * other.constant
        return Form(left, constant, self.nodes | other.nodes, self.roots | other.roots)

    def affine(self, factor: float, constant: float = 0.0) -> Form:
        """A multiple, with a constant added."""
        terms = frozenset((q, factor * c) for q, c in self.terms)
        return Form(terms, factor * self.constant + constant, self.nodes, self.roots)

    def renamed(self, quantity: Hashable) -> Form:
        """A quantity that is made of this one."""
        return Form(frozenset(((quantity, 1.0),)), nodes=self.nodes, roots=self.roots)

    def ratio(self, other: Form) -> float | None:
        """What it is divided by another one, where that is a number."""
        if self.constant or other.constant or not other.terms:
            return None
        own, others = dict(self.terms), dict(other.terms)
        if own.keys() != others.keys():
            return None
        ratios = [own[q] / c for q, c in others.items()]
        return ratios[0] if max(ratios) - min(ratios) < _NOTHING_LEFT else None


def simplest(forms: Iterable[Form]) -> tuple[Form, ...]:
    """The forms with the fewest terms, each once."""
    unique = dict.fromkeys(f for f in forms if len(f.terms) <= _MOST_TERMS)
    return tuple(sorted(unique, key=lambda form: len(form.terms))[:_MOST_FORMS])


def cancellations(first: Iterable[Form], second: Iterable[Form], sign: float) -> list[Form]:
    """Sums (sign 1) or differences (sign -1) of two tensors that are constants."""
    other = list(second)
    sums = [a.plus(b, sign) for a in first for b in other]
    return [form for form in sums if not form.terms]
