"""Average pooling and means, compared with PyTorch in float64 for unusual windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.graphs import (
    Graph,
    apply,
    assert_same,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    feeds_of,
    kept_reasons,
    lowered,
    module_before,
    outline_of,
    run_float32,
)

from jpegcompile.backends.emit import emit


def pool(attributes: str, size: str = "16,16", opset: int = 17) -> Graph:
    text = f"(T[N,3,{size}] x) => (T[] y) {{ y = AveragePool<{attributes}>(x) }}"
    return Graph(text, opset=opset)


def windowed(kernel: int, stride: int, pads: int, ceil: bool, include: bool) -> str:
    return (
        f"kernel_shape = [{kernel}, {kernel}], strides = [{stride}, {stride}],"
        f" pads = [{pads}, {pads}, {pads}, {pads}]"
        + (", ceil_mode = 1" if ceil else "")
        + (", count_include_pad = 1" if include else "")
    )


def by_torch(
    graph: Graph, kernel: int, stride: int, pads: int, ceil: bool, include: bool
) -> NDArray[np.float64]:
    image = torch.from_numpy(feeds_of(graph.model())["x"])
    pooled = torch.nn.functional.avg_pool2d(
        image, kernel, stride, pads, ceil_mode=ceil, count_include_pad=include
    )
    return np.asarray(pooled.numpy())


@pytest.mark.parametrize("include", [False, True])
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pads"),
    [(16, 2, 2, 0), (16, 3, 2, 1), (15, 2, 2, 0), (14, 3, 3, 1), (17, 2, 3, 1), (11, 4, 3, 2)],
)
def test_windows(size: int, kernel: int, stride: int, pads: int, ceil: bool, include: bool) -> None:
    attributes = windowed(kernel, stride, pads, ceil, include)
    graph = pool(attributes, f"{size},{size}")
    expected = by_torch(graph, kernel, stride, pads, ceil, include)
    module = check_compiled(graph, expected=[expected])
    assert kept_reasons(module) == {}


@pytest.mark.parametrize("opset", [10, 11, 19, 22])
@pytest.mark.parametrize("include", [False, True])
def test_ceil_mode_at_opsets(opset: int, include: bool) -> None:
    """The last window would start in the padding; shape inference below opset 22 counts it."""
    graph = pool(windowed(2, 3, 1, True, include), "17,17", opset)
    check_compiled(graph, expected=[by_torch(graph, 2, 3, 1, True, include)])


def test_structure() -> None:
    graph = pool(windowed(2, 2, 0, False, False), "8,8")
    module = check_pass(graph, "lower-average-pool", "ToJpeg JpegAveragePool ToSpatial")
    node = module.graph.nodes[1]
    assert node.attrs == {"input_block": 8, "output_block": 4}
    assert [t.shape for t in node.inputs[1:]] == [(4, 8), (8, 4)]


@pytest.mark.parametrize(
    "attributes",
    [
        "kernel_shape = [3, 2], strides = [1, 2], pads = [2, 0, 0, 1]",
        "kernel_shape = [3, 2], pads = [0, 1, 2, 0], count_include_pad = 1",
        'kernel_shape = [2, 2], auto_pad = "VALID"',
        "kernel_shape = [2, 2]",
    ],
)
@pytest.mark.parametrize("opset", [7, 17, 22])
def test_explicit_geometries(attributes: str, opset: int) -> None:
    check_compiled(pool(attributes, "16,12", opset))


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("include", [False, True])
def test_same_padding(lower: bool, include: bool) -> None:
    kind = "SAME_LOWER" if lower else "SAME_UPPER"
    count = ", count_include_pad = 1" if include else ""
    graph = pool(f'kernel_shape = [2, 2], auto_pad = "{kind}"{count}')
    image = torch.from_numpy(feeds_of(graph.model())["x"])
    sides = (1, 0, 1, 0) if lower else (0, 1, 0, 1)
    total, inside = (
        torch.nn.functional.avg_pool2d(torch.nn.functional.pad(values, sides), 2, 1)
        for values in (image, torch.ones_like(image))
    )
    check_compiled(graph, expected=[(total if include else total / inside).numpy()])


@pytest.mark.parametrize("include", [0, 1])
def test_dilation(include: int) -> None:
    attributes = (
        "kernel_shape = [2, 3], dilations = [3, 2], pads = [1, 1, 0, 1],"
        f" count_include_pad = {include}"
    )
    module = check_compiled(pool(attributes, opset=19))
    assert kept_reasons(module) == {}


def test_declines_pads_that_runtimes_refuse() -> None:
    attributes = "kernel_shape = [2, 2], strides = [4, 4], dilations = [5, 5], ceil_mode = 1"
    graph = pool(attributes, opset=22)
    reason = "padding-not-explicit"
    assert declines(graph, "lower-average-pool") == {"y": reason}
    narrow = feeds_of(graph.model())
    assert_same(
        run_float32(emit(lowered(graph, "float")), narrow),
        run_float32(graph.model("float"), narrow),
    )


def test_block_size_1_stays() -> None:
    graph = pool(windowed(3, 1, 1, False, True), "7,7")
    module = module_before(graph, "lower-average-pool")
    assert check_untouched(module, "lower-average-pool") == {}
    assert [node.name for node in module.report.lowered] == ["y"]
    check_compiled(graph, "AveragePool")


def test_faults_are_seen() -> None:
    graph = pool("kernel_shape = [3, 3], pads = [1, 1, 0, 0]")
    counted = pool("kernel_shape = [3, 3], pads = [1, 1, 0, 0], count_include_pad = 1")
    check_fault(graph, graph.with_text("[1, 1, 0, 0]", "[0, 0, 1, 1]"), counted)
    check_fault(counted, graph)


def test_declines_a_window_of_other_rank() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        r = Reshape(x, shape)  y = AveragePool<kernel_shape = [KERNEL]>(r) }"""
    row = Graph(text.replace("KERNEL", "2"), {"shape": np.asarray([0, 3, 256])})
    assert declines(row, "lower-average-pool") == {}
    solid = Graph(text.replace("KERNEL", "2, 2, 2"), {"shape": np.asarray([0, 3, 4, 4, 16])})
    reasons = declines(solid, "lower-average-pool")
    assert reasons == {"y": "not-a-map"}
    module = module_before(pool("kernel_shape = [2, 2]"), "lower-average-pool")
    module.graph.nodes[0].attrs["kernel_shape"] = [2]
    reasons = check_untouched(module, "lower-average-pool")
    assert reasons == {"y": "pool-not-2d"}


