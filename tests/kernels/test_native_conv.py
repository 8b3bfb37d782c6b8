"""Native convolutions: every form and method against float64, and detection of faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from support.function_bodies import BodyCase
from support.fused_cases import fused_conv_cases, fused_pointwise_cases
from support.maps import random_map
from support.native import GROUP, ISAS, NativeError, packed, run_native, unpacked
from support.native_cases import (
    Call,
    Spread,
    allowed,
    assert_result,
    by_operator,
    native_model,
    plain_calls,
    run_case,
)
from support.operators import FIRST, WITH_BODIES
from support.tiers import check_each, gathered, quick_of
from support.window_cases import conv_cases

from jpegcompile.dct.blocks import block_size, to_jpeg, to_spatial
from jpegcompile.interface import DOMAIN, DOMAIN_VERSION
from jpegcompile.kernels.conv.reference import jpeg_conv, jpeg_pointwise_conv
from jpegcompile.operators.convolution import ACTIVATIONS, SPATIAL_CONV, fused_name

# The factor by which Winograd's points increase the sum of magnitudes that bounds rounding. For
# each axis it is max_i sum_k |A^T|_ik (sum_j |G|_kj) (sum_l |B^T|_kl) / 3, which is 8.3 for
# F(4x4, 3x3) and 2.7 for F(2x2, 3x3). Two axes square it if all errors have the same sign. If
# errors are independent, the root of the square applies, which is the factor itself.
_WINOGRAD = 8.3

CASES = [*conv_cases(), *fused_conv_cases(), *fused_pointwise_cases()]


def _bound(case: BodyCase) -> Any:
    window = case.attributes
    is_winograd = (
        case.operands[1].shape[2:] == (3, 3)
        and tuple(window["strides"]) == (1, 1)
        and tuple(window["dilations"]) == (1, 1)
        and window["group"] == 1
    )
    return allowed(case) * (_WINOGRAD if is_winograd else 1.0)


def test_every_form_has_cases() -> None:
    # The plain convolution of coefficients is one of the geometries.
    known = {case.op for case in CASES} | {geometry.base for geometry in GEOMETRIES}
    others = {*FIRST, "JpegConvTranspose"}
    assert known == {op for op in WITH_BODIES if "Conv" in op} - others


@pytest.mark.parametrize("calls", gathered(plain_calls(CASES), by_operator, quick=3))
def test_every_form(calls: list[Call]) -> None:
    """The graph computes the weights, so kernels pack them at every call."""

    def check(call: Call) -> None:
        single = call.case.in_float32()
        assert_result(single, run_case(single, Spread(), call.isa), _bound(call.case), call.isa)

    check_each(calls, check)


@dataclass(frozen=True)
class Geometry:
    """A convolution with constant weights."""

    base: str
    x: tuple[int, int, int, int]
    outputs: int
    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    group: int = 1
    method: str = ""

    def __str__(self) -> str:
        shape = "x".join(map(str, (*self.x, self.outputs, *self.kernel)))
        return f"{self.base}-{shape}-s{self.strides[0]}-g{self.group}-{self.method}"

    @property
    def kind(self) -> tuple[object, ...]:
        return self.base, self.method, self.kernel, self.strides, self.group > 1

    @property
    def growth(self) -> float:
        is_plain = self.kernel == (3, 3) and self.strides == (1, 1) and self.group == 1
        return _WINOGRAD if is_plain and self.method != "direct" else 1.0


def _geometries() -> Iterator[Geometry]:
    same = (1, 1, 1, 1)
    for base in ("JpegConv", SPATIAL_CONV):
        for method in ("direct", "winograd4", "winograd2"):
            for x, outputs in (
                ((2, 32, 56, 56), 48),
                ((5, 64, 8, 8), 64),
                ((1, 96, 14, 14), 64),
                ((33, 16, 7, 7), 32),
            ):
                yield Geometry(base, x, outputs, (3, 3), pads=same, method=method)
            yield Geometry(base, (1, 17, 16, 24), 19, (3, 3), pads=same, method=method)
        yield Geometry(base, (1, 16, 8, 8), 16, (3, 3), pads=(1, 1, 0, 0))
        yield Geometry(base, (1, 16, 8, 8), 16, (3, 3), pads=(2, 0, 2, 0))
        yield Geometry(base, (2, 3, 32, 48), 20, (7, 7), (2, 2), (3, 3, 3, 3))
        yield Geometry(base, (1, 1, 28, 28), 16, (3, 3), pads=same)
        yield Geometry(base, (2, 64, 14, 14), 48, (3, 3), (2, 2), same)
        yield Geometry(base, (1, 32, 56, 56), 48, (1, 1), (2, 2))
        yield Geometry(base, (2, 32, 16, 24), 32, (3, 5), (1, 2), (0, 3, 1, 2), (2, 1), 2)
        yield Geometry(base, (1, 24, 16, 16), 24, (3, 3), pads=same, group=24)
        yield Geometry(base, (2, 64, 16, 16), 128, (3, 3), pads=same, group=16)
    for shape, outputs, group in (
        ((1, 64, 56, 56), 256, 1),
        ((3, 48, 28, 28), 32, 2),
        ((2, 17, 16, 24), 33, 1),
        ((33, 32, 7, 7), 16, 1),
        ((2, 3, 16, 24), 16, 1),
    ):
        yield Geometry("JpegPointwiseConv", shape, outputs, (1, 1), group=group)


GEOMETRIES = list(_geometries())
# Cases of the kernels, on maps of several sizes.
WAYS = quick_of(
    product(GEOMETRIES, ISAS),
    lambda case: case[0].kind,
    ids=lambda case: f"{case[0]}-{case[1]}",
)


@dataclass(frozen=True)
class Problem:
    """Operands of a geometry and its result in float64."""

    x: Any
    weight: Any
    bias: Any
    residual: Any
    expected: Any
    bound: float
    attributes: dict[str, Any]


def _problem(geometry: Geometry, added: bool, activation: str) -> Problem:
    """Return the operands of a geometry, and the tolerance of its result.

    The error of a sum of n products is almost certainly below 4 sqrt(n) u times the sum of their
    magnitudes (Higham and Mary, A New Approach to Probabilistic Rounding Error Analysis). eps is
    2 u, so the same amount again is left for the transforms, whose matrices are orthonormal.
    """
    x = random_map(geometry.x)
    weight = random_map((geometry.outputs, geometry.x[1] // geometry.group, *geometry.kernel))
    bias = random_map((geometry.outputs,))
    window: dict[str, Any] = {
        "strides": geometry.strides,
        "pads": geometry.pads,
        "dilations": geometry.dilations,
        "group": geometry.group,
    }
    if geometry.base == "JpegPointwiseConv":
        attributes: dict[str, Any] = {"group": geometry.group, "block": block_size(*geometry.x[2:])}
        convolved = jpeg_pointwise_conv(x, weight, bias, **attributes)
    else:
        is_spatial = geometry.base == SPATIAL_CONV
        plain = jpeg_conv(x, weight, bias, **window, input_block=1, output_block=1)
        blocks: dict[str, Any] = {
            "input_block": 1 if is_spatial else block_size(*geometry.x[2:]),
            "output_block": 1 if is_spatial else block_size(*plain.shape[2:]),
        }
        convolved = jpeg_conv(x, weight, bias, **window, **blocks)
        attributes = window if is_spatial else {**window, **blocks}
    residual = random_map(convolved.shape)
    expected = convolved + residual if added else convolved
    if activation == "Relu":
        block = attributes.get("output_block", attributes.get("block", 1))
        tiles = expected if block == 1 else to_spatial(expected, block)
        expected = to_jpeg(np.maximum(tiles, 0), block)
    block = attributes.get("input_block", attributes.get("block", 1))
    pixels = np.abs(x if block == 1 else to_spatial(x, block)).max()
    magnitudes = float(np.abs(weight).sum((1, 2, 3)).max() * pixels + 8)
    steps = 4 * float(np.sqrt(weight[0].size + 64))
    bound = steps * float(np.finfo(np.float32).eps) * magnitudes * geometry.growth
    if geometry.method:
        attributes = {**attributes, "method": geometry.method}
    return Problem(x, weight, bias, residual, expected, bound, attributes)


def _run(
    geometry: Geometry, problem: Problem, added: bool, activation: str, isa: str, group: int
) -> Any:
    """Return the kernel's result; maps have grouped channels where possible."""
    x_group = group if geometry.x[1] % group == 0 else 1
    y_group = group if geometry.outputs % group == 0 else 1
    maps = {"x": (problem.x, x_group)}
    if added:
        maps["residual"] = (problem.residual, y_group)
    feeds = {}
    for name, (array, layout) in maps.items():
        single = array.astype(np.float32)
        feeds[name] = packed(single) if layout == GROUP else single
    bias = problem.bias.reshape(-1, 1, 1) if "Pointwise" in geometry.base else problem.bias
    constants = {"weight": problem.weight, "bias": bias, "unused": np.zeros(1)}
    matrices = 0
    if geometry.base == "JpegConv":
        matrices = 6 if added and activation else 4
    elif geometry.base == "JpegPointwiseConv":
        matrices = 4 if activation else 1
    names = ["x", "weight", "bias", *(["residual"] if added else []), *["unused"] * matrices]
    groups: dict[str, Any] = {"x_group": x_group, "y_group": y_group}
    if added:
        groups["residual_group"] = y_group
    node = helper.make_node(
        fused_name(geometry.base, added, activation),
        names,
        ["y"],
        name="node",
        domain=DOMAIN,
        **problem.attributes,
        **groups,
    )
    graph = helper.make_graph(
        [node],
        "native",
        [
            helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, v.shape)
            for n, v in feeds.items()
        ],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None] * 4)],
        [numpy_helper.from_array(np.asarray(v, np.float32), n) for n, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    result = run_native(bytes(model.SerializeToString()), [feeds], isa, threads=2)[0]
    return unpacked(result) if y_group == GROUP else result


@pytest.mark.parametrize(("geometry", "isa"), WAYS)
def test_geometries(geometry: Geometry, isa: str) -> None:
    """Both layouts, with and without an epilogue; the check detects a wrong weight."""
    for added, activation, group in (
        (False, "", 1),
        (True, "Relu", GROUP),
        (False, "Relu", 1),
        (True, "", GROUP),
    ):
        problem = _problem(geometry, added, activation)
        result = _run(geometry, problem, added, activation, isa, group)
        assert np.abs(result - problem.expected).max() <= problem.bound
    weight = problem.weight.copy()
    weight[0, 0, 0, 0] += 1.0
    faulty = replace(problem, weight=weight)
    result = _run(geometry, faulty, True, "", isa, GROUP)
    assert np.abs(result - problem.expected).max() > problem.bound


def test_operands_of_every_activation_are_known() -> None:
    assert set(ACTIVATIONS) == {"", "Relu", "PRelu", "Clip"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group": 3}, "weights of shape [16,16,3,3]"),
        (
            {"method": "winograd6"},
            "the method 'winograd6'",
        ),
        (
            {"strides": (0, 1)},
            "strides and dilations must be at least 1",
        ),
        (
            {"strides": (2, 2), "pads": (0, 0, 0, 0), "dilations": (4, 4)},
            "window of 3x3 exceeds the padded x of shape [1,16,8,8]",
        ),
        ({"x_group": 8}, "groups of 8 channels"),
    ],
)
def test_refusals_name_the_node_and_the_cause(change: dict[str, Any], message: str) -> None:
    window = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "group": 1}
    operands = (random_map((1, 16, 8, 8)), random_map((16, 16, 3, 3)), random_map((16,)))
    case = BodyCase("bad", SPATIAL_CONV, operands, {**window, **change}, operands[0], 1)
    case = case.in_float32()
    feeds = {f"i{index}": array for index, array in enumerate(case.operands)}
    with pytest.raises(NativeError, match="SpatialConv 'node': ") as error:
        run_native(native_model(case), [feeds], "avx2")
    assert message in str(error.value)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("activation", "operands"), [("Relu", ()), ("Clip", (0.0, 6.0))])
