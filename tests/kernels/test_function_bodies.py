"""The function body of every operator against its reference in `kernels/`, at several opsets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support.channel_cases import cast_cases, channel_cases, relu_cases
from support.function_bodies import BodyCase, assert_body_holds, body_model
from support.ingest_cases import ingest_cases
from support.window_cases import conv_cases, pool_cases, resampling_cases

from jpegcompile.backends import functions
from jpegcompile.backends.functions import BODIES, function_of
from jpegcompile.frontend.load import newest_opset

CASES = [
    *cast_cases(),
    *channel_cases(),
    *relu_cases(),
    *conv_cases(),
    *pool_cases(),
    *resampling_cases(),
    *ingest_cases(),
]
OPSETS = sorted({7, 13, 20, newest_opset()})
FIRST_OF_OP = list({case.op: case for case in reversed(CASES)}.values())


def test_every_operator_has_cases() -> None:
    assert {case.op for case in CASES} == set(BODIES)


def test_every_block_size_meets_every_side() -> None:
    pairs = {
        (case.attributes["input_block"], case.attributes["output_block"])
        for case in CASES
        if "input_block" in case.attributes
    }
    assert {taken for taken, _ in pairs} == {made for _, made in pairs} == {1, 2, 4, 8}
    assert len(pairs) >= 10
    assert {case.operands[0].shape[0] for case in CASES} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_body_in_float64(case: BodyCase, opset: int) -> None:
    assert_body_holds(case, max(opset, case.oldest_opset))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_body_in_float32(case: BodyCase, opset: int) -> None:
    assert_body_holds(case.in_float32(), max(opset, case.oldest_opset))


@pytest.mark.parametrize("case", FIRST_OF_OP, ids=lambda case: case.op)
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_perturbed_operand_is_seen(case: BodyCase, precision: str) -> None:
    """One entry that is off by a hundredth, in any operand of the operator."""
    fault_free = case if precision == "float64" else case.in_float32()
    for index, operand in enumerate(fault_free.operands):
        if operand.dtype.kind != "f":
            continue
        faulty = operand.copy()
        # The first entry that is not nearly zero: of a map it is a DC coefficient.
        large = np.abs(faulty) > 0.01 * np.abs(faulty).max()
        faulty.flat[np.flatnonzero(large)[0]] *= 1.01
        operands = list(fault_free.operands)
        operands[index] = faulty
        with pytest.raises(AssertionError, match="is off by"):
            assert_body_holds(replace(fault_free, operands=tuple(operands)), 13)


@pytest.mark.parametrize("case", FIRST_OF_OP, ids=lambda case: case.op)
def test_a_wrong_body_is_seen(case: BodyCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each body with one step replaced by another of the same shape."""
    changes: list[Callable[[str], str]] = [
        lambda body: body.replace("Relu(", "Abs("),
        lambda body: body.replace("> (spatial)", "> (x)"),
        lambda body: body.replace("= Mul(", "= Add("),
        lambda body: body.replace("y = Add(", "y = Sub("),
        lambda body: body.replace("[0, 1, 2, 4, 3, 5]", "[0, 1, 2, 5, 3, 4]"),
        lambda body: body.replace("MatMul(s, inverse_columns)", "Identity(s)"),
        lambda body: body.replace("y = MatMul(t, columns)", "y = Identity(t)"),
        lambda body: body.replace("y = MatMul(t, forward_columns)", "y = Identity(t)"),
    ]
    wrong = {change(BODIES[case.op]) for change in changes} - {BODIES[case.op]}
    assert wrong
    for body in wrong:
        monkeypatch.setitem(BODIES, case.op, body)
        functions._function_text.cache_clear()
        assert function_of(case.op, 13) != body_model(case, 13)
        with pytest.raises(AssertionError):
            assert_body_holds(case, 13)
    functions._function_text.cache_clear()


def test_an_unknown_operator_has_no_function() -> None:
    with pytest.raises(KeyError, match="JpegNothing"):
        function_of("JpegNothing", 13)
