"""Float16 networks are computed in float32; inputs, outputs and stored weights stay float16."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
from onnx import TensorProto, checker, helper, parser
from support.graphs import (
    Graph,
    apply,
    check_untouched,
    feeds_of,
    lowered_model,
    module_before,
    outline_of,
    run_float32,
)
from support.half_precision import distance

from jpegcompile.frontend.load import load_source
from jpegcompile.ir.decline import map_problem
from jpegcompile.ir.module import CompileOptions, Module
from jpegcompile.lowering import lower
from jpegcompile.preprocessing.reading import preprocess_of

HALF = 1e-3
PLAIN = Graph(
    """(T[N,3,16,16] x) => (T[] y) {
        c = Conv<pads = [1, 1, 1, 1]>(x, w, b)  r = Relu(c)  y = Conv(r, v) }""",
    {"w": (8, 3, 3, 3), "b": (8,), "v": (4, 8, 1, 1)},
)
# A float32 normalization between float16 convolutions.
MIXED = Graph(
    """(T[N,3,16,16] x) => (float[N,4,16,16] y) {
        c = Conv<pads = [1, 1, 1, 1]>(x, w)  wide = Cast<to = 1>(c)
        n = BatchNormalization(wide, s, t, m, v)  half = Cast<to = 10>(n)
        r = Relu(half)  d = Conv<pads = [1, 1, 1, 1]>(r, u)  y = Cast<to = 1>(d) }""",
    {
        "w": (8, 3, 3, 3),
        "u": (4, 8, 3, 3),
        **{name: np.linspace(0.5, 1.5, 8).astype(np.float32) for name in "stmv"},
    },
)
# SiLU whose exponential is in float32.
INNER = Graph(
    """(T[N,3,16,16] x) => (T[] y) {
        c = Conv(x, w)  e = Cast<to = 1>(c)  g = Sigmoid(e)  h = Cast<to = 10>(g)
        m = Mul(c, h)  y = Conv(m, v) }""",
    {"w": (8, 3, 1, 1), "v": (4, 8, 1, 1)},
)


def halves(module: Module) -> set[str]:
    return {n for n, t in module.graph.tensors().items() if t.dtype == np.float16}


def check_compiled_half(model: onnx.ModelProto) -> Module:
    """Compile and compare with the source, by function bodies and by kernels."""
    module, compiled = lowered_model(model)
    checker.check_model(compiled, full_check=True)
    feeds = feeds_of(model)
    expected = run_float32(model, feeds)
    for native in (False, True):
        actual = run_float32(compiled, feeds, native)
        assert [a.dtype for a in actual] == [e.dtype for e in expected]
        assert distance(actual, expected) < HALF
    return module


def test_the_ends_stay_float16() -> None:
    module = module_before(PLAIN, "widen-half", dtype="float16")
    assert apply(module, "widen-half")
    assert outline_of(module) == "Cast Conv Relu Conv Cast"
    assert halves(module) == {"x", "y"}
    assert set(module.half_constants) == {"w.float32", "b.float32", "v.float32"}
    assert not check_compiled_half(PLAIN.model("float16")).report.kept


def test_files_take_the_place_of_the_image() -> None:
    options = CompileOptions(preprocess=preprocess_of("unit"), subsampling="4:2:0")
    module = module_before(PLAIN, "widen-half", options, "float16")
    assert apply(module, "widen-half")
    assert outline_of(module) == "Conv Relu Conv Cast"
    assert halves(module) == {"y"}


@pytest.mark.parametrize("dtype", ["float", "double"])
def test_other_precisions_are_left_alone(dtype: str) -> None:
    module = module_before(PLAIN, "widen-half", dtype=dtype)
    assert check_untouched(module, "widen-half") == {}
    assert check_untouched(module_before(PLAIN, "store-half", dtype=dtype), "store-half") == {}


@pytest.mark.parametrize("graph", [MIXED, INNER])
def test_casts_within_are_dropped(graph: Graph) -> None:
    module = module_before(graph, "widen-half", dtype="float16")
    assert apply(module, "widen-half")
    inner = outline_of(module).removeprefix("Cast ").removesuffix(" Cast")
    assert "Cast" not in inner
    module = check_compiled_half(graph.model("float16"))
    assert not module.report.kept
    assert module.report.casts == 2


def test_weights_are_stored_as_they_were() -> None:
    model = PLAIN.model("float16")
    module = lower(load_source(model), CompileOptions(input_mode="tensor", image_input="x"))
    stored = {t.name: t for t in module.graph.tensors().values() if isinstance(t, gs.Constant)}
    source = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    assert stored["w"].dtype == np.float16
    np.testing.assert_array_equal(stored["w"].values, source["w"])
    # A few numbers are not worth an additional node.
    assert stored["v.float32"].dtype == np.float32
    np.testing.assert_array_equal(stored["v.float32"].values, source["v"])


def test_a_map_that_is_an_output_too() -> None:
    text = PLAIN.text.replace("(T[] y)", "(T[] y, T[] r)")
    module = check_compiled_half(Graph(text, PLAIN.weights).model("float16"))
    assert not module.report.kept


def test_operators_with_a_type_of_their_own_stay() -> None:
    """Their outputs are float16, and are cast to float32 for other nodes."""
    text = """(T[N,3,16,16] x) => (T[] y) {
        s = Shape(x)  z = ConstantOfShape(s)  p = Add(x, z)  y = Relu(p) }"""
    model = Graph(text).model("float16")
    value = onnx.numpy_helper.from_array(np.array([2], np.float16))
    model.graph.node[1].attribute.append(helper.make_attribute("value", value))
    check_compiled_half(model)


def test_a_branch_reads_float16_from_around_it() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float16[N,3,16,16] x, bool flag) => (float16[N,3,16,16] y) {
            r = Relu(x)
            b = If (flag) <
                then_branch = a () => (float16[N,3,16,16] p) { p = Exp(r) },
                else_branch = e () => (float16[N,3,16,16] q) { q = Abs(r) }>
            y = Relu(b) }"""
    model = parser.parse_model(text)
    for node in model.graph.node:
        node.name = node.output[0]
    module, compiled = lowered_model(model)
    checker.check_model(compiled, full_check=True)
    feeds = feeds_of(model)
    for flag in (False, True):
        given = {**feeds, "flag": np.array(flag)}
        assert distance(run_float32(compiled, given), run_float32(model, given)) < HALF
    assert {"b", "r.float16"} <= halves(module)
    branch = next(node for node in module.graph.nodes if node.op == "If")
    problem = map_problem(branch, module, branch.outputs[0])
    assert problem is not None
    assert problem.reason.code == "map-is-float16"
    assert "'b'" in problem.reason


def test_folded_normalizations_stay_float32() -> None:
    """Rounding the weights again would add an error that the source does not have."""
    text = "(T[N,3,16,16] x) => (T[] y) { c = Conv(x, w)  y = BatchNormalization(c, s, t, m, v) }"
    names = {name: np.linspace(0.5, 1.5, 8) for name in "stmv"}
    module, compiled = lowered_model(Graph(text, {"w": (8, 3, 3, 3), **names}).model("float16"))
    folded = [t for t in compiled.graph.initializer if t.name.endswith(".folded")]
    assert [t.data_type for t in folded] == [TensorProto.FLOAT]
    assert not module.report.kept
