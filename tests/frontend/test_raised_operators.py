"""Every operator against its spatial form: equal results between the casts, in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.body_cases import FIRST_OF_OP
from support.function_bodies import BodyCase, run_body
from support.graphs import assert_differs, assert_same
from support.raising import evaluated, exact_form, maps_of, one_node, raised
from support.tiers import thorough

from jpegcompile.dct.linear import take_matrix
from jpegcompile.frontend.load import newest_opset
from jpegcompile.frontend.raising.axis_forms import average_pool, steps
from jpegcompile.operators.definition import Body
from jpegcompile.operators.piecewise import TRUNCATE
from jpegcompile.operators.registry import OPERATORS

# Truncation alone and ingests have no spatial form without what is before them.
CASES = [
    case
    for case in FIRST_OF_OP
    if case.op != TRUNCATE and "ingest" not in (OPERATORS[case.op].raising, case.op)
    if not OPERATORS[case.op].ingest
]


def check(case: BodyCase, opset: int) -> None:
    opset = max(opset, case.oldest_opset, 8 if "MaxPool" in case.op else 7)
    actual = evaluated(raised(one_node(case, opset)), maps_of(case))
    assert_same([actual], [run_body(exact_form(case), opset)])


def test_every_operator_says_how_it_is_raised() -> None:
    for operator in OPERATORS.values():
        assert bool(operator.spatial) != bool(operator.raising), operator.name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.op)
def test_operator_on_pixels(case: BodyCase) -> None:
    check(case, 13)


@thorough
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.op)
@pytest.mark.parametrize("opset", [7, 10, 18, newest_opset()])
def test_operator_on_pixels_at_every_opset(case: BodyCase, opset: int) -> None:
    check(case, opset)


@pytest.mark.parametrize("op", ["JpegConvAddRelu", "JpegClip", "JpegBatchNormalization"])
def test_a_perturbed_weight_is_seen(op: str) -> None:
    case = next(case for case in CASES if case.op == op)
    index = {"JpegClip": 2}.get(op, 1)
    operands = list(case.operands)
    operands[index] = operands[index] * 0.9
    faulty = raised(one_node(replace(case, operands=tuple(operands)), 13))
    assert_differs([evaluated(faulty, maps_of(case))], [run_body(case, 13)])


def test_a_wrong_spatial_form_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in CASES if case.op == "JpegRelu")
    wrong = replace(OPERATORS["JpegRelu"], spatial=(Body(" y = Abs(x)"),))
    monkeypatch.setitem(OPERATORS, "JpegRelu", wrong)
    with pytest.raises(AssertionError):
        check(case, 13)


def test_slices_to_the_end_stay_so() -> None:
    """`--resolution` can change a Slice only if its end does not depend on the size."""
    most = 2**31
    for indices, expected in (
        ([0, 2, 4, 6], (0, most - 1, 2)),
        ([3, 4, 5, 6, 7], (3, most - 1, 1)),
        ([0, 2, 4], (0, 5, 2)),
        ([7, 5, 3], (7, 2, -2)),
        ([7, 4, 1], (7, 0, -3)),
        ([1, 0], (1, -most, -1)),
        ([0, 1, 3], None),
    ):
        assert steps(take_matrix(indices, 8)) == expected


@pytest.mark.parametrize("include_pad", [False, True])
def test_matrices_that_are_no_mean(include_pad: bool) -> None:
    """Of negative weights, of zeros, of large weights and of NaN."""
    for matrix in (-np.eye(4), np.zeros((2, 4)), 1e9 * np.eye(4), np.full((2, 4), np.nan)):
        assert average_pool(matrix, include_pad=include_pad) is None
    assert average_pool(np.full((1, 4), 0.25), include_pad=include_pad) is not None


def test_a_model_may_have_the_names_of_an_earlier_raising() -> None:
    case = next(case for case in CASES if case.op == "JpegRelu")
    model = one_node(case, 13)
    expected = raised(model)
    names = [t.name for t in expected.graph.initializer if t.name.startswith("raised.")]
    for tensor, name in zip(model.graph.initializer, names, strict=False):
        index = list(model.graph.node[0].input).index(tensor.name)
        tensor.name = model.graph.node[0].input[index] = name
    assert names
    assert_same([evaluated(raised(model), maps_of(case))], [evaluated(expected, maps_of(case))])