GLOBAL = Graph("(T[N,3,16,16] x) => (T[] y) { y = GlobalAveragePool(x) }")
UNKNOWN = "(T[N,3,16,16] x, int64[4] shape) => (T[] y) { map = Reshape(x, shape)  y = OP(map) }"


def test_global_average_pool() -> None:
    name = "lower-global-average-pool"
    module = check_pass(GLOBAL, name, "ToJpeg JpegGlobalAveragePool")
    assert module.graph.nodes[1].attrs == {"input_block": 8, "output_block": 1}
    check_fault(GLOBAL, GLOBAL.with_text("GlobalAveragePool", "GlobalMaxPool"))


@pytest.mark.parametrize("size", ["8,8", "12,16", "14,14", "7,7", "1,1"])
def test_global_average_pool_at_block_sizes(size: str) -> None:
    check_compiled(GLOBAL.with_text("16,16", size))


def test_global_average_pool_declines_unknown_shapes() -> None:
    reasons = declines(
        Graph(UNKNOWN.replace("OP", "GlobalAveragePool")), "lower-global-average-pool"
    )
    assert reasons == {"y": "map-shape-unknown"}


def mean(attributes: str, opset: int) -> Graph:
    return Graph(f"(T[N,3,16,16] x) => (T[] y) {{ y = ReduceMean{attributes} }}", opset=opset)


@pytest.mark.parametrize("axes", ["2, 3", "-1, -2", "3, 2"])
@pytest.mark.parametrize(
    ("keep", "outline"), [(0, "GlobalAveragePool Flatten"), (1, "GlobalAveragePool")]
)
def test_mean_by_attribute_or_input(axes: str, keep: int, outline: str) -> None:
    attribute = mean(f"<axes = [{axes}], keepdims = {keep}>(x)", 13)
    check_pass(attribute, "canonical-reduction", outline)
    check_compiled(attribute)
    text = f"(T[N,3,16,16] x) => (T[] y) {{ y = ReduceMean<keepdims = {keep}>(x, axes) }}"
    operand = Graph(text, {"axes": np.asarray([int(a) for a in axes.split(",")])}, 18)
    check_pass(operand, "canonical-reduction", outline)
    check_compiled(operand)


