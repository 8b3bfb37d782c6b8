"""Calls of native kernels: the calls of function bodies in float32, on more images and channels.

Operators that treat channels alike commute with a choice of images and channels. So a case is
spread: image i and channel c of the wide map are some image and channel of the case's map, drawn
for each, and so is what is expected. Masks that are certain stay so.

The tolerance is that of the function body (`support.function_bodies`). A kernel adds up the same
products in another order: its transforms take sums and differences of pixels that have the same
factor but for the sign, then products, so that every pixel meets as many roundings as in the
matrix product or less, each of the magnitude that the bound counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from support.function_bodies import Array, BodyCase, tolerance
from support.native import GROUP, ISAS, packed, run_native, unpacked

from jpegcompile.interface import DOMAIN, DOMAIN_VERSION
from jpegcompile.operators.function import function_of
from jpegcompile.operators.registry import OPERATORS

OPSET = 17


@dataclass(frozen=True)
class Spread:
    """How many images and channels, and in which layout x and y are; 0 for those of the case."""

    batch: int = 0
    channels: int = 0
    x_group: int = 1
    y_group: int = 1

    def __str__(self) -> str:
        return f"{self.batch}x{self.channels}-{self.x_group}-{self.y_group}"


# Spreads for each case in turn, besides the case as it is.
SPREADS = (
    Spread(33, 17),
    Spread(2, 32, GROUP, GROUP),
    Spread(3, 16, GROUP, 1),
    Spread(1, 48, 1, GROUP),
    Spread(5, 100),
)


_ALLOWED: dict[str, NDArray[np.float64]] = {}


def allowed(case: BodyCase) -> NDArray[np.float64]:
    """How far rounding may take each element; names of cases are their own."""
    if str(case) not in _ALLOWED:
        _ALLOWED[str(case)] = tolerance(case.in_float32(), max(OPSET, case.oldest_opset))
    return _ALLOWED[str(case)]


def spread_over(case: BodyCase, spread: Spread) -> tuple[BodyCase, NDArray[np.float64]]:
    """The case on more images and channels, in float32, and its tolerance."""
    batch, channels = case.operands[0].shape[:2]
    draw = np.random.default_rng((batch, channels, spread.batch, spread.channels))
    images = draw.integers(0, batch, spread.batch) if spread.batch else np.arange(batch)
    lanes = draw.integers(0, channels, spread.channels) if spread.channels else np.arange(channels)

    def wide(array: Array) -> Array:
        if array.ndim >= 3 and array.shape[-3] == channels:
            array = np.take(array, lanes, axis=-3)
        if array.ndim == 4 and array.shape[0] == batch:
            array = np.take(array, images, axis=0)
        return array

    single = case.in_float32()
    widened = replace(
        single,
        operands=tuple(wide(operand) for operand in single.operands),
        expected=wide(case.expected),
    )
    return widened, wide(allowed(case))


def native_model(
    case: BodyCase, x_group: int = 1, y_group: int = 1, with_body: bool = False
) -> bytes:
    """A model of one node; without its body nothing but a kernel can run it."""
    groups = {"x_group": x_group, "y_group": y_group}
    stated = {name: group for name, group in groups.items() if group != 1}
    inputs = [
        helper.make_tensor_value_info(
            f"i{index}", helper.np_dtype_to_tensor_dtype(array.dtype), [None] * array.ndim
        )
        for index, array in enumerate(case.operands)
    ]
    output = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None] * 4)
    names = [value.name for value in inputs]
    attributes = {**case.attributes, **stated}
    node = helper.make_node(case.op, names, ["y"], name="node", domain=DOMAIN, **attributes)
    opset = max(OPSET, case.oldest_opset)
    model = helper.make_model(
        helper.make_graph([node], "native", inputs, [output]),
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)],
        functions=[function_of(OPERATORS[case.op], opset)] if with_body else [],
        ir_version=10,
    )
    return bytes(model.SerializeToString())


def run_case(case: BodyCase, spread: Spread, isa: str, threads: int = 1) -> Array:
    """What the kernel makes of a case in float32, as NCHW."""
    feeds = {f"i{index}": array for index, array in enumerate(case.operands)}
    if spread.x_group == GROUP:
        feeds["i0"] = packed(feeds["i0"])
    model = native_model(case, spread.x_group, spread.y_group)
    result = run_native(model, [feeds], isa, threads)[0]
    return unpacked(result) if spread.y_group == GROUP else result


def assert_kernel_holds(case: BodyCase, spread: Spread, isa: str, threads: int = 1) -> None:
    """The kernel gives what the reference gives, within rounding."""
    wide, bound = spread_over(case, spread)
    assert_result(wide, run_case(wide, spread, isa, threads), bound, f"{spread} {isa}")


@dataclass(frozen=True)
class Call:
    """A case for a kernel under an instruction set, on maps as they are and on wider ones."""

    case: BodyCase
    spreads: tuple[Spread, ...]
    isa: str

    def __str__(self) -> str:
        return f"{self.case}-{self.isa}"

    def check(self) -> None:
        for spread in self.spreads:
            assert_kernel_holds(self.case, spread, self.isa)


def by_operator(call: Call) -> str:
    return call.case.op


def plain_calls(cases: Iterable[BodyCase]) -> list[Call]:
    """Every case as it is, under every instruction set."""
    return [Call(case, (Spread(),), isa) for case in cases for isa in ISAS]


def spread_calls(cases: Iterable[BodyCase]) -> list[Call]:
    """Every case under every instruction set, as it is and in one of the other spreads in turn."""
    return [
        Call(case, (Spread(), SPREADS[(index + turn) % len(SPREADS)]), isa)
        for index, case in enumerate(cases)
        for turn, isa in enumerate(ISAS)
    ]


def assert_result(case: BodyCase, actual: Array, bound: NDArray[np.float64], how: str) -> None:
    """A result is what is expected, within a bound for each element."""
    assert actual.dtype == np.float32
    assert actual.shape == case.expected.shape
    excess = np.abs(actual - case.expected) - bound
    assert excess.max() <= 0, f"{case} {how} is off by {excess.max():g}"
