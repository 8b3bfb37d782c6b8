"""Windows become explicit: all attributes present, no auto_pad and no ceil_mode."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from support.codes import refused
from support.graphs import (
    Graph,
    apply,
    assert_same,
    check_compiled,
    check_untouched,
    evaluate,
    feeds_of,
    kept_reasons,
    lowered,
    lowered_model,
    module_before,
    outline_of,
    random_weight,
    run_float32,
)
from support.refusals import refused_model
from support.tiers import check_each
from torch.nn import functional

import jpegcompile
from jpegcompile.analysis.window import ceil_padding, same_padding
from jpegcompile.backends.emit import emit
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.ir.module import Module

NAME = "explicit-padding"


def resolved(op: str, attributes: str, size: str = "16,15", opset: int = 17) -> Module:
    operands = "(x, w)" if op == "Conv" else "(x)"
    weights = {"w": (2, 3, 3, 3)} if op == "Conv" else {}
    text = f"(T[N,3,{size}] x) => (T[] y) {{ y = {op}<{attributes}>{operands} }}"
    module = module_before(Graph(text, weights, opset), NAME)
    assert apply(module, NAME)
    return module


def attributes_of(*arguments: Any) -> dict[str, Any]:
    return dict(resolved(*arguments).graph.nodes[-1].attrs)


PLAIN = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [0, 0, 0, 0]}


def test_defaults_are_written() -> None:
    assert attributes_of("Conv", "group = 1") == {**PLAIN, "dilations": [1, 1], "group": 1}
    assert attributes_of("MaxPool", "kernel_shape = [3, 3]") == PLAIN
    assert attributes_of("AveragePool", "kernel_shape = [3, 3]") == PLAIN


def test_dilations_of_pooling_are_written_where_they_are_not_1() -> None:
    for given, wanted in (("[1, 1]", None), ("[1, 2]", [1, 2])):
        attributes = attributes_of("MaxPool", f"kernel_shape = [3, 3], dilations = {given}")
        assert attributes.get("dilations") == wanted


@pytest.mark.parametrize(
    ("attributes", "pads"),
    [
        ('auto_pad = "SAME_UPPER"', [1, 1, 1, 1]),
        ('auto_pad = "SAME_LOWER"', [1, 1, 1, 1]),
        ('auto_pad = "SAME_UPPER", strides = [2, 2]', [0, 1, 1, 1]),
        ('auto_pad = "SAME_LOWER", strides = [2, 2]', [1, 1, 0, 1]),
        ('auto_pad = "SAME_UPPER", strides = [5, 4]', [1, 0, 1, 0]),
        ('auto_pad = "SAME_UPPER", dilations = [2, 3]', [2, 3, 2, 3]),
        ('auto_pad = "VALID"', [0, 0, 0, 0]),
        ('auto_pad = "NOTSET", pads = [1, 2, 3, 4]', [1, 2, 3, 4]),
    ],
)
def test_auto_pad_of_convolution(attributes: str, pads: list[int]) -> None:
    module = resolved("Conv", attributes)
    node = module.graph.nodes[0]
    assert node.attrs["pads"] == pads
    assert "auto_pad" not in node.attrs


RUNTIME = [
    ("MaxPool", "kernel_shape = [3, 2], strides = [2, 2]", 13),
    ("MaxPool", "kernel_shape = [3, 2], strides = [1, 2], dilations = [2, 3]", 13),
    ("AveragePool", "kernel_shape = [3, 2], strides = [2, 1], dilations = [1, 2]", 22),
    ("AveragePool", "kernel_shape = [1, 1], strides = [2, 2]", 22),
    ("AveragePool", "kernel_shape = [4, 2], strides = [2, 2], count_include_pad = 1", 13),
    ("Conv", "kernel_shape = [1, 1], strides = [2, 2]", 13),
    ("Conv", "kernel_shape = [1, 2], strides = [4, 1]", 13),
    ("Conv", "kernel_shape = [2, 2], strides = [4, 4]", 22),
]


@pytest.mark.parametrize("kind", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(("op", "attributes", "opset"), RUNTIME)
def test_same_padding_is_that_of_the_runtime(
    op: str, attributes: str, opset: int, kind: str
) -> None:
    weights = {"w": (2, 3, *map(int, re.findall(r"\d", attributes)[:2]))} if op == "Conv" else {}
    operands = "(x, w)" if op == "Conv" else "(x)"
    text = f'(T[N,3,12,4] x) => (T[] y) {{ y = {op}<{attributes}, auto_pad = "{kind}">{operands} }}'
    model = Graph(text, weights, opset).model("float")
    compiled = jpegcompile.compile(model, input="tensor").model
    feeds = feeds_of(model)
    assert_same(run_float32(compiled, feeds), run_float32(model, feeds))


@pytest.mark.parametrize(
    ("op", "height", "attributes"),
    [
        ("Conv", 10, "strides = [5, 1]"),
        ("MaxPool", 12, "kernel_shape = [2, 2], strides = [4, 1]"),
        ("MaxPool", 8, "kernel_shape = [3, 3], strides = [4, 1], dilations = [2, 1]"),
    ],
)
def test_same_padding_that_would_cut_the_map_stays(op: str, height: int, attributes: str) -> None:
    operands, weights = ("(x, w)", {"w": (2, 3, 3, 3)}) if op == "Conv" else ("(x)", {})
    attributes += ', auto_pad = "SAME_UPPER"'
    text = f"(T[N,3,{height},16] x) => (T[] y) {{ y = {op}<{attributes}>{operands} }}"
    graph = Graph(text, weights)
    assert check_untouched(module_before(graph, NAME), NAME) == {}
    assert kept_reasons(lowered(graph)) == {"y": "padding-not-explicit"}


@pytest.mark.parametrize(
    ("node", "window"),
    [
        ("Conv<pads = [0, 0, 0, 1]>(x, w)", "5x5"),
        ("MaxPool<kernel_shape = [2, 5]>(x)", "2x5"),
        ("AveragePool<kernel_shape = [3, 2], dilations = [2, 1]>(x)", "5x2"),
    ],
)
def test_windows_that_do_not_fit(node: str, window: str) -> None:
    weights = {"w": (2, 3, 5, 5)} if "w)" in node else {}
    graph = Graph(f"(T[N,3,4,4] x) => (T[] y) {{ c = {node}  y = Relu(c) }}", weights, 19)
    model = graph.model("float")
    message = refused_model("window-exceeds-padded-map", UnsupportedModelError, model)
    for part in (f"{node.split('<')[0]} 'c'", window, " 4x"):
        assert part in message


def test_a_window_that_only_ceil_mode_admits() -> None:
    given = "kernel_shape = [5, 5], strides = [2, 2], ceil_mode = 1"
    graph = Graph(f"(T[N,3,4,4] x) => (T[] y) {{ y = MaxPool<{given}>(x) }}")
    feeds = feeds_of(graph.model())
    check_compiled(graph, expected=[feeds["x"].max(axis=(2, 3), keepdims=True)])


def test_auto_pad_overrides_pads() -> None:
    for kind, pads in (("VALID", [0, 0, 0, 0]), ("SAME_UPPER", [1, 1, 1, 1])):
        attributes = f'kernel_shape = [3, 3], auto_pad = "{kind}", pads = [1, 2, 1, 2]'
        assert attributes_of("MaxPool", attributes)["pads"] == pads


@pytest.mark.parametrize("opset", [10, 17, 22])
def test_ceil_mode_grows_the_end(opset: int) -> None:
    given = "kernel_shape = [2, 3], strides = [2, 3], ceil_mode = 1"
    module = resolved("MaxPool", given, "15,16", opset)
    node = module.graph.nodes[0]
    assert node.attrs["pads"] == [0, 0, 1, 2]
    assert "ceil_mode" not in node.attrs
    assert tuple(node.outputs[0].shape[2:]) == (8, 6)


def test_ceil_mode_counts_no_window_that_starts_in_the_padding() -> None:
    given = "kernel_shape = [2, 2], strides = [3, 3], pads = [1, 1, 1, 1], ceil_mode = 1"
    module = resolved("MaxPool", given, "17,17", 11)
    node = module.graph.nodes[0]
    assert node.attrs["pads"] == [1, 1, 1, 1]
    assert tuple(node.outputs[0].shape[2:]) == (6, 6)


@pytest.mark.parametrize("opset", [10, 17])
def test_padding_that_counts_is_put_apart(opset: int) -> None:
    given = (
        "kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = 1,"
        " count_include_pad = 1"
    )
    module = resolved("AveragePool", given, "16,16", opset)
    assert outline_of(module) == "Pad AveragePool"
    pad, pool = module.graph.nodes
    amounts = pad.attrs["pads"] if opset < 11 else pad.inputs[1].values.tolist()
    assert amounts == [0, 0, 1, 1, 0, 0, 1, 1]
    assert pool.attrs["pads"] == [0, 0, 1, 1]
    assert pool.attrs["count_include_pad"] == 0
    # The fourth window of the source, computed by hand: rows and columns 5, 6, 7 of the image.
    feeds = {"x": feeds_of_image()}
    (result,) = evaluate(emit(module), feeds)
    assert_same([result[0, :, 3, 3]], [feeds["x"][0, :, 5:8, 5:8].mean(axis=(1, 2))])
    assert_same([result[0, :, 0, 0]], [feeds["x"][0, :, :2, :2].sum(axis=(1, 2)) / 9])
    # The last window overhangs: 15 is in the image, 16 is declared padding, the rest is ignored.
    assert_same([result[0, :, 8, 8]], [feeds["x"][0, :, 15, 15] / 4])


def feeds_of_image() -> np.ndarray:
    return np.random.default_rng(5).standard_normal((1, 3, 16, 16))


def test_what_stays() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, T[] z) {
        y = Relu(x)  row = Reshape(x, shape)
        z = MaxPool<kernel_shape = [2], ceil_mode = 1>(row) }"""
    graph = Graph(text, {"shape": np.asarray([0, 3, 256])})
    assert check_untouched(module_before(graph, NAME), NAME) == {}
    unknown = "(T[N,3,16,16] x, int64[4] s) => (T[] y) { m = Reshape(x, s)  y = Conv(m, w) }"
    graph = Graph(unknown, {"w": (2, 3, 3, 3)})
    assert check_untouched(module_before(graph, NAME), NAME) == {}