def test_what_is_not_a_number_stays_so(
    activation: str, operands: tuple[float, ...], isa: str
) -> None:
    """An activation must not hide NaNs."""
    x = random_map((1, 16, 4, 4))
    x[0, 3, 1, 2] = np.nan
    window = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1), "group": 1}
    given = (x, random_map((16, 16, 1, 1)), random_map((16,)), *map(np.asarray, operands))
    case = BodyCase("nan", SPATIAL_CONV + activation, given, window, x, 1).in_float32()
    feeds = {f"i{index}": array for index, array in enumerate(case.operands)}
    (result,) = run_native(native_model(case), [feeds], isa)
    expected = np.zeros((4, 4), bool)
    expected[1, 2] = True
    np.testing.assert_array_equal(np.isnan(result[0]), np.broadcast_to(expected, (16, 4, 4)))


def test_other_channels_are_refused() -> None:
    window = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "group": 1}
    operands = (random_map((1, 16, 8, 8)), random_map((16, 32, 3, 3)), random_map((16,)))
    case = BodyCase("bad", SPATIAL_CONV, operands, window, operands[0], 1).in_float32()
    feeds = {f"i{index}": array for index, array in enumerate(case.operands)}
    with pytest.raises(NativeError, match=r"x has shape \[1,16,8,8\], but the weights are for 32"):
        run_native(native_model(case), [feeds], "avx2")
