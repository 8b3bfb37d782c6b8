"""Convolution in the JPEG domain equals convolution of pixels for any geometry."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    TENSOR,
    Graph,
    apply,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    kept_reasons,
    module_before,
    module_of,
)


def convolution(
    attributes: str = "",
    weight: tuple[int, ...] = (4, 3, 3, 3),
    size: str = "16,16",
    bias: bool = True,
    opset: int = 17,
) -> Graph:
    operands, weights = ("x, w, b", {"b": (weight[0],)}) if bias else ("x, w", {})
    channels = 4 if "group" in attributes else 3
    text = f"(T[N,{channels},{size}] x) => (T[] y) {{ y = Conv{attributes}({operands}) }}"
    return Graph(text, {"w": weight, **weights}, opset)


PADDED = "<pads = [1, 1, 1, 1]>"


def test_structure_of_a_padded_convolution() -> None:
    module = check_pass(convolution(PADDED), "lower-conv", "ToJpeg JpegConv ToSpatial")
    node = module.graph.nodes[1]
    assert node.name == "y"
    assert node.domain == "jpegcompile"
    assert node.attrs == {
        "strides": [1, 1],
        "pads": [1, 1, 1, 1],
        "dilations": [1, 1],
        "group": 1,
        "input_block": 8,
        "output_block": 8,
    }
    assert module.twins == {"x.cast": "x", "y.jpeg": "y", "y": "y"}
    assert module.blocks == {"x.cast": 8, "y.jpeg": 8}


def test_structure_of_a_pointwise_convolution() -> None:
    graph = convolution(weight=(4, 3, 1, 1))
    module = check_pass(graph, "lower-conv", "ToJpeg JpegPointwiseConv ToSpatial")
    assert module.graph.nodes[1].attrs == {"group": 1, "block": 8}


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_kernels_and_strides(kernel: int, stride: int) -> None:
    pad = kernel // 2
    attributes = f"<strides = [{stride}, {stride}], pads = [{pad}, {pad}, {pad}, {pad}]>"
    module = check_compiled(convolution(attributes, (2, 3, kernel, kernel)))
    assert kept_reasons(module) == {}


GEOMETRIES = [
    "<pads = [0, 1, 2, 3]>",
    "<pads = [3, 0, 0, 2], strides = [1, 2]>",
    "<dilations = [2, 2], pads = [2, 2, 2, 2]>",
    "<dilations = [3, 1], pads = [1, 0, 0, 1], strides = [2, 1]>",
    "<group = 2, pads = [1, 1, 1, 1]>",
    "<group = 4, pads = [1, 1, 1, 1], strides = [2, 2]>",
    "<kernel_shape = [3, 3]>",
    '<auto_pad = "SAME_UPPER">',
    '<auto_pad = "SAME_LOWER", strides = [2, 2]>',
    '<auto_pad = "SAME_UPPER", strides = [3, 2]>',
    '<auto_pad = "VALID">',
    '<auto_pad = "NOTSET", pads = [1, 1, 1, 1]>',
]


@pytest.mark.parametrize("attributes", ["", *GEOMETRIES])
def test_geometries(attributes: str) -> None:
    group = 4 if "group = 4" in attributes else 2 if "group" in attributes else 0
    weight = (4, 4 // group, 3, 3) if group else (4, 3, 3, 3)
    assert kept_reasons(check_compiled(convolution(attributes, weight))) == {}


def test_same_padding_with_dilation() -> None:
    """ONNX Runtime rejects the source model; the compiled model has explicit pads."""
    graph = convolution('<auto_pad = "SAME_UPPER", dilations = [2, 2]>')
    explicit = convolution("<pads = [2, 2, 2, 2], dilations = [2, 2]>")
    module = module_before(graph, "lower-conv")
    assert module.graph.nodes[0].attrs["pads"] == [2, 2, 2, 2]
    check_compiled(explicit)


@pytest.mark.parametrize(
    ("size", "stride", "blocks"),
    [
        ("16,16", 1, (8, 8)),
        ("16,16", 2, (8, 8)),
        ("8,8", 2, (8, 4)),
        ("12,12", 1, (4, 4)),
        ("12,12", 2, (4, 2)),
        ("12,16", 1, (4, 4)),
        ("14,14", 1, (2, 2)),
        ("14,14", 2, (2, 1)),
        ("10,6", 2, (2, 1)),
    ],
)
def test_block_sizes(size: str, stride: int, blocks: tuple[int, int]) -> None:
    graph = convolution(f"<pads = [1, 1, 1, 1], strides = [{stride}, {stride}]>", size=size)
    module = check_compiled(graph)
    (node,) = module.report.lowered
    assert (node.input_block, node.output_block) == blocks


def test_from_block_size_1_to_2() -> None:
    graph = convolution("<pads = [1, 1, 0, 0], strides = [2, 2]>", (4, 3, 2, 2), "7,7")
    module = check_compiled(graph, "JpegConv ToSpatial")
    (node,) = module.report.lowered
    assert (node.input_block, node.output_block) == (1, 4)


def test_block_size_1_on_both_sides_is_lowered_as_it_is() -> None:
    module = module_before(convolution(PADDED, size="7,7"), "lower-conv")
    assert check_untouched(module, "lower-conv") == {}
    (node,) = module.report.lowered
    assert (node.op, node.input_block, node.output_block) == ("Conv", 1, 1)
    check_compiled(convolution(PADDED, size="7,7"), "SpatialConv")


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("opset", [7, 17])
def test_without_bias(kernel: int, opset: int) -> None:
    check_compiled(convolution("", (4, 3, kernel, kernel), bias=False, opset=opset))


def test_pointwise_with_groups() -> None:
    graph = convolution("<group = 2>", (4, 2, 1, 1))
    check_compiled(graph, "ToJpeg JpegPointwiseConv ToSpatial")


def test_pointwise_with_stride_is_no_product_of_coefficients() -> None:
    check_compiled(convolution("<strides = [2, 2]>", (4, 3, 1, 1)), "ToJpeg JpegConv ToSpatial")


def test_pointwise_bias_that_is_computed() -> None:
    text = "(T[N,3,16,16] x, T[4] b) => (T[] y) { y = Conv(x, w, b) }"
    module = check_compiled(Graph(text, {"w": (4, 3, 1, 1)}))
    assert "JpegPointwiseConv" in [node.op for node in module.graph.nodes]


def test_weights_that_are_computed() -> None:
    text = """(T[N,3,16,16] x, T[108] values) => (T[] y) {
        w = Reshape(values, shape)  y = Conv(x, w) }"""
    module = check_compiled(Graph(text, {"shape": np.asarray([4, 3, 3, 3])}))
    assert "JpegConv" in [node.op for node in module.graph.nodes]


def test_faults_are_seen() -> None:
    graph = convolution("<pads = [1, 1, 0, 0]>", weight=(4, 3, 2, 2))
    check_fault(
        graph,
        graph.perturbed("w"),
        graph.perturbed("b"),
        graph.with_text("[1, 1, 0, 0]", "[0, 0, 1, 1]"),
        graph.with_text("[1, 1, 0, 0]", "[1, 0, 0, 1]"),
    )
    pointwise = convolution(weight=(4, 3, 1, 1))
    check_fault(pointwise, pointwise.perturbed("w"), pointwise.perturbed("b"))


def test_work_is_counted_for_one_image() -> None:
    module = module_before(convolution("<strides = [2, 2]>", (4, 3, 2, 2)), "lower-conv")
    apply(module, "lower-conv")
    (node,) = module.report.lowered
    assert node.multiply_adds == 4 * 8 * 8 * 3 * 2 * 2
    assert node.transform_multiply_adds == 2 * 8 * (3 * 16 * 16 + 4 * 8 * 8)


def test_declines_convolutions_of_other_rank() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, T[] z) {
        r = Reshape(x, shape)  y = Conv(r, w)  z = Relu(x) }"""
    graph = Graph(text, {"shape": np.asarray([0, 3, 4, 4, 16]), "w": (2, 3, 1, 3, 5)})
    assert declines(graph, "lower-conv") == {"y": "not-a-map"}


