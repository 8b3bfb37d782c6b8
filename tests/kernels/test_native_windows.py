"""Native kernels whose output has another size, and the ingest, against the references."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.function_bodies import BodyCase
from support.ingest_cases import ingest_cases
from support.masking_cases import masked_pool_cases
from support.native import ISAS
from support.native_cases import (
    Call,
    Spread,
    allowed,
    assert_kernel_holds,
    assert_result,
    by_operator,
    run_case,
    spread_calls,
)
from support.tiers import check_each, gathered
from support.window_cases import (
    global_max_pool_cases,
    pool_cases,
    rearrangement_cases,
    reduction_cases,
    resampling_cases,
    resize_cases,
)

WINDOWS = [
    *pool_cases(),
    *masked_pool_cases(),
    *global_max_pool_cases(),
    *resampling_cases(),
    *resize_cases(),
    *reduction_cases(),
]
REARRANGEMENTS = list(rearrangement_cases())
INGESTS = list(ingest_cases())


@pytest.mark.parametrize("calls", gathered(spread_calls(WINDOWS), by_operator, quick=6))
def test_kernel(calls: list[Call]) -> None:
    check_each(calls, Call.check)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", REARRANGEMENTS, ids=str)
def test_rearrangement(case: BodyCase, isa: str) -> None:
    assert_kernel_holds(case, Spread(), isa)
    assert_kernel_holds(case, Spread(batch=33), isa)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", INGESTS, ids=str)
def test_ingest(case: BodyCase, isa: str) -> None:
    for count in (None, 1, 33):
        several = case if count is None else _on_images(case, count)
        actual = run_case(several.in_float32(), Spread(), isa)
        assert_result(several, actual, allowed(several), isa)


def _on_images(case: BodyCase, count: int) -> BodyCase:
    """Draw images of the case."""
    batch = case.operands[0].shape[0]
    drawn = np.random.default_rng(count).integers(0, batch, count)
    operands = [a[drawn] if a.dtype.kind in "iu" and a.ndim >= 4 else a for a in case.operands]
    name = f"{case.name}-{count}-images"
    return replace(case, name=name, operands=tuple(operands), expected=case.expected[drawn])
