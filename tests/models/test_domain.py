"""--domain auto: feature maps are spatial, and the image itself is read as coefficients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.coefficient_models import check_coefficients
from support.commands import few_images, refuses, run_json, run_text
from support.graphs import (
    TENSOR,
    Graph,
    assert_same,
    evaluate,
    feeds_of,
    outline_of,
    run_float32,
)

import jpegcompile
from jpegcompile.backends.emit import emit
from jpegcompile.digits import model_path, preprocess_path
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.module import DomainChoice, Module
from jpegcompile.lowering import lower
from jpegcompile.metadata import read_metadata
from jpegcompile.target.registry import TARGETS

PADDED = "Conv<pads = [1, 1, 1, 1]>"
# Maps of 24, 12 and 6 pixels a side.
NETWORK = Graph(
    f"""(T[N,3,24,24] x) => (T[] y) {{
        c1 = {PADDED}(x, w1, b1)  r1 = Relu(c1)
        p1 = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(r1)
        c2 = {PADDED}(p1, w2)  a2 = Add(c2, p1)  r2 = PRelu(a2, s)
        g2 = GlobalAveragePool(r2)  v2 = Sigmoid(g2)  m2 = Mul(r2, v2)  e2 = Sigmoid(m2)
        p3 = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(e2)
        c3 = Conv(p3, w3)  r3 = Clip(c3, low, high)
        u3 = Resize<mode = "linear">(r3, , scales)
        g = GlobalAveragePool(u3)  f = Flatten(g)  y = Gemm<transB = 1>(f, w4) }}""",
    {
        "w1": (16, 3, 3, 3),
        "b1": (16,),
        "w2": (16, 16, 3, 3),
        "s": (16, 1, 1),
        "w3": (5, 16, 1, 1),
        "low": np.asarray(-0.125),
        "high": np.asarray(0.75),
        "scales": np.asarray([1, 1, 2, 2], np.float32),
        "w4": (6, 5),
    },
)
OUTLINE = (
    "SpatialConvRelu SpatialMaxPool SpatialConvAddPRelu SpatialGlobalAveragePool Sigmoid JpegScale"
    " Sigmoid AveragePool SpatialConvClip Resize SpatialGlobalAveragePool Flatten Gemm"
)


def lowered_auto(graph: Graph, dtype: str = "double", target: str = "ort") -> Module:
    return lower(
        load_source(graph.model(dtype)), replace(TENSOR, target=TARGETS[target], domain="auto")
    )


def test_a_tensor_is_not_cast() -> None:
    model = NETWORK.model()
    feeds = feeds_of(model)
    wanted = evaluate(model, feeds)
    module = lowered_auto(NETWORK)
    assert outline_of(module) == OUTLINE
    assert module.report.casts == 0
    assert_same(evaluate(emit(module), feeds), wanted)
    for target in ("ort", "onnx"):
        assert_same(run_float32(emit(lowered_auto(NETWORK, "float", target)), feeds), wanted)
    plain = outline_of(lowered_auto(NETWORK, target="onnx")).split()
    assert sorted(plain) == sorted(node.op_type for node in model.graph.node)


def test_coefficients_become_pixels_at_once() -> None:
    faulty = [NETWORK.perturbed(name, 1e-4) for name in ("w1", "w4")]
    module = check_coefficients(NETWORK, *faulty, domain="auto")
    assert outline_of(module) == f"JpegIngest ToSpatial {OUTLINE}"
    assert (module.blocks[str(module.ingest_output)], module.report.casts) == (8, 1)


def test_the_report() -> None:
    module = lowered_auto(NETWORK)
    assert not module.report.kept
    assert not module.report.notes
    assert len(module.report.lowered) == len(module.report.order) - 1
    assert {node.output_block for node in module.report.nodes} == {1, None}
    assert {node.transform_multiply_adds for node in module.report.nodes} == {0}
    stem = module.report.node("c1")
    assert stem.multiply_adds == 24 * 24 * 16 * 27
    assert module.report.to_json()["domain"] == "auto"


def test_exact_frequencies_are_allowed(tmp_path: Path) -> None:
    plan: dict[str, Any] = {"frequencies": 15, "truncate": 15, "relu": "apx"}
    model = NETWORK.model("float")
    given = jpegcompile.compile(model, input="tensor", domain="auto", **plan)
    plain = jpegcompile.compile(model, input="tensor", domain="auto")
    assert given.model.SerializeToString() == plain.model.SerializeToString()


def test_the_record() -> None:
    domains: tuple[DomainChoice, ...] = ("jpeg", "auto")
    for domain in domains:
        compiled = jpegcompile.compile(NETWORK.model("float"), input="tensor", domain=domain)
        info = read_metadata(compiled.model, "model")
        assert info is not None
        assert info.domain == domain
        assert {block for block, _ in info.tensors.values()} == (
            {1} if domain == "auto" else {1, 2, 4, 8}
        )


def test_discontinuous_operators_need_no_care() -> None:
    graph = Graph("(T[N,3,16,16] x) => (T[] y) { r = Relu(x)  s = Sqrt(r)  y = Relu(s) }")
    assert outline_of(lowered_auto(graph)) == "Relu Sqrt Relu"


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, path = tmp_path / "images", tmp_path / "compiled.onnx"
    images.mkdir()
    few_images(images)
    options = ("--preprocess", preprocess_path(), "--domain", "auto")
    text = run_text(capsys, "compile", model_path(), "-o", path, *options)
    assert "nodes in the spatial domain, which is faster, 0 casts" in text
    for model, more in ((path, ()), (model_path(), ("--domain", "auto"))):
        text = run_text(capsys, "inspect", model, *more)
        assert "nodes in the spatial domain, which is faster, 0 casts" in text
        # Under the heading, in the column of domains.
        assert text.count("spatial by choice ") > 10
        assert "jpeg b=" not in text
    assert "domain auto" in run_text(capsys, "inspect", path)
    assert run_json(capsys, "inspect", path)["compiled"]["domain"] == "auto"
    text = run_text(capsys, "verify", model_path(), path, "--images", images)
    assert text.endswith("the same answers on 40 inputs\n")
    made = {node.op_type for node in onnx.load(path).graph.node}
    assert made >= {"JpegIngestSpatialConvRelu", "SpatialConvRelu"}


@pytest.mark.parametrize(
    "options",
    [
        ("--frequencies", "6"),
        ("--truncate", "6"),
        ("--frequencies", "auto", "--max-drop", "1", "--images", "nowhere"),
    ],
)
def test_few_frequencies_are_refused(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("compile", model_path(), "-o", tmp_path / "c.onnx", "--preprocess", "unit")
    refuses(capsys, 2, "frequencies-in-spatial-domain", *command, "--domain", "auto", *options)
    assert not (tmp_path / "c.onnx").exists()
