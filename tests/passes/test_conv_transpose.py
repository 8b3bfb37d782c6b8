"""Geometry and lowering of transposed convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx import numpy_helper
from support.graphs import (
    Graph,
    assert_same,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    evaluate,
    feeds_of,
    kept_reasons,
    lowered,
    module_before,
    outline_of,
    run_float32,
)

from jpegcompile.backends.emit import emit

TWIN = "ToJpeg JpegConvTranspose ToSpatial"


def transposed(
    attributes: str = "strides = [2, 2]",
    shape: str = "4,8,12",
    weight: tuple[int, int, int, int] = (4, 3, 3, 3),
    opset: int = 17,
    bias: int = 0,
) -> Graph:
    weights: dict[str, tuple[int, ...]] = {"w": weight}
    operands = "x, w"
    if bias:
        weights["b"], operands = (bias,), "x, w, b"
    text = f"(T[N,{shape}] x) => (T[] y) {{ y = ConvTranspose<{attributes}>({operands}) }}"
    return Graph(text, weights, opset)


@pytest.mark.parametrize("opset", [7, 10, 11, 17, 22])
def test_two_by_two(opset: int) -> None:
    graph = transposed(weight=(4, 3, 2, 2), opset=opset, bias=3)
    module = check_pass(graph, "lower-conv-transpose", TWIN)
    assert module.graph.nodes[1].attrs["input_block"] == 4
    assert module.graph.nodes[1].attrs["output_block"] == 8
    assert kept_reasons(check_compiled(graph, TWIN)) == {}
    check_fault(graph, graph.perturbed("w"), graph.perturbed("b"))


@pytest.mark.sampled
@pytest.mark.parametrize("seed", range(24))
def test_random_geometries_against_pytorch(seed: int) -> None:
    """Kernels, strides, pads, dilations, groups and output paddings, drawn at random."""
    draw = np.random.default_rng(seed)
    group = int(draw.choice([1, 1, 2, 4]))
    made = group * int(draw.integers(1, 4))
    kernel = draw.integers(1, 6, 2).tolist()
    strides = draw.integers(1, 5, 2).tolist()
    dilations = draw.integers(1, 4, 2).tolist()
    spare = [int(draw.integers(0, s)) for s in strides]
    pads = [
        int(draw.integers(0, min((k - 1) * d + 2, 4)))
        for k, d in zip(kernel, dilations, strict=True)
    ]
    height, width = (int(draw.choice([4, 6, 7, 8, 16])) for _ in range(2))
    attributes = (
        f"strides = {strides}, pads = {pads + pads}, dilations = {dilations},"
        f" output_padding = {spare}, group = {group}"
    )
    weight = (4, made // group, kernel[0], kernel[1])
    graph = transposed(attributes, f"4,{height},{width}", weight, bias=made)
    model = graph.model()
    feeds = feeds_of(model)
    values = {
        t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in model.graph.initializer
    }
    expected = torch.nn.functional.conv_transpose2d(
        torch.from_numpy(feeds["x"]),
        values["w"],
        values["b"],
        strides,
        pads,
        spare,
        group,
        dilations,
    ).numpy()
    module = check_compiled(graph, expected=[expected])
    assert kept_reasons(module) == {}
    assert ("ConvTranspose" in outline_of(module)) == (strides != [1, 1] or _is_cut(graph))


def _is_cut(graph: Graph) -> bool:
    """Whether the pads crop more than the kernel reaches over the border."""
    node = graph.model().graph.node[0]
    given = {a.name: list(a.ints) for a in node.attribute}
    kernel = graph.weights["w"]
    assert isinstance(kernel, tuple)
    reach = [(k - 1) * d for k, d in zip(kernel[2:], given["dilations"], strict=True)]
    return any(p > r for p, r in zip(given["pads"][:2], reach, strict=True))


@pytest.mark.parametrize(
    "attributes",
    [
        "strides = [2, 2], output_shape = [16, 24]",
        'strides = [2, 2], output_shape = [16, 24], auto_pad = "SAME_UPPER"',
        'strides = [2, 2], output_shape = [16, 24], auto_pad = "SAME_LOWER"',
        "strides = [2, 2], output_shape = [15, 20], output_padding = [1, 1]",
        "strides = [5, 4], output_shape = [40, 48]",
        'strides = [2, 2], auto_pad = "SAME_UPPER"',
        'strides = [2, 3], auto_pad = "SAME_LOWER"',
        'strides = [4, 4], auto_pad = "SAME_UPPER"',
        'strides = [2, 2], auto_pad = "VALID"',
        'strides = [1, 1], auto_pad = "SAME_LOWER", dilations = [2, 2]',
    ],
)
@pytest.mark.parametrize("opset", [7, 17, 22])
def test_sizes_that_are_asked_for(attributes: str, opset: int) -> None:
    """Pads as in ONNX Runtime; the reference evaluator pads differently for an odd total."""
    graph = transposed(attributes, weight=(4, 3, 4, 3), opset=opset)
    feeds = feeds_of(graph.model())
    wanted = run_float32(graph.model("float"), feeds)
    module = lowered(graph)
    assert kept_reasons(module) == {}
    assert "JpegConv" in outline_of(module)
    for actual, expected in zip(evaluate(emit(module), feeds), wanted, strict=True):
        assert_same([actual.astype(np.float32)], [expected.astype(np.float64)])


@pytest.mark.parametrize("opset", [9, 17])
def test_without_a_stride_it_is_a_convolution(opset: int) -> None:
    attributes = "pads = [0, 1, 2, 1], dilations = [1, 2], group = 2"
    graph = transposed(attributes, "4,10,12", (4, 3, 3, 2), opset, bias=6)
    check_pass(graph, "canonical-conv-transpose", "Conv")
    check_compiled(graph, "ToJpeg JpegConv ToSpatial")
    check_fault(graph, graph.perturbed("w"))


def test_what_is_cropped_stays_transposed() -> None:
    graph = transposed("pads = [1, 1, 1, 1]", "4,10,12", (4, 3, 1, 1))
    check_compiled(graph, "ToJpeg JpegConvTranspose ToSpatial")


def test_weights_that_are_computed() -> None:
    text = (
        "(T[N,4,8,8] x, T[4,3,2,2] w) => (T[] y)"
        " { z = ConvTranspose<strides = [2, 2]>(x, w)  y = ConvTranspose<pads = [1,1,1,1]>(z, v) }"
    )
    graph = Graph(text, {"v": (3, 2, 3, 3)})
    assert kept_reasons(check_compiled(graph)) == {}
    turned = Graph("(T[N,4,8,8] x, T[4,3,2,2] w) => (T[] y) { y = ConvTranspose(x, w) }")
    check_compiled(turned, "ToJpeg JpegConvTranspose")


@pytest.mark.parametrize("bias", [0, 6])
def test_batch_normalization_is_folded(bias: int) -> None:
    weights: dict[str, Any] = {"s": np.asarray([0.5, 2, 1, 3, 1, 4.0]), "t": (6,), "m": (6,)}
    base = transposed("strides = [2, 2], group = 2", weight=(4, 3, 2, 2), bias=bias)
    text = base.text.replace("y = C", "c = C").replace(
        ") }", ") y = BatchNormalization(c, s, t, m, v) }"
    )
    given: dict[str, Any] = {**base.weights, **weights, "v": np.asarray([1, 2, 0.5, 1, 3, 4.0])}
    graph = Graph(text, given)
    check_pass(graph, "fold-batch-norm", "ConvTranspose")
    check_compiled(graph, TWIN)
    check_fault(graph, graph.perturbed("s", 1e-4), graph.perturbed("w"))


def test_other_ranks_stay_spatial() -> None:
    body = "f = Reshape(x, s) y = ConvTranspose<strides = [2]>(f, w)"
    graph = Graph(
        f"(T[N,4,8,8] x) => (T[] y) {{ {body} }}", {"w": (4, 3, 2), "s": np.array([0, 4, 64])}
    )
    name = "canonical-conv-transpose"
    assert check_untouched(module_before(graph, name), name) == {}
    assert declines(graph, "lower-conv-transpose") == {}
    check_compiled(graph)


def test_declines() -> None:
    signature = "(T[N,4,8,8] x, T[A,B,C,D] w) => (T[E,F,G,H] y)"
    text = f"{signature} {{ y = ConvTranspose<strides = [2, 2]>(x, w) }}"
    reason = "map-shape-unknown"
    assert declines(Graph(text), "lower-conv-transpose") == {"y": reason}
