"""Max pooling: exact on the pixels of each block; PyTorch in float64 is the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.graphs import (
    Graph,
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
    text = f"(T[N,3,{size}] x) => (T[] y) {{ y = MaxPool<{attributes}>(x) }}"
    return Graph(text, opset=opset)


def reference(
    graph: Graph, kernel: int, stride: int, pads: int, dilation: int = 1
) -> NDArray[np.float64]:
    """Max pooling with ceil_mode by PyTorch in float64."""
    image = torch.from_numpy(feeds_of(graph.model())["x"])
    pooled = torch.nn.functional.max_pool2d(image, kernel, stride, pads, dilation, ceil_mode=True)
    return np.asarray(pooled.numpy())


@pytest.mark.parametrize(
    "attributes",
    [
        "kernel_shape = [2, 2]",
        "kernel_shape = [2, 2], strides = [2, 2]",
        "kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]",
        "kernel_shape = [3, 2], strides = [1, 2], pads = [2, 0, 0, 1]",
        "kernel_shape = [3, 3], strides = [3, 3], pads = [0, 1, 2, 0]",
        'kernel_shape = [3, 3], strides = [2, 2], auto_pad = "SAME_UPPER"',
        'kernel_shape = [2, 2], auto_pad = "VALID"',
        "kernel_shape = [1, 1], strides = [2, 2]",
    ],
)
@pytest.mark.parametrize("size", ["16,16", "14,12"])
def test_max_pool_geometries(attributes: str, size: str) -> None:
    module = check_compiled(pool(attributes, size))
    assert kept_reasons(module) == {}
    assert "JpegMaxPool" in outline_of(module)


def test_max_pool_structure() -> None:
    graph = pool("kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]", "8,8")
    module = check_pass(graph, "lower-max-pool", "ToJpeg JpegMaxPool ToSpatial")
    assert module.graph.nodes[1].attrs == {
        "kernel_shape": [3, 3],
        "strides": [2, 2],
        "pads": [1, 1, 1, 1],
        "input_block": 8,
        "output_block": 4,
    }


@pytest.mark.parametrize("opset", [10, 12, 22])
def test_max_pool_with_dilation(opset: int) -> None:
    graph = pool("kernel_shape = [2, 3], dilations = [2, 3], pads = [1, 1, 1, 1]", opset=opset)
    module = check_compiled(graph)
    (node,) = [node for node in module.graph.nodes if "Pool" in node.op]
    assert (node.op, node.attrs["dilations"]) == ("JpegDilatedMaxPool", [2, 3])


@pytest.mark.parametrize("opset", [7, 8, 9])
def test_max_pool_before_dilations(opset: int) -> None:
    check_compiled(pool("kernel_shape = [2, 2], strides = [2, 2]", opset=opset))


@pytest.mark.parametrize("opset", [10, 11, 17, 22])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pads"),
    [(16, 3, 2, 0), (16, 3, 2, 1), (15, 2, 2, 0), (17, 2, 3, 1), (14, 2, 3, 1), (11, 3, 3, 1)],
)
def test_max_pool_with_ceil_mode(
    size: int, kernel: int, stride: int, pads: int, opset: int
) -> None:
    attributes = (
        f"kernel_shape = [{kernel}, {kernel}], strides = [{stride}, {stride}],"
        f" pads = [{pads}, {pads}, {pads}, {pads}], ceil_mode = 1"
    )
    graph = pool(attributes, f"{size},{size}", opset)
    check_compiled(graph, expected=[reference(graph, kernel, stride, pads)])


def test_max_pool_with_ceil_mode_and_dilation() -> None:
    attributes = "kernel_shape = [2, 2], strides = [3, 3], dilations = [3, 3], ceil_mode = 1"
    graph = pool(attributes, "17,17")
    check_compiled(graph, expected=[reference(graph, 2, 3, 0, 3)])


def test_max_pool_declines_pads_that_runtimes_refuse() -> None:
    """Explicit padding after the map would be 4, more than the kernel."""
    attributes = "kernel_shape = [2, 2], strides = [4, 4], dilations = [5, 5], ceil_mode = 1"
    graph = pool(attributes)
    assert check_untouched(module_before(graph, "explicit-padding"), "explicit-padding") == {}
    reason = "padding-not-explicit"
    assert declines(graph, "lower-max-pool") == {"y": reason}
    model = lowered(graph, "float")
    expected = [reference(graph, 2, 4, 0, 5)]
    assert_same(run_float32(emit(model), feeds_of(graph.model())), expected)


def test_max_pool_same_lower() -> None:
    """The larger half of the padding comes first; for PyTorch the test pads explicitly."""
    graph = pool('kernel_shape = [2, 2], auto_pad = "SAME_LOWER"')
    image = torch.from_numpy(feeds_of(graph.model())["x"])
    padded = torch.nn.functional.pad(image, (1, 0, 1, 0), value=-float("inf"))
    expected = torch.nn.functional.max_pool2d(padded, 2, 1).numpy()
    check_compiled(graph, expected=[expected])


def test_max_pool_at_block_size_1_stays() -> None:
    graph = pool("kernel_shape = [3, 3], pads = [1, 1, 1, 1]", "7,7")
    module = module_before(graph, "lower-max-pool")
    assert check_untouched(module, "lower-max-pool") == {}
    assert [node.name for node in module.report.lowered] == ["y"]
    check_compiled(graph, "SpatialMaxPool")


def test_max_pool_faults_are_seen() -> None:
    graph = pool("kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 0, 0]")
    check_fault(
        graph,
        graph.with_text("[1, 1, 0, 0]", "[0, 0, 1, 1]"),
        graph.with_text("[1, 1, 0, 0]", "[0, 1, 1, 0]"),
        graph.with_text("MaxPool", "AveragePool"),
    )


def test_max_pool_declines_positions() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, int64[] where) {
        y, where = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x) }"""
    reason = "pool-returns-positions"
    assert declines(Graph(text), "lower-max-pool") == {"y": reason}
    assert kept_reasons(check_compiled(Graph(text))) == {"y": reason}


def test_max_pool_declines_other_ranks() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        r = Reshape(x, shape)  y = MaxPool<kernel_shape = [KERNEL]>(r) }"""
    row = Graph(text.replace("KERNEL", "2"), {"shape": np.asarray([0, 3, 256])})
    assert declines(row, "lower-max-pool") == {}
    solid = Graph(text.replace("KERNEL", "2, 2, 2"), {"shape": np.asarray([0, 3, 4, 4, 16])})
    reasons = declines(solid, "lower-max-pool")
    assert reasons == {"y": "not-a-map"}


def test_max_pool_declines_a_window_of_other_rank() -> None:
    """No valid model has such a node, so the test shortens the kernel."""
    module = module_before(pool("kernel_shape = [2, 2]"), "lower-max-pool")
    module.graph.nodes[0].attrs["kernel_shape"] = [2]
    reasons = check_untouched(module, "lower-max-pool")
    assert reasons == {"y": "pool-not-2d"}
