"""All passes together: opsets, outputs, small networks and their reports."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from support.graphs import (
    TENSOR,
    Graph,
    apply,
    assert_same,
    check_compiled,
    check_fault,
    evaluate,
    feeds_of,
    kept_reasons,
    lowered,
    outline_of,
    run_float32,
    snapshot,
    statistics,
)
from support.tiers import quick_of

from jpegcompile import passes
from jpegcompile.backends.emit import emit
from jpegcompile.frontend.load import load_source, newest_opset
from jpegcompile.ir.graph import all_names, value_of
from jpegcompile.lowering import lower
from jpegcompile.pipeline import pipeline_for
from jpegcompile.target.ort import ORT

# These operators have the same form in all opsets from 7.
NETWORK = """(T[N,3,32,32] x) => (T[] y) {
    c1 = Conv<pads = [1, 1, 1, 1]>(x, w1)  b1 = BatchNormalization(c1, s, t, m, v)  r1 = Relu(b1)
    p1 = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(r1)
    c2 = Conv<pads = [1, 1, 1, 1]>(p1, w2, d)  a2 = Add(c2, p1)  r2 = Relu(a2)
    b3 = BatchNormalization(r2, s, t, m, v)
    p3 = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(b3)
    c3 = Conv<strides = [2, 2]>(p3, w3)  k3 = Concat<axis = 1>(c3, c3)  r3 = Relu(k3)
    e3 = Dropout(r3)  g = GlobalAveragePool(e3)  f = Flatten(g)
    y = Gemm<transB = 1>(f, w4, e) }"""
WEIGHTS = {
    "w1": (4, 3, 3, 3),
    "w2": (4, 4, 3, 3),
    "d": (4,),
    "w3": (5, 4, 1, 1),
    "w4": (6, 10),
    "e": (6,),
    **statistics(4),
}
OUTLINE = (
    "ToJpeg JpegConvRelu JpegMaxPool JpegConvAddRelu JpegBatchNormalization JpegAveragePool"
    " JpegConv Concat JpegRelu JpegGlobalAveragePool Flatten Gemm"
)
OPSETS = sorted({7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, newest_opset()})


@pytest.mark.parametrize("opset", quick_of(OPSETS, quick=6))
def test_opsets(opset: int) -> None:
    module = check_compiled(Graph(NETWORK, WEIGHTS, opset), OUTLINE)
    assert kept_reasons(module) == {}
    assert module.report.casts == 1


@pytest.mark.parametrize("opset", [7, 22])
def test_faults_are_seen(opset: int) -> None:
    graph = Graph(NETWORK, WEIGHTS, opset)
    check_fault(graph, *(graph.perturbed(name, 1e-5) for name in WEIGHTS))


def test_emitted_files_are_of_the_source_opset() -> None:
    model = emit(lowered(Graph(NETWORK, WEIGHTS, 12), "float"))
    assert model.ir_version == 10
    assert {o.domain: o.version for o in model.opset_import} == {"": 12, "jpegcompile": 1}
    assert {f.name for f in model.functions} == {n.op_type for n in model.graph.node if n.domain}
    for function in model.functions:
        assert [(o.domain, o.version) for o in function.opset_import] == [("", 12)]


def test_a_second_run_of_every_pass_changes_nothing() -> None:
    module = lowered(Graph(NETWORK, WEIGHTS))
    before = snapshot(module)
    for step in pipeline_for(ORT):
        if step.name not in ("infer-shapes", "resolve-shapes"):
            assert not apply(module, step.name), step.name
    assert snapshot(module) == before


def test_the_source_is_not_changed() -> None:
    model = Graph(NETWORK, WEIGHTS).model()
    before = model.SerializeToString(deterministic=True)
    emit(lower(load_source(model), TENSOR))
    assert model.SerializeToString(deterministic=True) == before


def outputs_of(model: onnx.ModelProto) -> list[tuple[str, int, list[int | str]]]:
    return [
        (
            o.name,
            o.type.tensor_type.elem_type,
            [d.dim_param or d.dim_value for d in o.type.tensor_type.shape.dim],
        )
        for o in model.graph.output
    ]


def test_outputs_that_are_maps() -> None:
    text = """(T[N,3,16,16] x) => (T[] c, T[] r, T[] p, T[] v, T[] y) {
        c = Conv<pads = [1, 1, 1, 1]>(x, w)  r = Relu(c)
        p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(r)
        v = GlobalAveragePool(p)  f = Flatten(v)  y = Softmax(f) }"""
    graph = Graph(text, {"w": (4, 3, 3, 3)})
    module = check_compiled(graph)
    assert outputs_of(emit(module)) == [
        ("c", onnx.TensorProto.DOUBLE, ["N", 4, 16, 16]),
        ("r", onnx.TensorProto.DOUBLE, ["N", 4, 16, 16]),
        ("p", onnx.TensorProto.DOUBLE, ["N", 4, 8, 8]),
        ("v", onnx.TensorProto.DOUBLE, ["N", 4, 1, 1]),
        ("y", onnx.TensorProto.DOUBLE, ["N", 4]),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "y = Conv(x, w)",
        "y = Relu(x)",
        "y = MaxPool<kernel_shape = [2, 2]>(x)",
        "y = GlobalAveragePool(x)",
        "y = Slice(x, one, three, one)",
        "y = Pad(x, pads)",
        "y = Add(x, x)",
        "y = Flatten(x)",
        "y = Exp(x)",
        "y = BatchNormalization(x, s, t, m, v)",
        "y = ReduceMean<axes = [2, 3], keepdims = 0>(x)",
    ],
)
def test_one_operator_between_input_and_output(body: str) -> None:
    weights = {
        "w": (4, 3, 1, 1),
        "one": np.asarray([1]),
        "three": np.asarray([3]),
        "pads": np.asarray([0, 0, 4, 4, 0, 0, 4, 4]),
        **statistics(3),
    }
    text = f"(T[N,3,16,16] x) => (T[] y) {{ {body} }}"
    used = {name: weight for name, weight in weights.items() if re.search(rf"\b{name}\b", body)}
    check_compiled(Graph(text, used))


def test_nodes_that_are_called_after_their_outputs() -> None:
    """Some exporters repeat names; ONNX Runtime rejects two nodes with one name."""
    module = lowered(Graph(NETWORK, WEIGHTS))
    names = [node.name for node in module.graph.nodes]
    assert len(set(names)) == len(names)
    assert names[-1] == "y"


def test_tensors_that_are_called_as_the_passes_would() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { a = Relu(x)  b = Conv(a, w)  y = Relu(b) }"
    model = Graph(text, {"w": (3, 3, 3, 3)}).model()
    for node in model.graph.node:
        for side in (node.input, node.output):
            side[:] = [{"a": "y.jpeg", "b": "x.cast"}.get(name, name) for name in side]
    compiled = emit(lower(load_source(model), TENSOR))
    feeds = feeds_of(model)
    assert_same(evaluate(compiled, feeds), evaluate(model, feeds))


def test_matrices_are_shared() -> None:
    module = lowered(Graph(NETWORK, WEIGHTS), "float")
    names = [n for n, t in module.graph.tensors().items() if value_of(t) is not None]
    transforms = sorted(name for name in names if ".dct." in name or ".idct." in name)
    assert transforms == [
        f"jpegcompile.{kind}.{size}"
        for kind in ("dct", "idct")
        for size in ("16.b8", "32.b8", "4.b4", "8.b8")
    ]
    assert outline_of(module).count("ToJpeg") == 1


def test_batches_of_any_size() -> None:
    compiled = emit(lowered(Graph(NETWORK, WEIGHTS)))
    model = Graph(NETWORK, WEIGHTS).model()
    for batch in (1, 5):
        feeds = feeds_of(model, batch)
        assert_same(evaluate(compiled, feeds), evaluate(model, feeds))


def test_tensors_that_are_called_as_shared_matrices() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { a = Relu(x)  b = Conv(a, w)  y = Relu(b) }"
    model = Graph(text, {"w": (3, 3, 3, 3)}).model()
    taken = {"a": "jpegcompile.dct.16.b8.float64", "w": "jpegcompile.idct.16.b8.float64"}
    for node in model.graph.node:
        for side in (node.input, node.output):
            side[:] = [taken.get(name, name) for name in side]
    model.graph.initializer[0].name = taken["w"]
    compiled = emit(lower(load_source(model), TENSOR))
    feeds = feeds_of(model)
    assert_same(evaluate(compiled, feeds), evaluate(model, feeds))
    again = emit(lower(load_source(model), TENSOR))
    assert compiled.SerializeToString(deterministic=True) == again.SerializeToString(
        deterministic=True
    )


LOCALS = ("x.cast", "jpegcompile.dct.16.b8", "y.shape")


def test_tensors_of_branches_that_are_called_as_the_passes_would() -> None:
    """A branch must not shadow an outer name; ONNX Runtime rejects such models."""
    text = """(T[N,3,16,16] x, bool c) => (T[] y) {
        r = Relu(x)
        i = If(c) <then_branch = one () => (T[N,3,16,16] p) { n = Neg(r)  p = Neg(n) },
                   else_branch = two () => (T[N,3,16,16] q) { m = Neg(r)  q = Abs(m) }>
        y = Relu(i) }"""
    for name in LOCALS:
        model = Graph(text).model("float")
        branch = model.graph.node[1].attribute[0].g
        branch.node[0].output[0] = branch.node[1].input[0] = name
        source = load_source(model)
        module = lower(source, TENSOR)
        assert all_names(module.graph) >= {"x", "y", "p", "m", name}
        feeds = {**feeds_of(model), "c": np.asarray(True)}
        assert_same(run_float32(emit(module), feeds), run_float32(model, feeds))


def test_a_pass_imports_no_pass() -> None:
    """Shared code is in `ir/` or `analysis/`; rules of one pass are in a folder next to it."""
    importing = {
        (f"{file.parent.name}/{file.name}", found.group(1))
        for folder in passes.__path__
        for file in Path(folder).glob("*/*.py")
        for found in re.finditer(r"^from (jpegcompile\.passes\.[\w.]+)", file.read_text(), re.M)
    }
    assert {file for file, _ in importing} == {"legalize/channels_first.py"}
    assert all(name.startswith("jpegcompile.passes.legalize.layout.") for _, name in importing)
