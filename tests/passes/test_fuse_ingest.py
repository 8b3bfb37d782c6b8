"""The ingest and the only convolution that reads its image are fused into one operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from support.coefficient_files import SAMPLINGS, random_file
from support.coefficient_models import NORMALIZE, check_coefficients, compiled, module_options
from support.graphs import (
    Graph,
    apply,
    assert_differs,
    assert_same,
    check_untouched,
    module_before,
    outline_of,
)
from support.images import make_jpeg
from support.tiny_residual import Array, spatial_outputs

import jpegcompile
from jpegcompile.cost.first import FirstLayer, most_vectors
from jpegcompile.interface import CHANNEL_GROUP
from jpegcompile.runtime.cut import begin_at, end_at, expose

NAME = "fuse-ingest"
STEM = "Conv<pads = [3, 3, 3, 3], strides = [2, 2]>"
WEIGHTS = {"w": (32, 3, 7, 7), "b": (32,), "v": (8, 32, 3, 3), "u": (4, 3, 1, 1), "g": (6, 1, 3, 3)}
BODY = f"c = {STEM}(image, w, b)  r = Relu(c)  y = Conv<pads = [1, 1, 1, 1]>(r, v)"


def network(body: str = BODY, size: str = "64,64", channels: int = 3, outputs: str = "y") -> Graph:
    words = set(body.replace("(", " ").replace(",", " ").replace(")", " ").split())
    weights = {name: shape for name, shape in WEIGHTS.items() if name in words}
    if channels == 1:
        weights["w"] = (32, 1, 7, 7)
    made = ", ".join(f"T[] {name}" for name in outputs.split())
    return Graph(f"(T[N,{channels},{size}] image) => ({made}) {{ {body} }}", weights)


def stem_of(graph: Graph, **options: Any) -> Any:
    module = compiled(graph, "float", **options)
    return next(node for node in module.graph.nodes if node.op.startswith("JpegIngest")), module


@pytest.mark.parametrize(
    ("channels", "domain", "op"),
    [
        (3, "jpeg", "JpegIngestConvRelu"),
        (3, "auto", "JpegIngestSpatialConvRelu"),
        (1, "jpeg", "JpegIngestGrayConvRelu"),
        (1, "auto", "JpegIngestGraySpatialConvRelu"),
    ],
)
def test_the_operator_and_its_bound(channels: int, domain: str, op: str) -> None:
    preprocess = NORMALIZE if channels == 3 else "unit"
    node, module = stem_of(network(channels=channels), domain=domain, preprocess=preprocess)
    assert node.op == op
    chroma = (2, 2) if channels == 3 else None
    layer = FirstLayer(64, 64, channels, 32, (7, 7), (2, 2), 32, 32, chroma)
    most = most_vectors(layer)
    assert node.attrs.get("sparse_vectors", 0) == most
    assert node.attrs.get("method") == (None if most else "dense")
    assert module.report.node("c").method == ("sparse or dense" if most else "dense")


@pytest.mark.parametrize(
    ("size", "options"), [("56,56", {}), ("64,64", {"lean": True})], ids=["56x56", "lean"]
)
def test_images_of_broken_blocks_and_lean_models_are_dense(
    size: str, options: dict[str, Any]
) -> None:
    node, module = stem_of(network(size=size), **options)
    assert node.attrs["method"] == "dense"
    assert "sparse_vectors" not in node.attrs
    assert module.report.node("c").method == "dense"


def test_where_tables_are_too_large_the_report_says_dense() -> None:
    for outputs, method in ((256, "sparse or dense"), (288, "dense")):
        text = f"(T[N,3,224,224] image) => (T[] y) {{ y = {STEM}(image, w) }}"
        node, module = stem_of(Graph(text, {"w": (outputs, 3, 7, 7)}))
        assert module.report.node("y").method == method
        assert ("sparse_vectors" in node.attrs) == (method != "dense")


@pytest.mark.parametrize(
    ("graph", "dtype"),
    [
        (network(f"{BODY}  z = Conv(image, u)", outputs="y z"), "float"),
        (network("r = Relu(image)  y = Conv(r, w)"), "float"),
        (network("y = Conv<group = 3>(image, g)"), "float"),
        (
            network(
                "d = Mul(image, image)  m = ReduceMean<axes = [0, 2, 3]>(d)  y = Conv(image, m)"
            ),
            "float",
        ),
        (network(), "double"),
    ],
    ids=["two readers", "no convolution", "groups", "computed weights", "float64"],
)
def test_what_stays_apart(graph: Graph, dtype: str) -> None:
    given = module_options(graph, preprocess=NORMALIZE)
    check_untouched(module_before(graph, NAME, given, dtype), NAME)


def test_without_kernels_it_stays() -> None:
    stem, module = stem_of(network(), target="onnx")
    assert stem.op == "JpegIngest"
    assert outline_of(module).split()[:2] == ["JpegIngest", "JpegConvRelu"]


def test_the_choice_alone() -> None:
    module = module_before(network(), "choose-sparse", module_options(network()), "float")
    assert apply(module, "choose-sparse")
    assert module.graph.nodes[0].attrs["sparse_vectors"] > 0


def test_the_pass_alone() -> None:
    graph = network()
    module = module_before(graph, NAME, module_options(graph), "float")
    casts = module.report.casts
    assert apply(module, NAME)
    assert outline_of(module).split()[0] == "JpegIngestConvRelu"
    assert module.report.casts == casts


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
def test_bodies_hold(subsampling: str) -> None:
    graph = network()
    graph = Graph(graph.text.replace("image", "x"), graph.weights)
    check_coefficients(graph, graph.perturbed("w", 1e-3), subsampling=subsampling)


def files() -> list[bytes]:
    """Files with the model's sampling and few or many coefficients, and with other samplings."""
    return [
        *(make_jpeg(64, 64, subsampling="4:2:0", quality=quality) for quality in (5, 50, 98)),
        make_jpeg(64, 64, subsampling="4:4:4", quality=95),
        make_jpeg(64, 64, "L"),
        make_jpeg(64, 64, keep_rgb=True),
        *(random_file(sampling, 64, 64) for sampling in SAMPLINGS.values()),
    ]


