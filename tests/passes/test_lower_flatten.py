"""A map that is flattened and multiplied by constant weights, as in a classifier."""

from __future__ import annotations

import pytest
from support.graphs import (
    Graph,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    module_before,
    outline_of,
)

SIGNATURE = "(T[N,2,8,8] x) => (T[] y)"
FEATURES = 2 * 8 * 8


def gemm(attributes: str = "", shape: tuple[int, int] = (FEATURES, 5)) -> Graph:
    text = f"{SIGNATURE} {{ f = Flatten(x)  y = Gemm{attributes}(f, w, b) }}"
    return Graph(text, {"w": shape, "b": (5,)})


PRODUCT = Graph(f"{SIGNATURE} {{ f = Flatten(x)  y = MatMul(f, w) }}", {"w": (FEATURES, 5)})


@pytest.mark.parametrize(
    ("attributes", "shape"),
    [
        ("", (FEATURES, 5)),
        ("<transB = 1>", (5, FEATURES)),
        ("<transB = 0, alpha = 0.5, beta = 2.0>", (FEATURES, 5)),
        ("<transB = 1, alpha = -1.5>", (5, FEATURES)),
    ],
)
def test_gemm(attributes: str, shape: tuple[int, int]) -> None:
    graph = gemm(attributes, shape)
    check_pass(graph, "lower-flatten", "ToJpeg Flatten Gemm")
    check_compiled(graph, "ToJpeg Flatten Gemm")
    check_fault(graph, graph.perturbed("w"), graph.perturbed("b"))


@pytest.mark.parametrize("opset", [7, 11, 17])
def test_matmul(opset: int) -> None:
    graph = Graph(PRODUCT.text, PRODUCT.weights, opset)
    module = check_pass(graph, "lower-flatten", "ToJpeg Flatten MatMul")
    (node,) = [node for node in module.report.lowered if node.op == "Flatten"]
    assert node.multiply_adds == FEATURES * 5
    check_compiled(graph)
    check_fault(graph, graph.perturbed("w"))


def test_a_gemm_without_bias_needs_no_third_input() -> None:
    check_compiled(Graph(PRODUCT.text.replace("MatMul", "Gemm"), PRODUCT.weights, 11))


@pytest.mark.parametrize("size", ["16,16", "12,4", "14,14", "7,7"])
def test_block_sizes(size: str) -> None:
    height, width = map(int, size.split(","))
    graph = Graph(PRODUCT.text.replace("8,8", size), {"w": (2 * height * width, 3)})
    check_compiled(graph)


def test_block_size_1_stays() -> None:
    graph = Graph(PRODUCT.text.replace("8,8", "1,1"), {"w": (2, 3)})
    module = module_before(graph, "lower-flatten")
    assert check_untouched(module, "lower-flatten") == {}
    assert [node.name for node in module.report.lowered] == ["f"]


def test_shared_weights_are_not_changed() -> None:
    text = """(T[N,2,8,8] x, T[N,128] v) => (T[] y, T[] z) {
        f = Flatten(x)  y = MatMul(f, w)  z = MatMul(v, w) }"""
    graph = Graph(text, {"w": (FEATURES, 5)})
    module = check_compiled(graph)
    (other,) = [node for node in module.graph.nodes if node.name == "z"]
    assert other.inputs[1].name == "w"


def test_several_heads_on_one_map() -> None:
    text = """(T[N,2,8,8] x) => (T[] y, T[] z) {
        f = Flatten(x)  y = MatMul(f, w)  z = Gemm<transB = 1>(f, u, b) }"""
    graph = Graph(text, {"w": (FEATURES, 5), "u": (3, FEATURES), "b": (3,)})
    module = check_compiled(graph)
    assert sorted(outline_of(module).split()) == ["Flatten", "Gemm", "MatMul", "ToJpeg"]


@pytest.mark.parametrize("axis", [0, 2, 3, 4, -1])
def test_declines_other_axes(axis: int) -> None:
    graph = Graph(f"{SIGNATURE} {{ y = Flatten<axis = {axis}>(x) }}", opset=13)
    reason = "flatten-other-axes"
    assert declines(graph, "lower-flatten") == {"y": reason}


def test_negative_axis() -> None:
    check_compiled(
        PRODUCT.with_text("Flatten(x)", "Flatten<axis = -3>(x)"), "ToJpeg Flatten MatMul"
    )


def test_declines_outputs() -> None:
    graph = PRODUCT.with_text("(T[] y)", "(T[] y, T[] f)")
    assert declines(graph, "lower-flatten") == {"f": "flatten-is-output"}
    check_compiled(graph)


@pytest.mark.parametrize(
    ("text", "reader"),
    [
        ("y = Relu(f)", "Relu 'y'"),
        ("g = MatMul(f, w)  y = Softmax(f)", "Softmax 'y'"),
        ("y = MatMul(v, f)", "MatMul 'y'"),
        ("t = Transpose<perm = [1, 0]>(f)  y = MatMul(f, t)", "Transpose 't'"),
        ("y = Gemm<transA = 1>(f, s)", "Gemm 'y'"),
        ("y = Gemm(f, q, f)", "Gemm 'y'"),
        ("y = MatMul(f, f)", "MatMul 'y'"),
    ],
)
def test_declines_other_readers(text: str, reader: str) -> None:
    graph = Graph(
        f"(T[128,2,8,8] x) => (T[] y) {{ f = Flatten(x)  {text} }}",
        {"w": (FEATURES, 5), "v": (5, FEATURES), "s": (128, 2), "q": (FEATURES, FEATURES)},
    )
    reasons = declines(graph, "lower-flatten")
    assert reasons == {"f": "flatten-reader-unsupported"}


def test_declines_computed_weights() -> None:
    text = "(T[N,2,8,8] x, T[128,5] w) => (T[] y) { f = Flatten(x)  y = MatMul(f, w) }"
    reason = "flatten-reader-unsupported"
    assert declines(Graph(text), "lower-flatten") == {"f": reason}
    check_compiled(Graph(text))


def test_declines_unknown_shapes() -> None:
    text = "(T[N,2,8,8] x, int64[4] shape) => (T[] y) { map = Reshape(x, shape)  y = Flatten(map) }"
    reasons = declines(Graph(text), "lower-flatten")
    assert reasons == {"y": "map-shape-unknown"}


def test_vectors_that_are_the_bias_as_well() -> None:
    text = f"{SIGNATURE} {{ f = Flatten(x)  y = Gemm(f, w, f) }}"
    check_compiled(Graph(text, {"w": (FEATURES, FEATURES)}))
