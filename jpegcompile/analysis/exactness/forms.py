"""Linear forms: a tensor's elements as sums of other tensors' elements, to detect cancellation.

MaxPool(x)          an element of MaxPool(x), or an element of x
Relu(x)             an element of Relu(x), or an element of x
2 * MaxPool(x)      twice an element of MaxPool(x), or twice an element of x
Sigmoid(MaxPool(x)) an element of the tensor, or Sigmoid of an element of MaxPool(x) or of x

The operands of MaxPool(x) - x and Equal(MaxPool(x), x) share a form. They may therefore be exactly
equal at many pixels.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

# Limits on the forms of a tensor and the terms of a form; the simplest forms are kept.
_MOST_FORMS, _MOST_TERMS = 12, 4
_NOTHING_LEFT = 1e-6


@dataclass(frozen=True)
class Form:
    """Sum of coefficients times elements of named quantities, plus a constant.

    Attributes:
        terms: pairs (quantity, coefficient), one for each quantity.
        constant: constant that is added.
        nodes: `id` of every node between the roots and the tensor.
        roots: `id` of every tensor whose elements the form sums.
    """

    terms: frozenset[tuple[Hashable, float]]
    constant: float = 0.0
    nodes: frozenset[int] = field(default=frozenset(), compare=False)
    roots: frozenset[int] = field(default=frozenset(), compare=False)

    @classmethod
    def element(cls, quantity: Hashable, roots: Iterable[int]) -> Form:
        """Form of an element of a quantity."""
        return cls(frozenset(((quantity, 1.0),)), roots=frozenset(roots))

    def through(self, node: int) -> Form:
        """Copy of the form with one more node on the path."""
        return Form(self.terms, self.constant, self.nodes | {node}, self.roots)

    def plus(self, other: Form, sign: float = 1.0) -> Form:
        """Sum (sign 1) or difference (sign -1) of two forms, without terms that cancel."""
        sums = dict(self.terms)
        for quantity, coefficient in other.terms:
            sums[quantity] = sums.get(quantity, 0.0) + sign * coefficient
        left = frozenset((q, c) for q, c in sums.items() if abs(c) > _NOTHING_LEFT)
        constant = self.constant + sign * other.constant
        return Form(left, constant, self.nodes | other.nodes, self.roots | other.roots)

    def affine(self, factor: float, constant: float = 0.0) -> Form:
        """Product of the form and a factor, plus a constant."""
        terms = frozenset((q, factor * c) for q, c in self.terms)
        return Form(terms, factor * self.constant + constant, self.nodes, self.roots)

    def renamed(self, quantity: Hashable) -> Form:
        """Form of a new quantity that is computed from this form."""
        return Form(frozenset(((quantity, 1.0),)), nodes=self.nodes, roots=self.roots)

    def ratio(self, other: Form) -> float | None:
        """Quotient of two forms if it is a number; else None."""
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
    """Sums (sign 1) or differences (sign -1) of forms of two tensors in which all terms cancel."""
    other = list(second)
    sums = [a.plus(b, sign) for a in first for b in other]
    return [form for form in sums if not form.terms]
