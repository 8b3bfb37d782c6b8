"""Native kernels that keep a map's size, against the references."""

from __future__ import annotations

import pytest
from support.channel_cases import cast_cases, channel_cases, relu_cases
from support.masking_cases import exact_cases, masking_cases
from support.native import ISAS
from support.native_cases import SPREADS, Spread, assert_kernel_holds
from support.pointwise_cases import pointwise_cases

CASES = [
    case
    for case in (
        *cast_cases(),
        *channel_cases(),
        *relu_cases(),
        *exact_cases(),
        *masking_cases(),
        *pointwise_cases(),
    )
    if "Conv" not in case.op
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("index", range(len(CASES)), ids=lambda index: str(CASES[index]))
def test_kernel(index: int, isa: str) -> None:
    case, turn = CASES[index], index + ISAS.index(isa)
    assert_kernel_holds(case, Spread(), isa)
    assert_kernel_holds(case, SPREADS[turn % len(SPREADS)], isa)
