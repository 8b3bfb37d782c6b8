"""Native kernels whose output has the input's size, against the references."""

from __future__ import annotations

import pytest
from support.channel_cases import cast_cases, channel_cases, relu_cases
from support.masking_cases import exact_cases, masking_cases
from support.native_cases import Call, by_operator, spread_calls
from support.pixelwise_cases import pixelwise_cases
from support.tiers import check_each, gathered

CASES = [
    case
    for case in (
        *cast_cases(),
        *channel_cases(),
        *relu_cases(),
        *exact_cases(),
        *masking_cases(),
        *pixelwise_cases(),
    )
    if "Conv" not in case.op
]


@pytest.mark.parametrize("calls", gathered(spread_calls(CASES), by_operator, quick=4))
def test_kernel(calls: list[Call]) -> None:
    check_each(calls, Call.check)
