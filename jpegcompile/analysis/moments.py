"""Recognize group and instance normalizations by polynomials in the mean and variance of a map.

Exporters write these normalizations in many ways: as one operator between reshapes, as ReduceMean,
Sub, Mul and Sqrt, as x * factor + offset, with the variance as E[x^2] - E[x]^2, and so on. All of
them compute

    y = scale * (x - m) * r + shift,    r = (v + epsilon)^(-1/2)

where m and v are the mean and the variance of groups of channels. The analysis therefore writes
every tensor that depends only on one map x as a polynomial in x, m, v and r. Each coefficient has
one value for each channel. A tensor whose polynomial has the form above is a normalization.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.moment_rules import EVALUATORS
from jpegcompile.analysis.moment_terms import SCALED_M, SCALED_X, MomentTerms, Value
from jpegcompile.analysis.polynomials import ONE, UnknownError, is_same, rounded
from jpegcompile.ir.graph import is_float, static_dims


@dataclass(frozen=True)
class Normalization:
    """y = scale * (x - mean) / sqrt(variance + epsilon) + shift.

    Attributes:
        groups: number of channel groups; each has one mean and one variance.
        epsilon: a positive number.
        scale, shift: parameters [channels].
    """

    groups: int
    epsilon: float
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]


class Moments(MomentTerms):
    """Evaluates nodes downstream of a map, one after the other."""

    def follow(self, node: gs.Node) -> bool:
        """Compute the polynomial of a node's output; returns whether the output has one."""
        evaluate = EVALUATORS.get(node.op)
        target = node.outputs[0] if node.outputs else None
        if evaluate is None or target is None or node.domain not in (None, "", "ai.onnx"):
            return False
        if any(t.name and t.outputs for t in node.outputs[1:]):
            return False
        shape = static_dims((target.shape or ())[1:]) if len(target.shape or ()) > 1 else None
        if shape is None or target.shape[0] != self.source.shape[0] or not is_float(target):
            return False
        before = self.groups, self.epsilon
        try:
            self.values[id(target)] = Value(shape, rounded(evaluate(self, node, shape)))
        except UnknownError:
            self.groups, self.epsilon = before
            return False
        return True

    def normalization(self, tensor: gs.Tensor) -> Normalization | None:
        """Return the normalization of x that a tensor equals; None if it is not one."""
        value = self.values.get(id(tensor))
        if value is None or tuple(tensor.shape) != tuple(self.source.shape):
            return None
        if tensor.dtype != self.source.dtype or self.groups is None or self.epsilon is None:
            return None
        terms = value.polynomial
        if SCALED_X not in terms or not set(terms) <= {SCALED_X, SCALED_M, ONE}:
            return None
        zeros = np.zeros(self.channels)
        scale, mean = terms[SCALED_X], terms.get(SCALED_M, zeros)
        if not is_same(scale, -mean):
            return None
        return Normalization(self.groups, self.epsilon, scale, terms.get(ONE, zeros))
