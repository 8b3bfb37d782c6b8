"""Clip is exact on pixels; its bounds are attributes below opset 11."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    kept_reasons,
    lowered,
    module_before,
    outline_of,
)

from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module

LARGEST = {"float": float(np.finfo(np.float32).max), "double": float(np.finfo(np.float64).max)}
CLIPPED = "ToJpeg JpegClip ToSpatial"
RECTIFIED = "ToJpeg JpegRelu ToSpatial"


def attributes(text: str, opset: int = 7) -> Graph:
    return Graph(f"(T[N,3,16,16] x) => (T[] y) {{ y = Clip{text}(x) }}", opset=opset)


def bounds(low: float | None, high: float | None, opset: int = 13) -> Graph:
    """A Clip whose bounds are inputs; None omits one."""
    given = {"low": low, "high": high}
    weights = {name: np.asarray(v, np.float64) for name, v in given.items() if v is not None}
    names = ["low" if low is not None else "", *(["high"] if high is not None else [])]
    operands = ", ".join(["x", *names] if any(names) else ["x"])
    return Graph(f"(T[N,3,16,16] x) => (T[] y) {{ y = Clip({operands}) }}", weights, opset)


def bounds_in(module: Module) -> list[float]:
    """Bounds of the JpegClip of a module."""
    (node,) = [node for node in module.graph.nodes if node.op == "JpegClip"]
    values = [value_of(tensor) for tensor in node.inputs[1:3]]
    assert all(v is not None and v.shape == () for v in values)
    assert {v.dtype for v in values if v is not None} == {node.inputs[0].dtype}
    return [float(v) for v in values if v is not None]


def test_clip() -> None:
    module = check_pass(bounds(-0.5, 0.75), "lower-clip", CLIPPED)
    assert (module.graph.nodes[1].name, module.graph.nodes[1].attrs) == ("y", {"block": 8})
    assert bounds_in(module) == [-0.5, 0.75]
    (node,) = module.report.lowered
    assert (node.op, node.transform_multiply_adds) == ("Clip", 2 * 2 * 8 * 3 * 16 * 16)


@pytest.mark.parametrize("opset", [7, 9, 10])
@pytest.mark.parametrize("size", ["16,16", "12,12", "14,14", "10,6", "7,7"])
def test_bounds_that_are_attributes(size: str, opset: int) -> None:
    graph = attributes("<min = -0.5, max = 0.75>", opset).with_text("16,16", size)
    module = check_compiled(graph, "Clip" if size == "7,7" else CLIPPED)
    if size != "7,7":
        assert bounds_in(module) == [-0.5, 0.75]


@pytest.mark.parametrize("opset", [11, 12, 13, 22])
@pytest.mark.parametrize("size", ["16,16", "12,12", "14,14", "10,6", "7,7"])
def test_bounds_that_are_inputs(size: str, opset: int) -> None:
    graph = bounds(-0.5, 0.75, opset).with_text("16,16", size)
    module = check_compiled(graph, "Clip" if size == "7,7" else CLIPPED)
    if size != "7,7":
        assert bounds_in(module) == [-0.5, 0.75]


@pytest.mark.parametrize("dtype", ["float", "double"])
def test_bounds_that_are_missing_or_infinite(dtype: str) -> None:
    largest = LARGEST[dtype]
    for graph, expected in (
        (attributes("<max = 0.75>"), [-largest, 0.75]),
        (attributes("<min = 0.25>"), [0.25, largest]),
        (attributes(""), [-largest, largest]),
        (bounds(None, 0.75), [-largest, 0.75]),
        (bounds(0.25, None), [0.25, largest]),
        (bounds(None, None), [-largest, largest]),
        (bounds(-np.inf, 0.75), [-largest, 0.75]),
        (bounds(0.25, np.inf), [0.25, largest]),
        (bounds(-np.inf, np.inf), [-largest, largest]),
    ):
        assert bounds_in(lowered(graph, dtype)) == expected
        if dtype == "float":
            check_compiled(graph, CLIPPED)


@pytest.mark.parametrize("opset", [7, 10, 13])
def test_clip_at_zero_alone_is_relu(opset: int) -> None:
    if opset < 11:
        check_compiled(attributes("<min = 0.0>", opset), RECTIFIED)
    else:
        check_compiled(bounds(0.0, None, opset), RECTIFIED)
        check_compiled(bounds(0.0, np.inf, opset), RECTIFIED)
        check_compiled(bounds(-0.0, None, opset), RECTIFIED)


def test_a_default_that_is_written_out_is_relu() -> None:
    """Old exporters write the default value."""
    graph = attributes("<min = 0.0, max = 3.4028234663852886e38>")
    assert outline_of(lowered(graph, "float")) == RECTIFIED


def test_relu6() -> None:
    assert bounds_in(check_compiled(bounds(0.0, 6.0), CLIPPED)) == [0.0, 6.0]


@pytest.mark.parametrize(("low", "high"), [(0.5, -0.25), (0.25, 0.25), (np.inf, 0.5)])
def test_bounds_that_cross(low: float, high: float) -> None:
    """The upper bound wins."""
    assert bounds_in(check_compiled(bounds(low, high), CLIPPED)) == [high, high]


def test_bounds_that_cross_as_attributes() -> None:
    assert bounds_in(lowered(attributes("<min = 0.5, max = -0.25>"))) == [-0.25, -0.25]


def test_block_size_1_stays() -> None:
    module = module_before(bounds(-0.5, 0.75).with_text("16,16", "7,7"), "lower-clip")
    assert check_untouched(module, "lower-clip") == {}
    assert [node.name for node in module.report.lowered] == ["y"]


def test_vectors_are_no_concern() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        g = GlobalAveragePool(x)  f = Flatten(g)  y = Clip(f, low) }"""
    assert declines(Graph(text, {"low": np.asarray(0.0)}), "lower-clip") == {}


def test_bounds_that_are_not_known_are_declined() -> None:
    text = "(T[N,3,16,16] x, double low, double high) => (T[] y) { y = Clip(x, low, high) }"
    reason = "clip-bound-unknown"
    assert declines(Graph(text), "lower-clip") == {"y": reason.format("low")}
    upper = Graph(text).with_text("Clip(x, low, high)", "Clip(x, , high)")
    assert declines(upper, "lower-clip") == {"y": reason.format("high")}
    assert kept_reasons(lowered(upper)) == {"y": reason.format("high")}


def test_other_types_and_unknown_shapes_are_declined() -> None:
    text = "(T[N,3,16,16] x, int64[4] shape) => (T[] y) { map = Reshape(x, shape)  y = Clip(map) }"
    assert declines(Graph(text), "lower-clip") == {"y": "map-shape-unknown"}
    text = "(T[N,3,16,16] x) => (int32[] y) { map = Cast<to = 6>(x)  y = Clip(map) }"
    assert declines(Graph(text), "lower-clip") == {"y": "map-type-unsupported"}


def test_faults_are_seen() -> None:
    graph = bounds(-0.5, 0.75)
    check_fault(
        graph,
        graph.perturbed("low"),
        graph.perturbed("high"),
        graph.with_text("low, high", "high, low"),
        graph.with_text("Clip(x, low, high)", "Clip(x, low)"),
    )
    old = attributes("<min = -0.5, max = 0.75>")
    check_fault(old, old.with_text("0.75", "0.750001"), old.with_text("-0.5", "-0.500001"))
