"""Compiled models and mixed graphs go through the compiler again, and change nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from support.commands import run_text
from support.exports import export
from support.families import FAMILIES, Family
from support.graphs import (
    TENSOR,
    Graph,
    assert_differs,
    assert_same,
    evaluate,
    feeds_of,
    lowered,
    run_float32,
    statistics,
)
from support.half_precision import halved
from support.images import make_jpeg
from support.raising import compiled_like
from support.refusals import refused_model
from support.tiers import thorough
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.backends.emit import emit
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import FrequencyPlan, NodeFrequencies
from jpegcompile.frontend.load import load_source, load_standard
from jpegcompile.interface import DOMAIN
from jpegcompile.lowering import lower
from jpegcompile.report import Report
from jpegcompile.target.registry import TARGETS

# Every kind of node: convolutions fused and not, a standard Add and Concat between maps, a function
# of several nodes, normalizations, pools, a broadcast map and a flattened one.
NETWORK = Graph(
    """(T[N,3,16,16] x) => (T[] y, T[] z) {
        c = Conv<pads = [1, 1, 1, 1]>(x, w)  b = BatchNormalization(c, s, t, m, v)
        r = Relu(b)  d = Conv<pads = [1, 1, 1, 1]>(r, u)  a = Add(d, r)  q = Clip(a, low, high)
        e = Sigmoid(q)  f = Mul(e, q)  g = Concat<axis = 1>(f, q)
        p = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(g)
        n = BatchNormalization(p, s2, t2, m2, v2)  k = LeakyRelu<alpha = 0.25>(n)
        o = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(k)
        h = Flatten(o)  y = Gemm<transB = 1>(h, l)  z = GlobalAveragePool(k) }""",
    {
        "w": (8, 3, 3, 3),
        "u": (8, 8, 3, 3),
        "l": (5, 256),
        "low": np.asarray(-0.5),
        "high": np.asarray(1.5),
        **statistics(8),
        **{f"{name}2": values for name, values in statistics(16).items()},
    },
)
PHOTO = make_jpeg(40, 50)
RESIZED = {"mean": [0.5], "std": [0.25], "resize": 20, "crop": [16, 16]}
FIVE = {"mean": [0.5], "std": [0.25], "resize": 20, "views": "five"}


def record(model: onnx.ModelProto) -> dict[str, Any]:
    text = next(p.value for p in model.metadata_props if p.key == DOMAIN)
    return dict(json.loads(text))


def codes(report: Report) -> set[str]:
    return {getattr(note, "code", "") for note in report.notes}


@pytest.mark.parametrize("target", ["ort", "onnx"])
@pytest.mark.parametrize("domain", ["jpeg", "auto"])
def test_raised_model_in_float64(target: str, domain: Any) -> None:
    model = NETWORK.model()
    options = replace(TENSOR, target=lowered(NETWORK, target=target).options.target, domain=domain)
    emitted = emit(lower(load_source(model), options))
    if not options.target.keeps_operators:
        compiled = jpegcompile.compile(
            NETWORK.model("float"), input="tensor", target=target, domain=domain
        )
        emitted.metadata_props.extend(compiled.model.metadata_props)
    spatial = jpegcompile.to_spatial(emitted)
    feeds = feeds_of(model)
    assert not [n for n in spatial.graph.node if n.domain or n.op_type == "MatMul"]
    assert_same(evaluate(spatial, feeds), evaluate(model, feeds))
    faulty = NETWORK.perturbed("l", 1e-3).model()
    assert_differs(evaluate(spatial, feeds), evaluate(faulty, feeds))


@pytest.mark.parametrize(
    "options",
    [
        {"preprocess": "unit"},
        {"preprocess": "unit", "frequencies": 6, "truncate": 9},
        {"input": "tensor", "target": "onnx"},
        *(
            pytest.param(options, marks=thorough)
            for options in (
                {"input": "tensor"},
                {"preprocess": "unit", "input": "jpeg", "subsampling": "4:4:4"},
                {"preprocess": "unit", "domain": "auto"},
                {"preprocess": "unit", "lean": True},
                {"preprocess": "unit", "frequencies": 9, "relu": "apx"},
                {"preprocess": RESIZED},
                {"preprocess": RESIZED, "input": "jpeg"},
                {"preprocess": RESIZED, "decoder": "libjpeg-turbo"},
                {"preprocess": FIVE, "input": "jpeg"},
                {"preprocess": FIVE, "decoder": "libjpeg-turbo"},
            )
        ),
    ],
    ids=str,
)
def test_compiling_again_changes_nothing(options: dict[str, Any]) -> None:
    first = jpegcompile.compile(NETWORK.model("float"), **options)
    chosen = {k: v for k, v in options.items() if k in ("input", "target", "domain", "lean")}
    again = jpegcompile.compile(first.model, **chosen)
    assert compiled_like(again.model, first.model)
    old, new = record(first.model), record(again.model)
    for name in set(old) - {"report", "source_sha256", "tensors"}:
        assert new[name] == old[name], name
    assert "own-operators-raised" in codes(again.report)
    assert ("preprocessing-from-model" in codes(again.report)) == ("preprocess" in options)
    assert ("frequencies-from-model" in codes(again.report)) == ("frequencies" in options)
    (image,) = jpegcompile.to_spatial(first.model).graph.input
    assert image.name == "x"


UNBATCHED = Graph(
    """(T[3,16,16] x) => (T[] y) {
        i = Constant<value = int64[1] {0}>()  a = Unsqueeze(x, i)
        c = Conv<pads = [1, 1, 1, 1]>(a, w)  r = Relu(c)  y = GlobalAveragePool(r) }""",
    {"w": (4, 3, 3, 3)},
)
TWO_INPUTS = Graph(
    """(T[N,3,16,16] x, T[N,4,1,1] g) => (T[] y) {
        c = Conv<pads = [1, 1, 1, 1]>(x, w)  r = Relu(c)  s = Mul(r, g)
        y = GlobalAveragePool(s) }""",
    {"w": (4, 3, 3, 3)},
)


@pytest.mark.parametrize("graph", [UNBATCHED, TWO_INPUTS], ids=["unbatched", "two inputs"])
@pytest.mark.parametrize("preprocess", [None, "unit"])
def test_inputs_keep_their_shapes(graph: Graph, preprocess: str | None) -> None:
    source, mode = graph.model("float"), "coefficients" if preprocess else "tensor"
    options: dict[str, Any] = {"input": mode, "preprocess": preprocess, "image_input": "x"}
    first = jpegcompile.compile(source, **options).model
    spatial = jpegcompile.to_spatial(first)
    assert [i.name for i in spatial.graph.input] == [i.name for i in source.graph.input]
    feeds = feeds_of(source)
    assert_same(run_float32(spatial, feeds), run_float32(source, feeds))
    assert compiled_like(jpegcompile.compile(first, input=mode).model, first)  # type: ignore[arg-type]


def test_weights_stay_in_float16() -> None:
    first = jpegcompile.compile(halved(tiny_residual()), input="tensor").model
    again = jpegcompile.compile(first, input="tensor").model
    assert compiled_like(again, first)
    assert again.ByteSize() < 1.1 * first.ByteSize()


@thorough
def test_recompiled_files_give_the_same_outputs(tmp_path: Path) -> None:
    path, again = tmp_path / "first.onnx", tmp_path / "again.onnx"
    jpegcompile.compile(NETWORK.model("float"), preprocess=RESIZED).save(path)
    jpegcompile.compile(path, input="jpeg").save(again)
    outputs = [jpegcompile.load(p).run([PHOTO]) for p in (path, again)]
    for got, wanted in zip(*outputs, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-4)


def test_other_options_replace_those_of_the_model() -> None:
    first = jpegcompile.compile(NETWORK.model("float"), preprocess="unit", frequencies=6).model
    exact = jpegcompile.compile(first, frequencies=15)
    assert exact.report.is_exact
    spatial = jpegcompile.compile(first, domain="auto")
    assert "frequencies-of-model-unused" in codes(spatial.report)
    assert record(spatial.model)["frequencies"] is None
    other = jpegcompile.compile(first, preprocess="cifar10", subsampling="4:4:4", truncate=8)
    assert record(other.model)["frequencies"]["frequencies"] == 15
    assert record(other.model)["preprocess"] != record(first)["preprocess"]


def test_the_command_keeps_the_frequencies_of_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, again, saved = (tmp_path / name for name in ("first.onnx", "again.onnx", "plan.json"))
    graph = Graph("(T[N,3,16,16] x) => (T[] y) { r = Relu(x)  y = GlobalAveragePool(r) }", {})
    compiled = jpegcompile.compile(graph.model("float"), input="tensor", frequencies=6, truncate=9)
    compiled.save(first)
    options = ("-o", again, "--input", "tensor", "--save-frequencies", saved)
    text = run_text(capsys, "compile", first, *options)
    assert "are those of the compiled model" in text
    assert compiled_like(onnx.load(again), compiled.model)
    kept = json.loads(saved.read_text())
    assert (kept["relu"], kept["frequencies"], kept["truncate"]) == ("asm", 6, 9)
    run_text(capsys, "compile", first, *options, "--frequencies", 15)
    assert record(onnx.load(again))["frequencies"] is None
    assert json.loads(saved.read_text())["frequencies"] == 15


@thorough
def test_the_resolution_may_change_again(tmp_path: Path) -> None:
    resized = jpegcompile.compile(tiny_residual(), preprocess="unit", resolution=(24, 24))
    back = jpegcompile.compile(resized.model, resolution=(32, 32))
    assert record(resized.model)["trained_size"] == [32, 32]
    assert record(back.model)["trained_size"] is None
    assert "runs at 32x32, as it was trained" in back.report.notes
    once, twice = tmp_path / "once.onnx", tmp_path / "twice.onnx"
    resized.save(once)
    for size, trained in ((40, [32, 32]), (32, None)):
        made = jpegcompile.compile(once, preprocess="unit", resolution=(size, size))
        made.save(twice)
        assert record(made.model)["trained_size"] == trained
        (tmp_path / "a.jpg").write_bytes(make_jpeg(size, size))
        assert jpegcompile.verify(once, twice, tmp_path).passed


def test_the_decoder_of_the_model_must_be_in_the_target() -> None:
    first = jpegcompile.compile(NETWORK.model("float"), preprocess=RESIZED, decoder="libjpeg-turbo")
    message = refused_model(
        "decoder-needs-kernels", UsageError, first.model, input="coefficients", target="onnx"
    )
    assert "libjpeg-turbo" in message


def test_a_plan_of_nodes_without_metadata() -> None:
    """Masks and truncations are read from nodes, where metadata do not describe them."""
    plan = FrequencyPlan("asm", nodes={"r": NodeFrequencies(8, 5), "p": NodeFrequencies(4)})
    first = jpegcompile.compile(NETWORK.model("float"), input="tensor", frequencies=plan)
    del first.model.metadata_props[:]
    source = load_source(first.model)
    assert source.raised is not None
    assert source.raised.plan is not None
    assert dict(source.raised.plan.nodes) == dict(plan.nodes)
    again = jpegcompile.compile(first.model, input="tensor")
    assert compiled_like(again.model, first.model)


def test_a_mixed_graph() -> None:
    """Own nodes between standard ones, in a model that jpegcompile did not write."""
    module = lowered(NETWORK)
    model = emit(module)
    del model.functions[:]
    own = next(i for i, n in enumerate(model.graph.node) if "BatchNorm" in n.op_type)
    made = model.graph.node[own].output[0]
    model.graph.node.insert(own + 1, helper.make_node("Neg", [made], ["negative"], "negated"))
    model.graph.node[own + 2].input[0] = "negative"
    # Squares of coefficients are no function of pixels, so they stay squares of coefficients.
    squares = helper.make_node("Mul", ["negative", "negative"], ["squares"], "squared")
    model.graph.node.insert(own + 2, squares)
    model.graph.output.append(
        helper.make_tensor_value_info("squares", onnx.TensorProto.DOUBLE, ["N", 16, 8, 8])
    )
    spatial = load_standard(model).model
    feeds = feeds_of(model)
    whole = emit(module)
    for node in list(model.graph.node):
        assert node.name
    whole.graph.CopyFrom(model.graph)
    assert_same(evaluate(spatial, feeds), evaluate(whole, feeds))
    assert [n.op_type for n in spatial.graph.node].count("MatMul") == 2


@thorough
def test_verify_inspect_and_compare_accept_them(tmp_path: Path) -> None:
    path, again = tmp_path / "first.onnx", tmp_path / "again.onnx"
    jpegcompile.compile(tiny_residual(), preprocess="unit").save(path)
    jpegcompile.compile(path, resolution=(24, 24)).save(again)
    folder = tmp_path / "images" / "0"
    folder.mkdir(parents=True)
    for index in range(2):
        (folder / f"{index}.jpg").write_bytes(make_jpeg(24, 24, quality=80 + index))
    assert jpegcompile.verify(path, again, folder).passed
    assert jpegcompile.compare(path, again, folder.parent).images == 2
    quick: dict[str, Any] = {"rounds": 1, "batches": (1,), "threads": (1,)}
    assert jpegcompile.bench(path, again, images=folder, **quick).checks[0].passed
    mixed = onnx.load(path)
    del mixed.metadata_props[:]
    tensor = jpegcompile.compile(tiny_residual(), input="tensor").model
    del tensor.metadata_props[:]
    inspection = jpegcompile.inspect(tensor, input="tensor")
    assert inspection.compiled is None
    assert not inspection.report.kept


def test_external_weights(tmp_path: Path) -> None:
    path = tmp_path / "first.onnx"
    model = NETWORK.model("float")
    jpegcompile.compile(model, input="tensor").save(path, external_data=True)
    feeds = feeds_of(model)
    spatial = jpegcompile.to_spatial(path)
    assert_same(run_float32(spatial, feeds), run_float32(model, feeds))


@thorough
@pytest.mark.parametrize("target", ["ort", "onnx"])
@pytest.mark.parametrize(
    "family", [f for f in FAMILIES if not f.is_deep], ids=lambda family: family.name
)
def test_families(family: Family, target: str, tmp_path: Path) -> None:
    path = export(family.build(), family.size, tmp_path / "source.onnx", "torchscript")
    source = onnx.load(path)
    first = jpegcompile.compile(source, input="tensor", target=target).model
    spatial = jpegcompile.to_spatial(first)
    feeds = feeds_of(source)
    for got, wanted in zip(run_float32(spatial, feeds), run_float32(source, feeds), strict=True):
        assert np.abs(got - wanted).max() <= family.allowed * np.abs(wanted).max()
    if TARGETS[target].keeps_operators:
        again = jpegcompile.compile(first, input="tensor").model
        assert compiled_like(again, first)


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("akamaster_resnet20_option_a", marks=thorough),
        pytest.param("homework_resnet20_nhwc", marks=thorough),
        pytest.param("mnistlab_resnet_28x28_gray", marks=thorough),
        pytest.param("onnc_resnet20_bn", marks=thorough),
        pytest.param("sclbl_resnet20_opset7", marks=thorough),
        "vnncomp_resnet_2b",
    ],
)
def test_third_party(name: str, shared: Path) -> None:
    path = shared / "models" / f"{name}.onnx"
    source = load_source(path).model
    for options in ({"preprocess": "none"}, {"input": "tensor", "target": "onnx"}):
        first = jpegcompile.compile(path, **options).model  # type: ignore[arg-type]
        feeds = feeds_of(source)
        spatial = jpegcompile.to_spatial(first)
        for got, wanted in zip(
            run_float32(spatial, feeds), run_float32(source, feeds), strict=True
        ):
            assert np.abs(got - wanted).max() <= 1e-5 * np.abs(wanted).max()
        target = str(options.get("target", "ort"))
        mode: Any = options.get("input", "coefficients")
        again = jpegcompile.compile(first, input=mode, target=target).model
        assert not TARGETS[target].keeps_operators or compiled_like(again, first)
