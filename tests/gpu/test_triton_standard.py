"""ONNX operators as PyTorch expressions, and operators without an expression."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper
from onnx.reference import ReferenceEvaluator
from support.tiers import check_each

from jpegcompile.backends.triton.standard import expression
from jpegcompile.backends.triton.standard_arithmetic import ARITHMETIC
from jpegcompile.backends.triton.standard_node import NotWrittenError, Standard
from jpegcompile.backends.triton.standard_shapes import SHAPES
from jpegcompile.backends.triton.standard_windows import WINDOWS

OPSET = 20
MAP = (2, 3, 6, 8)


@dataclass(frozen=True)
class Case:
    """A node: shapes of its inputs, or the integers of an input, and its attributes."""

    op: str
    inputs: tuple[Any, ...] = (MAP,)
    attrs: dict[str, Any] = field(default_factory=dict)
    opset: int = OPSET
    outputs: int = 1

    def arrays(self) -> list[np.ndarray[Any, Any]]:
        """Return inputs: random values of a shape, or the integers of a list."""
        generator = np.random.default_rng(4)
        return [
            np.array(one) if isinstance(one, list) else generator.uniform(-2, 2, one)
            for one in self.inputs
        ]


def case(op: str, *inputs: Any, **attrs: Any) -> Case:
    return Case(op, inputs or (MAP,), attrs)


CASES = [
    case("Add", MAP, (1, 3, 1, 1)),
    case("Celu", alpha=0.5),
    case("Clip", MAP, (), ()),
    case("Gelu", approximate="tanh"),
    case("Gelu"),
    case("Gemm", (3, 4), (4, 5), (5,), alpha=0.5, beta=2.0),
    case("Gemm", (3, 4), (5, 4), (5,), transB=1),
    case("Gemm", (4, 3), (4, 5), transA=1),
    case("HardSigmoid", alpha=0.3, beta=0.4),
    case("LogSoftmax", axis=1),
    Case("Softmax", ((3, 4),), {"axis": 1}, opset=11),
    case("Softmax", axis=-1),
    case("PRelu", MAP, (3, 1, 1)),
    case("ReduceMax", MAP, [1, -1], keepdims=0),
    case("ReduceMean", MAP),
    case("ArgMax", axis=1, keepdims=0),
    case("Max", MAP, MAP, (1,)),
    case("Concat", MAP, MAP, axis=1),
    case("Flatten", axis=2),
    case("Flatten", axis=0),
    case("Gather", MAP, [2, 0], axis=1),
    case("Pad", MAP, [0, 0, 1, 2, 0, 0, 3, 0]),
    case("Reshape", MAP, [0, -1, 4]),
    case("Shape", start=1, end=3),
    case("Slice", MAP, [1, 0], [3, 7], [1, 3], [1, 2]),
    Case("Split", (MAP, [2, 4]), {"axis": 2}, outputs=2),
    case("Squeeze", (2, 3, 1, 1), [2, 3]),
    case("Transpose", perm=[0, 2, 3, 1]),
    case("Transpose"),
    case("Unsqueeze", (2, 3), [0, 3]),
    case("AveragePool", kernel_shape=[2, 3], strides=[2, 1], pads=[1, 1, 1, 1]),
    case("AveragePool", kernel_shape=[3, 3], pads=[1, 0, 0, 1], count_include_pad=1),
    case("MaxPool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
    case("MaxPool", kernel_shape=[2, 2], dilations=[2, 1]),
    case("Conv", MAP, (4, 3, 3, 3), (4,), strides=[2, 1], pads=[1, 0, 1, 2]),
    case("Conv", MAP, (6, 1, 1, 3), group=3, dilations=[1, 2], kernel_shape=[1, 3]),
    case("GlobalMaxPool"),
    case("GlobalAveragePool"),
]


def written(one: Case) -> Standard:
    """Return the node; integer inputs are constants, as in models."""
    arrays = one.arrays()
    values = [a if isinstance(i, list) else None for i, a in zip(one.inputs, arrays, strict=True)]
    names = [f"x{index}" for index in range(len(arrays))]
    return Standard(one.op, names, values, one.attrs, one.opset, one.outputs)


def agrees(one: Case, told: Case | None = None) -> None:
    """Check that the expression of `told`, or of the case itself, agrees with ONNX."""
    given = {f"x{index}": values for index, values in enumerate(one.arrays())}
    outputs = [f"y{index}" for index in range(one.outputs)]
    graph = helper.make_graph(
        [helper.make_node(one.op, list(given), outputs, **one.attrs)],
        "one",
        [helper.make_tensor_value_info(n, _type(v), v.shape) for n, v in given.items()],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", one.opset)])
    expected = ReferenceEvaluator(model).run(None, given)
    scope: dict[str, Any] = {name: torch.from_numpy(v) for name, v in given.items()}
    scope |= {"torch": torch, "functional": torch.nn.functional}
    made = eval(expression(written(told or one)), scope)
    for own, meant in zip(made if one.outputs > 1 else (made,), expected, strict=True):
        assert own.shape == meant.shape
        np.testing.assert_allclose(own.numpy(), meant, rtol=1e-6, atol=1e-6)


def _type(values: np.ndarray[Any, Any]) -> int:
    return helper.np_dtype_to_tensor_dtype(values.dtype)


def test_expressions_compute_what_onnx_says() -> None:
    check_each(CASES, agrees, lambda one: f"{one.op} {one.attrs}")


def test_another_number_is_noticed() -> None:
    told = case("HardSigmoid", alpha=0.3, beta=0.41)
    with pytest.raises(AssertionError):
        agrees(case("HardSigmoid", alpha=0.3, beta=0.4), told)


def test_each_operator_is_in_one_table() -> None:
    assert not ARITHMETIC.keys() & SHAPES.keys()
    assert not (ARITHMETIC.keys() | SHAPES.keys()) & WINDOWS.keys()


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (case("Det"), "torch-operator-unknown"),
        (case("Unsqueeze", (2, 3), [-1, -2]), "torch-unsqueeze-negative-axes"),
        (case("Gather", MAP, [0], axis=-1), "torch-gather-negative-axis"),
        (case("Slice", MAP, [3], [0], [1], [-1]), "torch-slice-form"),
        (
            case("MaxPool", kernel_shape=[2, 2], auto_pad="SAME_UPPER"),
            "torch-pool-padding-implicit",
        ),
        (case("MaxPool", kernel_shape=[2]), "torch-pool-not-2d"),
        (
            case("MaxPool", kernel_shape=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1),
            "torch-pool-pads-and-rounds-up",
        ),
        (case("AveragePool", kernel_shape=[2, 2], dilations=[2, 2]), "torch-average-pool-dilated"),
        (
            case("AveragePool", kernel_shape=[2, 2], pads=[0, 0, 1, 1]),
            "torch-pool-padding-asymmetric",
        ),
        (case("Conv", MAP, (4, 3, 3, 3), auto_pad="SAME_UPPER"), "torch-conv-form"),
        (case("Pad", MAP, [0] * 8, mode="edge"), "torch-pad-form"),
        (case("Cast", to=12), "torch-cast-type"),
        (case("ArgMax", select_last_index=1), "torch-arg-selects-last-index"),
        (case("Squeeze", MAP, (1,)), "torch-input-not-constant"),
    ],
)
def test_nodes_without_an_expression(one: Case, code: str) -> None:
    with pytest.raises(NotWrittenError) as caught:
        expression(written(one))
    assert caught.value.reason.code == code