def test_convolutions_of_vectors_are_no_concern() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        r = ReduceMean<axes = [2], keepdims = 0>(x)  y = Conv(r, w) }"""
    graph = Graph(text, {"w": (2, 3, 5)})
    assert declines(graph, "lower-conv") == {}
    check_compiled(graph)


def test_declines_unknown_shapes() -> None:
    text = """(T[N,3,16,16] x, int64[4] shape) => (T[] y) {
        map = Reshape(x, shape)  y = Conv(map, w) }"""
    reasons = declines(Graph(text, {"w": (4, 3, 3, 3)}), "lower-conv")
    assert reasons == {"y": "map-shape-unknown"}


def test_declines_other_precisions() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        brain = Cast<to = 16>(x)  weight = Cast<to = 16>(w)  map = Conv(brain, weight)
        y = Cast<to = 1>(map) }"""
    graph = Graph(text, {"w": np.ones((2, 3, 1, 1))}, opset=22)
    module = module_before(graph, "lower-conv", dtype="float")
    reasons = check_untouched(module, "lower-conv")
    assert reasons == {"map": "map-type-unsupported"}


def test_declines_an_unknown_kernel() -> None:
    """Shape inference fails for such a convolution, so the test assigns the maps."""
    text = "(T[N,3,16,16] x, T[4,3,K,K] w) => (T[N,4,14,14] y) { y = Conv(x, w) }"
    module = module_of(Graph(text), TENSOR)
    module.maps = {"x": 8, "y": 2}
    reasons = check_untouched(module, "lower-conv")
    assert reasons == {"y": "kernel-shape-unknown"}


def test_declines_padding_that_is_not_explicit() -> None:
    """A safeguard, since an earlier pass resolves every auto_pad of a map of known size."""
    module = module_before(convolution(PADDED), "lower-conv")
    module.graph.nodes[0].attrs["auto_pad"] = "SAME_LOWER"
    reasons = check_untouched(module, "lower-conv")
    assert reasons == {"y": "padding-not-explicit"}