def outputs_of(graph: Graph, images: list[bytes]) -> list[Array]:
    return spatial_outputs(
        graph.model("float"), images, 1 / 255, (0.5, 0.25, 0.125), (0.5, 0.25, 0.75)
    )


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("domain", ["jpeg", "auto"])
def test_sessions_take_every_file(domain: Any, native: bool, tmp_path: Path) -> None:
    graph, images = network(), files()
    jpegcompile.compile(graph.model("float"), preprocess=NORMALIZE, domain=domain).save(
        tmp_path / "compiled.onnx"
    )
    session = jpegcompile.load(tmp_path / "compiled.onnx", native=native)
    stem = session.model.graph.node[0]
    assert stem.op_type in ("JpegIngestConvRelu", "JpegIngestSpatialConvRelu")
    attributes = {a.name: a.i for a in stem.attribute}
    assert attributes["sparse_vectors"] > 0
    assert attributes["y_group"] == CHANNEL_GROUP
    assert_same(session.run(images), outputs_of(graph, images))
    assert_differs(session.run(images), outputs_of(graph.perturbed("w", 1e-2), images))


@pytest.mark.parametrize("domain", ["jpeg", "auto"])
def test_the_parts_give_what_the_whole_gives(domain: Any, tmp_path: Path) -> None:
    """`end_at` and `begin_at` the image, and tensors after the convolution as outputs."""
    graph, images = network(), files()[:3]
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(graph.model("float"), preprocess=NORMALIZE, domain=domain).save(path)
    session = jpegcompile.load(path)
    feeds, image = session.feeds(images), str(session.info.ingest_output)
    first = session_on(end_at(session.model, image)).run(None, feeds)
    rest = session_on(begin_at(session.model, image, session.info.input))
    assert_same(rest.run(None, {image: first[0]}), session.run(images))
    behind = session.model.graph.node[0].output[0]
    exposed = session_on(expose(session.model, [behind])).run([behind], feeds)
    assert exposed[0].shape == (3, 32, 32, 32)
    assert np.abs(exposed[0]).max() > 0


def session_on(model: Any) -> Any:
    options = ort.SessionOptions()
    options.register_custom_ops_library(str(jpegcompile.custom_ops_library()))
    return ort.InferenceSession(model.SerializeToString(), options)


def test_with_another_precision_in_the_network_it_stays() -> None:
    graph = network(f"c = {STEM}(image, w, b)  h = Cast<to = 11>(c)  y = Relu(h)", outputs="y")
    double = graph.with_text("T[] y", "double[] y")
    given = module_options(double, dtype="float", preprocess=NORMALIZE)
    check_untouched(module_before(double, NAME, given, "float"), NAME)


def test_float16_is_no_other_precision() -> None:
    """Float16 networks are computed in float32."""
    graph = network(f"c = {STEM}(image, w, b)  h = Cast<to = 10>(c)  y = Relu(h)", outputs="y")
    half = graph.with_text("T[] y", "float16[] y")
    given = module_options(half, dtype="float", preprocess=NORMALIZE)
    module = module_before(half, NAME, given, "float")
    assert apply(module, NAME)
