"""Native transposed convolutions against float64, and detection of faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.function_bodies import BodyCase, terms_of
from support.maps import blocks_of, forward, inverse, random_map
from support.native import GROUP, ISAS, NativeError
from support.native_cases import Spread, allowed, assert_result, run_case
from support.transposed_cases import conv_transpose_cases, transposed_size

from jpegcompile.kernels.conv_transpose.reference import jpeg_conv_transpose

CASES = list(conv_transpose_cases())


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_geometry(case: BodyCase, isa: str) -> None:
    single = case.in_float32()
    assert_result(single, run_case(single, Spread(), isa), allowed(case), isa)


def wide_case(
    shape: tuple[int, int, int, int],
    made: int,
    kernel: tuple[int, int],
    stride: int,
    pad: int,
    group: int = 1,
) -> BodyCase:
    """Return a square geometry on maps of many channels."""
    pads, strides = (pad, pad, pad, pad), (stride, stride)
    size = transposed_size(shape[2:], kernel, strides, pads, (1, 1), (0, 0))
    x, bias = random_map(shape), random_map((made,))
    weight = random_map((shape[1], made // group, *kernel))
    attributes: dict[str, Any] = {
        "strides": strides,
        "pads": pads,
        "dilations": (1, 1),
        "output_padding": (0, 0),
        "group": group,
        **blocks_of(x, size),
    }
    matrices = inverse(*shape[2:]) + forward(*size)
    expected = jpeg_conv_transpose(x, weight, bias, **attributes)
    terms = terms_of(matrices) + shape[1] // group * kernel[0] * kernel[1] + 1
    operands = (x, weight, bias, *matrices)
    name = f"{shape}-{made}-{kernel}-{stride}-{pad}-{group}"
    return BodyCase(name, "JpegConvTranspose", operands, attributes, expected, terms)


WIDE = [
    wide_case((2, 32, 8, 16), 48, (2, 2), 2, 0),
    wide_case((1, 48, 16, 8), 16, (4, 4), 2, 1),
    wide_case((3, 16, 6, 5), 32, (3, 3), 2, 1),
    wide_case((1, 64, 4, 4), 32, (4, 4), 2, 1, group=2),
    wide_case((1, 32, 8, 8), 32, (3, 3), 3, 0, group=32),
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", WIDE, ids=str)
def test_channels_in_groups(case: BodyCase, isa: str) -> None:
    single = case.in_float32()
    for x_group, y_group in ((GROUP, GROUP), (GROUP, 1), (1, GROUP)):
        spread = Spread(0, 0, x_group, y_group)
        actual = run_case(single, spread, isa)
        assert_result(single, actual, allowed(case), f"{spread} {isa}")


@pytest.mark.parametrize("case", WIDE, ids=str)
def test_threads_do_not_change_results(case: BodyCase) -> None:
    single = case.in_float32()
    one = run_case(single, Spread(), "avx2")
    assert np.array_equal(one, run_case(single, Spread(), "avx2", threads=3))


@pytest.mark.parametrize("operand", [0, 1, 2])
@pytest.mark.parametrize("case", [*CASES, *WIDE], ids=str)
def test_a_perturbed_operand_is_seen(case: BodyCase, operand: int) -> None:
    """Perturbs the first element that reaches the result; pads may cut off other elements."""
    single = case.in_float32()
    changed = single.operands[operand].copy()
    middle = tuple(size // 2 for size in changed.shape)
    changed[middle] += 0.5
    operands = [*single.operands]
    operands[operand] = changed
    wrong = replace(single, operands=tuple(operands))
    expected = jpeg_conv_transpose(*(o.astype(np.float64) for o in operands[:3]), **case.attributes)
    assert np.abs(expected - case.expected).max() > 0.01
    with pytest.raises(AssertionError, match="is off by"):
        assert_result(single, run_case(wrong, Spread(), "avx2"), allowed(case), "perturbed")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"output_padding": (1,)}, "output_padding must have 2 values from 0 to 1048576"),
        ({"output_padding": (0, -1)}, "output_padding must have 2 values from 0 to 1048576"),
        ({"strides": (0, 2)}, "strides and dilations must be at least 1"),
        ({"group": 5}, "weights of shape [48,16,4,4]"),
        ({"pads": (17, 1, 17, 1)}, "the pads leave no output"),
        ({"pads": (1, 1, 0, 1)}, "the output of x of shape [1,48,16,8]"),
    ],
)
def test_refusals(attributes: dict[str, Any], message: str) -> None:
    case = WIDE[1].in_float32()
    wrong = replace(case, attributes={**case.attributes, **attributes})
    with pytest.raises(NativeError) as refusal:
        run_case(wrong, Spread(), "avx2")
    assert f"JpegConvTranspose 'node': {message}" in str(refusal.value)