def test_the_arithmetic_of_padding() -> None:
    windows = product(range(1, 20), range(1, 6), range(1, 5))
    check_each(
        windows,
        lambda window: check_padding(*window),
        "size {0[0]}, window {0[1]}, stride {0[2]}".format,
    )


def check_padding(size: int, extent: int, stride: int) -> None:
    """The padding suffices for each mode, and less would not."""
    padding = same_padding(size, extent, stride, upper=True)
    outputs = -(-size // stride)
    unread = size - (outputs - 1) * stride - extent
    assert (padding is None) == (unread > 1)
    assert (same_padding(size, extent, stride, True, unread=0) is None) == (unread > 0)
    if padding is not None:
        small, large = padding
        assert same_padding(size, extent, stride, upper=False) == (large, small)
        assert 0 <= large - small <= 1
        assert (size + small + large - extent) // stride + 1 >= outputs
        if small + large:
            assert (size + small + large - 1 - extent) // stride + 1 < outputs
    for begin in range(extent):
        for end in range(extent):
            if size + begin + end < extent:
                continue
            starts = range(0, size + begin, stride)
            # Windows by definition: begin in the input or before it, and the last may overhang.
            windows = [s for s in starts if s - stride + extent < size + begin + end or s == 0]
            extra = ceil_padding(size, extent, stride, begin, end)
            assert (size + begin + end + extra - extent) // stride + 1 == len(windows)
            assert extra < stride


def test_shapes_that_contradict_each_other() -> None:
    module = module_before(
        Graph("(T[N,3,16,16] x) => (T[] y) { y = Add(x, c) }", {"c": (3, 1, 1)}), NAME
    )
    module.graph.nodes[0].inputs[1].values = np.zeros((5, 1, 1))
    with refused("shapes-do-not-fit-input", UnsupportedModelError) as caught:
        apply(module, "infer-shapes")
    assert "16x16: Add 'y': Incompatible dimensions;" in str(caught.value)


def test_inference_needs_no_weights() -> None:
    """Inference sees small constants only, so gigabytes of weights do not matter."""
    graph = Graph(
        "(T[N,3,16,16] x) => (T[] y) { f = Flatten(x)  m = MatMul(f, w)  y = Reshape(m, shape) }",
        {"w": (768, 8), "shape": np.asarray([0, 2, 4])},
    )
    module = module_before(graph, "infer-shapes")
    weight = module.graph.tensors()["w"]
    for tensor in module.graph.outputs:
        tensor.shape = None
    assert check_untouched_but_shapes(module) == [("y", np.float64, ("N", 2, 4))]
    assert weight.shape == (768, 8)


def check_untouched_but_shapes(module: Module) -> list[tuple[str, Any, Any]]:
    before = outline_of(module)
    assert not apply(module, "infer-shapes")
    assert outline_of(module) == before
    return [(t.name, t.dtype, tuple(t.shape)) for t in module.graph.outputs]


@pytest.mark.parametrize("opset", [10, 13, 21])
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_a_classifier_behind_a_size_that_inference_gets_wrong(op: str, opset: int) -> None:
    """The last window would begin in the padding: inference computes 3x3 instead of 2x2."""
    text = f"""(T[N,2,4,4] x) => (T[N,3] y) {{
        p = {op}<kernel_shape = [2, 2], strides = [3, 3], pads = [1, 1, 1, 1], ceil_mode = 1>(x)
        a = Relu(p)  f = Flatten(a)  y = MatMul(f, w) }}"""
    graph = Graph(text, {"w": (2 * 2 * 2, 3)}, opset)
    model = parsed_without_inference(graph)
    x = torch.from_numpy(feeds_of(model)["x"])
    if op == "MaxPool":
        pooled = functional.max_pool2d(x, 2, 3, 1, 1, True)
    else:
        pooled = functional.avg_pool2d(x, 2, 3, 1, True, False)
    assert pooled.shape[2:] == (2, 2)
    weight = random_weight("w", (2 * 2 * 2, 3))
    module, compiled = lowered_model(model)
    assert kept_reasons(module) == {}
    expected = functional.relu(pooled).flatten(1).numpy() @ weight
    assert_same(evaluate(compiled, {"x": x.numpy()}), [expected])


def parsed_without_inference(graph: Graph) -> onnx.ModelProto:
    """The model with its outputs declared as an exporter declares them."""
    model = graph.with_text("[2, 2]", "[1, 1]").with_text("[3, 3]", "[4, 4]").model()
    pool = model.graph.node[0]
    for attribute in pool.attribute:
        if attribute.name in ("kernel_shape", "strides"):
            attribute.ints[:] = [2, 2] if attribute.name == "kernel_shape" else [3, 3]
    return model
