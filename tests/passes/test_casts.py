"""Block sizes follow from divisibility, adjacent casts cancel, and kept nodes are reported.

By `assign-blocks`, `lower-cast`, `cancel-casts` and `report-kept`.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs
import pytest
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
    module_before,
    outline_of,
    pass_named,
)

from jpegcompile.backends.emit import emit

RESIDUAL = Graph(
    """(T[N,4,16,16] x) => (T[] y) {
        c1 = Conv<pads = [1, 1, 1, 1]>(x, w1)  r1 = Relu(c1)
        c2 = Conv<pads = [1, 1, 1, 1]>(r1, w2)  a = Add(c2, x)  y = Relu(a) }""",
    {"w1": (4, 4, 3, 3), "w2": (4, 4, 3, 3)},
)


@pytest.mark.parametrize(
    ("height", "width", "block"),
    [
        (16, 16, 8),
        (8, 24, 8),
        (12, 16, 4),
        (14, 16, 2),
        (10, 6, 2),
        (7, 16, 1),
        (1, 1, 1),
        (4, 4, 4),
    ],
)
def test_the_block_size_divides_both_sides(height: int, width: int, block: int) -> None:
    graph = Graph(f"(T[N,3,{height},{width}] x) => (T[] y) {{ y = Relu(x) }}")
    module = module_before(graph, "assign-blocks")
    assert apply(module, "assign-blocks")
    assert module.maps == {"x": block, "y": block}
    assert module.report.order == ["y"]


def test_only_feature_maps_of_known_size_are_assigned() -> None:
    text = """(T[N,3,16,16] x, T[4,3,H,W] z, T[1,3,16,16] v) => (T[] y, T[] f, T[] r, int32[] i) {
        y = Conv(x, w)  f = Flatten(y)  r = Relu(z)  i = Cast<to = 6>(v) }"""
    module = module_before(Graph(text, {"w": (2, 3, 1, 1)}), "lower-input")
    assert module.maps == {"x": 8, "v": 8, "y": 8}


def test_casts_cancel_between_lowered_nodes() -> None:
    module = module_before(RESIDUAL, "cancel-casts")
    before = outline_of(module).split()
    assert (before.count("ToJpeg"), before.count("ToSpatial")) == (6, 5)
    assert apply(module, "cancel-casts")
    assert outline_of(module) == "ToJpeg JpegConv JpegRelu JpegConv Add JpegRelu ToSpatial"
    assert module.report.casts == 2
    feeds = feeds_of(RESIDUAL.model())
    assert_same(evaluate(emit(module), feeds), evaluate(RESIDUAL.model(), feeds))


def test_a_map_with_spatial_readers_is_cast_once_for_them() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, T[] z) {
        r = Relu(x)  e = Sinh(r)  s = Cosh(r)  z = Add(e, s)  y = Relu(r) }"""
    module = check_compiled(Graph(text))
    assert outline_of(module).split().count("ToSpatial") == 3
    assert kept_reasons(module) == {
        "e": "no-jpeg-domain-form",
        "s": "no-jpeg-domain-form",
    }


def test_a_spatial_operator_between_lowered_ones() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { r = Relu(x)  e = Sinh(r)  y = Relu(e) }"
    module = check_compiled(Graph(text), "ToJpeg JpegRelu ToSpatial Sinh ToJpeg JpegRelu ToSpatial")
    assert module.report.casts == 4


def test_nothing_to_cancel() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { r = Sinh(x)  y = Cosh(r) }"
    module = module_before(Graph(text), "cancel-casts")
    assert check_untouched(module, "cancel-casts") == {}
    assert module.report.casts == 0


def test_a_cast_at_block_size_1_is_nothing() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { r = Relu(x)  y = Sinh(r) }"
    module = module_before(Graph(text), "assign-blocks")
    first, second = module.graph.nodes
    ends = gs.Variable("one", dtype=first.outputs[0].dtype, shape=first.outputs[0].shape)
    cast = gs.Node("ToSpatial", "cast", {"block": 1}, [first.outputs[0]], [ends], "jpegcompile")
    second.inputs = [ends]
    module.graph.nodes.insert(1, cast)
    assert apply(module, "cancel-casts")
    assert outline_of(module) == "Relu Sinh"


def test_casts_of_different_block_size_do_not_cancel() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { r = Relu(x)  y = Relu(r) }"
    module = module_before(Graph(text), "lower-relu")
    module.maps["r"] = 4
    pass_named("lower-relu").run(module)
    back, forth = [node for node in module.graph.nodes if node.outputs[0].name in ("r", "r.cast")]
    assert (back.op, forth.op) == ("ToSpatial", "ToJpeg")
    back.attrs["block"] = 8
    assert not pass_named("cancel-casts").run(module)
    assert module.report.casts == 4


def test_reasons_are_given_once_and_the_graph_stays() -> None:
    text = """(T[N,3,16,16] x) => (T[] y, T[] g) {
        e = Sinh(x)  y = Div(e, x)  v = GlobalAveragePool(x)  s = Sigmoid(v)  g = Flatten(s) }"""
    module = module_before(Graph(text), "report-kept")
    reasons = check_untouched(module, "report-kept")
    assert reasons == {
        "e": "no-jpeg-domain-form",
        "y": "product-of-maps",
    }
    assert {node.name for node in module.report.nodes} == {"e", "y", "v", "s", "g"}


def test_a_layout_transpose_is_not_reported() -> None:
    text = "(T[N,16,16,3] x) => (T[] y) { t = Transpose<perm = [0, 3, 1, 2]>(x)  y = Relu(t) }"
    assert kept_reasons(lowered(Graph(text))) == {}
    other = text.replace("[0, 3, 1, 2]", "[0, 3, 2, 1]")
    assert kept_reasons(lowered(Graph(other))) == {"t": "no-jpeg-domain-form"}


def test_sizes_are_read_from_either_domain() -> None:
    text = """(T[N,3,16,16] x) => (int64[4] z, int64 e, T[] y) {
        r = Relu(x)  z = Shape(r)  e = Size(r)  y = Relu(r) }"""
    module = check_compiled(Graph(text))
    assert module.report.casts == 2
    assert kept_reasons(module) == {}
    of_input = check_compiled(Graph(text.replace("Shape(r)", "Shape(x)")))
    assert kept_reasons(of_input) == {}


def test_a_second_name_of_a_map_is_not_reported() -> None:
    text = "(T[N,3,16,16] x) => (T[] y, T[] z) { y = Relu(x)  z = Identity(y) }"
    assert kept_reasons(check_compiled(Graph(text))) == {}


def test_a_layout_transpose_of_an_output_is_not_reported() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { r = Relu(x)  y = Transpose<perm = [0, 2, 3, 1]>(r) }"
    assert kept_reasons(check_compiled(Graph(text))) == {}
    reported = {"y": "no-jpeg-domain-form"}
    other = text.replace("[0, 2, 3, 1]", "[0, 2, 1, 3]")
    assert kept_reasons(check_compiled(Graph(other))) == reported
    body = "(r)  z = DepthToSpace<blocksize = 1>(y) }"
    read = text.replace("T[] y", "T[] y, T[] z").replace("(r) }", body)
    reasons = kept_reasons(check_compiled(Graph(read)))
    assert reasons["y"] == "reader-is-channels-last"
