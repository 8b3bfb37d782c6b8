"""The function body of every operator against its reference in `kernels/`, at several opsets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from support.body_cases import CASES, FIRST_OF_OP
from support.function_bodies import BodyCase, assert_body_holds, tolerance
from support.operators import WITH_BODIES, has_older_body, set_body
from support.tiers import check_each, gathered, quick_of

from jpegcompile.frontend.load import newest_opset
from jpegcompile.operators.function import function_of
from jpegcompile.operators.registry import OPERATORS

OPSETS = sorted({7, 13, 20, newest_opset()})
OLD_CLIP_OPS = [op for op in WITH_BODIES if has_older_body(op, 11)]
OLD_REDUCTIONS = [op for op in WITH_BODIES if has_older_body(op, 18) or has_older_body(op, 13)]
# The last opset with another body of Clip: its bounds were attributes, not inputs.
OLD_CLIP_OPSET = 10

# A case in one precision, and the opset of its body.
Call = tuple[BodyCase, int]


def _calls(cases: Iterable[BodyCase]) -> Iterator[Call]:
    """Return every case in both precisions, at every opset that its operator supports."""
    for case in cases:
        opsets = [*OPSETS, OLD_CLIP_OPSET] if case.op in OLD_CLIP_OPS else OPSETS
        for opset in sorted({max(opset, case.oldest_opset) for opset in opsets}):
            yield case, opset
            yield case.in_float32(), opset


def _called(call: Call) -> str:
    case, opset = call
    return f"{case}-{case.operands[0].dtype}-opset{opset}"


def test_every_operator_has_cases() -> None:
    assert {case.op for case in CASES} == set(WITH_BODIES)


def test_every_block_size_meets_every_side() -> None:
    pairs = {
        (case.attributes["input_block"], case.attributes["output_block"])
        for case in CASES
        if "input_block" in case.attributes
    }
    assert {taken for taken, _ in pairs} == {made for _, made in pairs} == {1, 2, 4, 8}
    assert len(pairs) >= 10
    assert {case.operands[0].shape[0] for case in CASES} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("cases", gathered(_calls(CASES), lambda call: call[0].op, quick=6))
def test_body(cases: list[Call]) -> None:
    check_each(cases, lambda call: assert_body_holds(*call), _called)


@pytest.mark.parametrize("case", FIRST_OF_OP, ids=lambda case: case.op)
def test_body_at_every_opset(case: BodyCase) -> None:
    check_each(_calls([case]), lambda call: assert_body_holds(*call), _called)


@pytest.mark.parametrize(
    ("case", "precision"),
    quick_of(
        product(FIRST_OF_OP, ["float64", "float32"]),
        lambda pair: pair[1],
        quick=len(FIRST_OF_OP) // 6,
        ids=lambda pair: f"{pair[0].op}-{pair[1]}",
    ),
)
def test_a_perturbed_operand_is_seen(case: BodyCase, precision: str) -> None:
    """The check detects one entry that is off by a hundredth, in any operand.

    In the band of ASM, a hundredth may move no pixel across a breakpoint, so the sign is flipped.
    """
    fault_free = case if precision == "float64" else case.in_float32()
    for index, operand in enumerate(fault_free.operands):
        if operand.dtype.kind != "f":
            continue
        faulty = operand.copy()
        # The first entry that is not nearly zero; in a map it is a DC coefficient.
        large = np.abs(faulty) > 0.01 * np.abs(faulty).max()
        is_mask = case.op.startswith("JpegAsm") and index == 1
        # A per-pixel function may be steep at one pixel and flat at another, so its bound is wide.
        # The bound is also wide for long sums that are mostly clipped.
        is_wide = case.slope is not None or "ConvClip" in case.op or "ConvAddClip" in case.op
        usual = 1.5 if is_wide else 1.01
        faulty.flat[np.flatnonzero(large)[0]] *= -1.0 if is_mask else usual
        operands = list(fault_free.operands)
        operands[index] = faulty
        with pytest.raises(AssertionError, match="is off by"):
            assert_body_holds(
                replace(fault_free, operands=tuple(operands)), max(13, case.oldest_opset)
            )


@pytest.mark.sampled
@pytest.mark.parametrize("case", FIRST_OF_OP, ids=lambda case: case.op)
def test_a_wrong_body_is_seen(case: BodyCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check detects a body in which one step is replaced by another of the same shape."""
    changes: list[Callable[[str], str]] = [
        lambda body: body.replace(" Relu(", " Abs("),
        lambda body: body.replace("PRelu(", "Mul("),
        lambda body: body.replace("Clip(spatial, low, high)", "Clip(spatial, high, low)"),
        lambda body: body.replace("> (spatial)", "> (x)"),
        lambda body: body.replace("> (seen, weight", "> (x, weight"),
        lambda body: body.replace("@group> (x, weight, bias)", "@group> (x, weight)"),
        lambda body: body.replace("Add(convolved,", "Sub(convolved,"),
        lambda body: body.replace("MatMul(r, residual_columns)", "Identity(r)"),
        lambda body: body.replace("Add(unbiased, bias)", "Identity(unbiased)"),
        lambda body: body.replace("y = Mul(x, scale)", "y = Add(x, scale)"),
        lambda body: body.replace(" y = Max", " z = Neg(x) y = Max").replace("> (x)", "> (z)"),
        lambda body: body.replace("GlobalAveragePool(x)", "GlobalMaxPool(x)"),
        lambda body: body.replace("= Mul(x, band)", "= Identity(x)"),
        lambda body: body.replace("= Mul(whole, band)", "= Identity(whole)"),
        lambda body: body.replace("whole = MatMul(t, forward_columns)", "whole = Identity(t)"),
        lambda body: body.replace("(approximation)", "(spatial)"),
        lambda body: body.replace("Greater(approximation", "Greater(spatial"),
        lambda body: body.replace("Greater(", "Less("),
        lambda body: body.replace("Sub(spatial, positive)", "Identity(spatial)"),
        lambda body: body.replace("Sub(not_below, above)", "Identity(not_below)"),
        lambda body: body.replace("Mul(low, below)", "Mul(low, above)"),
        lambda body: body.replace("Gather <axis = 0> (pixels, positions)", "Identity(largest)"),
        lambda body: body.replace("MatMul(a, inverse_columns)", "Identity(a)"),
        lambda body: body.replace("= Mul(", "= Add("),
        lambda body: body.replace("GlobalAveragePool(squares)", "GlobalMaxPool(squares)"),
        lambda body: body.replace("Add(variance, epsilon)", "Identity(variance)"),
        lambda body: body.replace("Mul(spatial, other_spatial)", "Max(spatial, other_spatial)"),
        lambda body: body.replace("Max(spatial, other_spatial)", "Min(spatial, other_spatial)"),
        lambda body: body.replace("Min(spatial, other_spatial)", "Max(spatial, other_spatial)"),
        lambda body: body.replace("MatMul(o, inverse_columns)", "Identity(o)"),
        lambda body: body.replace("ReduceMax", "ReduceMin"),
        lambda body: body.replace("ReduceMin", "ReduceMean"),
        lambda body: body.replace("ReduceMean", "ReduceSum"),
        lambda body: body.replace("ReduceSum", "ReduceMean"),
        lambda body: body.replace("Mul (spatial, v0)", "Mul (spatial, spatial)"),
        lambda body: body.replace("y = Add(", "y = Sub("),
        lambda body: body.replace("[0, 1, 2, 4, 3, 5]", "[0, 1, 2, 5, 3, 4]"),
        lambda body: body.replace("MatMul(s, inverse_columns)", "Identity(s)"),
        lambda body: body.replace("y = MatMul(t, columns)", "y = Identity(t)"),
        lambda body: body.replace("y = MatMul(t, forward_columns)", "y = Identity(t)"),
    ]
    # These have other bodies in older models.
    newest = 18 if case.op in OLD_REDUCTIONS else 13
    assert_faults_are_seen(case, changes, max(newest, case.oldest_opset), monkeypatch)