def test_mean_keeps_dimensions_by_default() -> None:
    check_compiled(mean("<axes = [2, 3]>(x)", 11), "ToJpeg JpegGlobalAveragePool")


def test_other_means_stay() -> None:
    graph = mean("(x)", 13)
    assert check_untouched(module_before(graph, "canonical-reduction"), "canonical-reduction") == {}
    reason = "reduced-axes-unknown"
    assert kept_reasons(check_compiled(graph)) == {"y": reason}


def test_means_of_integers_stay() -> None:
    """GlobalAveragePool supports floating point only."""
    text = """(T[N,3,16,16] x) => (int32[] y, T[] z) {
        counts = Cast<to = 6>(x)  y = ReduceMean<axes = [2, 3]>(counts)  z = Relu(x) }"""
    graph = Graph(text, opset=13)
    assert check_untouched(module_before(graph, "canonical-reduction"), "canonical-reduction") == {}
    assert "ReduceMean" in outline_of(lowered(graph, "float"))


def test_means_of_computed_axes_stay() -> None:
    text = "(T[N,3,16,16] x, int64[2] axes) => (T[A,B,C,D] y) { y = ReduceMean(x, axes) }"
    module = module_before(Graph(text, opset=18), "canonical-reduction")
    assert check_untouched(module, "canonical-reduction") == {}
    assert not apply(module, "canonical-reduction")


def two_means(first: str, second: str, outputs: str = "T[] y") -> Graph:
    """As PyTorch exports x.mean(3).mean(2)."""
    text = f"""(T[N,3,16,16] x) => ({outputs}) {{
        m = ReduceMean<{first}>(x)  y = ReduceMean<{second}>(m) }}"""
    return Graph(text, opset=13)


@pytest.mark.parametrize(
    ("first", "second", "keep"),
    [
        ("[3]", "[2]", 0),
        ("[2]", "[2]", 0),
        ("[-1]", "[-1]", 0),
        ("[3]", "[2]", 1),
        ("[2]", "[3]", 1),
        ("[-2]", "[-1]", 1),
    ],
)
def test_means_of_one_axis_after_the_other(first: str, second: str, keep: int) -> None:
    graph = two_means(f"axes = {first}, keepdims = {keep}", f"axes = {second}, keepdims = {keep}")
    outline = "GlobalAveragePool" if keep else "GlobalAveragePool Flatten"
    check_pass(graph, "canonical-reduction", outline)
    assert kept_reasons(check_compiled(graph, f"ToJpeg Jpeg{outline}")) == {}


@pytest.mark.parametrize(
    ("first", "second", "outputs"),
    [
        ("axes = [3], keepdims = 0", "axes = [1], keepdims = 0", "T[] y"),
        ("axes = [3], keepdims = 1", "axes = [3], keepdims = 1", "T[] y"),
        ("axes = [3], keepdims = 1", "axes = [2], keepdims = 0", "T[] y"),
        ("axes = [3], keepdims = 0", "axes = [2], keepdims = 0", "T[] y, T[] m"),
        ("axes = [1, 3], keepdims = 1", "axes = [2], keepdims = 1", "T[] y"),
    ],
)
def test_other_pairs_of_means_stay(first: str, second: str, outputs: str) -> None:
    graph = two_means(first, second, outputs)
    assert check_untouched(module_before(graph, "canonical-reduction"), "canonical-reduction") == {}
    check_compiled(graph)


def test_a_mean_that_others_read_stays() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, T[] z) {
        m = ReduceMean<axes = [3], keepdims = 0>(x)  y = ReduceMean<axes = [2], keepdims = 0>(m)
        z = Relu(m) }"""
    graph = Graph(text, opset=13)
    assert check_untouched(module_before(graph, "canonical-reduction"), "canonical-reduction") == {}
