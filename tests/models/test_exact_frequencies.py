"""With all frequencies the compiled model is the one without a plan, byte for byte."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import onnx
import pytest
from support.graphs import Graph
from support.plans import NETWORK
from support.tiny_residual import tiny_residual

import jpegcompile

TENSOR: dict[str, Any] = {"input": "tensor"}
COEFFICIENTS: dict[str, Any] = {"input": "coefficients", "preprocess": "unit"}
PIECEWISE = Graph(
    """(T[N,3,32,32] x) => (T[] y) {
        c1 = Conv<pads = [1, 1, 1, 1]>(x, w)  r1 = PRelu(c1, s)
        p1 = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(r1)
        r2 = Clip(p1, low, high)  r3 = LeakyRelu(r2)
        p3 = MaxPool<kernel_shape = [2, 2], dilations = [2, 2]>(r3)
        g = GlobalAveragePool(p3)  y = Flatten(g) }""",
    {
        "w": (4, 3, 3, 3),
        "s": (4, 1, 1),
        "low": np.asarray(0.0),
        "high": np.asarray(6.0),
    },
)
MODELS = {
    "tiny residual": (tiny_residual(), TENSOR),
    "tiny residual, coefficients": (tiny_residual(), COEFFICIENTS),
    "piecewise": (PIECEWISE.model("float"), TENSOR),
    "piecewise, coefficients": (PIECEWISE.model("float"), COEFFICIENTS),
    "network": (NETWORK.model("float"), TENSOR),
}
TARGETS: tuple[str, ...] = ("ort", "onnx")


def content(model: onnx.ModelProto) -> list[bytes]:
    """Graph, functions and opsets; metadata say when and by which plan a model was made."""
    parts = [model.graph, *model.functions, *model.opset_import]
    return [part.SerializeToString(deterministic=True) for part in parts]


def compiled(name: str, target: str, **options: Any) -> onnx.ModelProto:
    model, given = MODELS[name]
    return jpegcompile.compile(model, target=target, **given, **options).model


def names_of(model: onnx.ModelProto) -> list[str]:
    """Of operators, nodes, functions, initializers and other tensors."""
    nodes = [*model.graph.node, *(node for f in model.functions for node in f.node)]
    names = [name for n in nodes for name in (n.op_type, n.name, *n.input, *n.output)]
    names += [function.name for function in model.functions]
    return names + [tensor.name for tensor in model.graph.initializer]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", MODELS)
def test_all_frequencies_change_no_byte(name: str, target: str) -> None:
    plain = compiled(name, target)
    for relu, truncate in itertools.product(("asm", "apx"), (None, 15)):
        same = compiled(name, target, frequencies=15, truncate=truncate, relu=relu)
        assert content(same) == content(plain)
    only_truncate = compiled(name, target, truncate=15)
    assert content(only_truncate) == content(plain)
    by_plan = compiled(name, target, frequencies={"frequencies": 15, "truncate": 15, "nodes": {}})
    assert content(by_plan) == content(plain)
    # The metadata are the same too: an exact plan is not recorded.
    assert by_plan.metadata_props == plain.metadata_props


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", MODELS)
def test_no_masking_is_left(name: str, target: str) -> None:
    names = names_of(compiled(name, target, frequencies=15, truncate=15))
    for word in ("Asm", "Apx", "Truncate", "truncated", "jpegcompile.band", "jpegcompile.flat"):
        assert not [n for n in names if word in n]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("plan", [{"frequencies": 14}, {"truncate": 14}], ids=str)
def test_one_frequency_less_is_another_model(name: str, target: str, plan: dict[str, int]) -> None:
    other = compiled(name, target, **plan)
    assert content(other) != content(compiled(name, target))
    names = names_of(other)
    assert [n for n in names if n.startswith("jpegcompile.band.")]
    if target == "ort":
        word = "Asm" if "frequencies" in plan else "Truncate"
        assert [f.name for f in other.functions if word in f.name]