@pytest.mark.parametrize("op", OLD_CLIP_OPS)
@pytest.mark.parametrize("opset", [7, 10])
def test_a_wrong_old_clip_is_seen(op: str, opset: int, monkeypatch: pytest.MonkeyPatch) -> None:
    changes: list[Callable[[str], str]] = [
        lambda body: body.replace("Max(", "Min("),
        lambda body: body.replace("Min(", "Max("),
        lambda body: body.replace("Add(zeros, low)", "Add(zeros, high)"),
        lambda body: body.replace("Add(zeros, high)", "Add(zeros, low)"),
        lambda body: body.replace("Sub(spatial, spatial)", "Identity(spatial)"),
    ]
    case = next(case for case in FIRST_OF_OP if case.op == op)
    assert_faults_are_seen(case, changes, opset, monkeypatch)


def test_a_wrong_old_pool_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    changes: list[Callable[[str], str]] = [
        lambda body: body.replace(" y =", " z = Neg(x)  y =").replace("> (x)", "> (z)")
    ]
    case = next(case for case in FIRST_OF_OP if case.op == "SpatialMaxPool")
    assert_faults_are_seen(case, changes, 8, monkeypatch)


@pytest.mark.parametrize("op", OLD_REDUCTIONS)
def test_a_wrong_old_reduction_is_seen(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changes: list[Callable[[str], str]] = [
        lambda body: body.replace("ReduceMax", "ReduceMean"),
        lambda body: body.replace("ReduceMin", "ReduceMax"),
        lambda body: body.replace("ReduceMean", "ReduceMax"),
        lambda body: body.replace("ReduceSum", "ReduceMax"),
    ]
    case = next(case for case in FIRST_OF_OP if case.op == op)
    assert_faults_are_seen(case, changes, 12, monkeypatch)


def assert_faults_are_seen(
    case: BodyCase,
    changes: list[Callable[[str], str]],
    opset: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Check that every change that alters the operator's body is detected."""
    right = OPERATORS[case.op].body(opset).statements
    wrong = {change(right) for change in changes} - {right}
    assert wrong
    allowed = tolerance(case, opset)
    assert_body_holds(case, opset, allowed)
    for body in wrong:
        set_body(monkeypatch, case.op, opset, body)
        with pytest.raises(AssertionError):
            assert_body_holds(case, opset, allowed)
        monkeypatch.undo()


@pytest.mark.parametrize("op", ["JpegDecode", "JpegPointwise_1"])
def test_an_operator_without_a_body_has_no_function(op: str) -> None:
    with pytest.raises(KeyError, match=f"{op} has no function body"):
        function_of(OPERATORS[op], 13)
