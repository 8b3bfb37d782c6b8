"""Reasons in the report name the tensor or node that causes them."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import Graph, Weights, lowered

from jpegcompile.messages import code_of

MAP = "T[N,4,16,16] x"

# Text, weights, node, code of its reason, and a part of the reason.
CASES: tuple[tuple[str, Weights, str, str, str], ...] = (
    (
        f"({MAP}, T[N,4,H,W] z) => (T[] y) {{ r = Relu(x)  y = Relu(z) }}",
        {},
        "y",
        "map-shape-unknown",
        "'z'",
    ),
    (
        f"({MAP}) => (T[] y) {{ r = Relu(x)  y = ArgMax<axis = 1>(r) }}".replace(
            "T[] y", "int64[] y"
        ),
        {},
        "r",
        "feeds-choice-among-equals",
        "ArgMax 'y'",
    ),
    (
        f"({MAP}) => (T[] y) {{ r = Relu(x)  y = Sqrt(r) }}",
        {},
        "r",
        "feeds-discontinuous-operator",
        "Sqrt 'y'",
    ),
    (
        f"({MAP}, T[N,4,16,16] z) => (T[] y) {{ r = Relu(x)  y = Sinh(r) }}",
        {},
        "y",
        "no-jpeg-domain-form",
        "Sinh",
    ),
    (
        f"({MAP}) => (T[] y) {{ f = Flatten(x)  y = Relu(f) }}",
        {},
        "f",
        "flatten-reader-unsupported",
        "Relu 'y'",
    ),
    (
        f"({MAP}) => (T[] y) {{ y = Pad(x, wide, two) }}",
        {"wide": np.asarray([1, 0, 0, 0, 0, 0, 0, 0]), "two": np.asarray(2.0)},
        "y",
        "pad-batch",
        "batch",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[3])
def test_names_in_reasons(case: tuple[str, Weights, str, str, str]) -> None:
    text, weights, node, code, part = case
    report = lowered(Graph(text, weights)).report.node(node)
    assert report.status == "kept"
    assert code_of(report.reason) == code
    assert part in report.reason
