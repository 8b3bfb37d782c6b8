"""An ingest and a convolution with a truncated output are also fused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from support.coefficient_files import SAMPLINGS, random_file
from support.coefficient_models import NORMALIZE, compiled
from support.graphs import Graph, assert_differs, assert_same, outline_of
from support.images import make_jpeg
from support.tiny_residual import Array, spatial_outputs

import jpegcompile
from jpegcompile.interface import CHANNEL_GROUP
from jpegcompile.metadata import read_metadata
from jpegcompile.runtime.cut import begin_at, end_at, without_groups
from jpegcompile.target.base import CPU_PROVIDERS

KEPT = 6
PADDED = "Conv<pads = [1, 1, 1, 1]>"
ACTIVATIONS = {"Relu": "Relu(c)", "PRelu": "PRelu(c, s)", "Clip": "Clip(c, low, high)"}


def network(activation: str = "Relu", channels: int = 3, behind: str = "Conv(r, p)") -> Graph:
    """A stem whose output a convolution reads, 1x1 or larger."""
    weights: dict[str, Any] = {
        "w": (32, channels, 7, 7),
        "b": (32,),
        "p": (16, 32, 1, 1),
        "v": (16, 32, 3, 3),
        "s": (32, 1, 1),
        "low": np.asarray(-0.25),
        "high": np.asarray(0.75),
    }
    text = f"""(T[N,{channels},64,64] image) => (T[] y) {{
        c = Conv<pads = [3, 3, 3, 3], strides = [2, 2]>(image, w, b)
        r = {ACTIVATIONS[activation]}
        d = {behind}  t = Relu(d)  y = GlobalAveragePool(t) }}"""
    words = set(text.replace("(", " ").replace(",", " ").replace(")", " ").split())
    return Graph(text, {name: weight for name, weight in weights.items() if name in words})


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_operator(activation: str, channels: int) -> None:
    """The fused operator without truncation, with the band as an additional last input."""
    graph, preprocess = network(activation, channels), NORMALIZE if channels == 3 else "unit"
    whole = compiled(graph, "float", preprocess=preprocess).graph.nodes[0]
    module = compiled(graph, "float", preprocess=preprocess, truncate=KEPT)
    stem, name = module.graph.nodes[0], "JpegIngest" if channels == 3 else "JpegIngestGray"
    assert stem.op == f"{name}Conv{activation}Truncate" == f"{whole.op}Truncate"
    assert (stem.name, len(stem.inputs)) == (whole.name, len(whole.inputs) + 1)
    band = stem.inputs[-1].values
    assert band.shape == (32, 32)
    assert band[:8, :8].sum() == KEPT * (KEPT + 1) / 2
    told = {"frequencies": KEPT, "y_frequencies": KEPT}
    assert stem.attrs == {**whole.attrs, **told}
    # With one channel, the dense path is faster.
    assert ("sparse_vectors" in stem.attrs) == (channels == 3)
    method = "sparse or dense" if channels == 3 else "dense"
    assert module.report.node("c").method == method


@pytest.mark.parametrize(
    ("kept", "behind", "places"),
    [
        (6, "Conv(r, p)", 6),
        (14, "Conv(r, p)", 14),
        (6, f"{PADDED}(r, v)", 6),
        (14, f"{PADDED}(r, v)", None),
        (6, "MaxPool<kernel_shape = [3, 3]>(r)", 6),
        (14, "MaxPool<kernel_shape = [3, 3]>(r)", None),
        (6, "AveragePool<kernel_shape = [3, 3]>(r)", None),
    ],
)
def test_tiles_are_compact_where_their_reader_takes_them_so(
    kept: int, behind: str, places: int | None
) -> None:
    stem = compiled(network(behind=behind), "float", truncate=kept).graph.nodes[0]
    assert stem.op == "JpegIngestConvReluTruncate"
    assert stem.attrs["frequencies"] == kept
    assert stem.attrs["y_group"] == CHANNEL_GROUP
    assert stem.attrs.get("y_frequencies") == places


def test_lean_models_are_dense() -> None:
    stem = compiled(network(), "float", truncate=KEPT, lean=True).graph.nodes[0]
    assert stem.op == "JpegIngestConvReluTruncate"
    assert stem.attrs["method"] == "dense"


def test_other_precisions_and_targets_stay_apart() -> None:
    for dtype, target in (("double", "ort"), ("float", "onnx")):
        module = compiled(network(), dtype, truncate=KEPT, target=target)
        assert outline_of(module).startswith("JpegIngest JpegConvReluTruncate")


def files() -> list[bytes]:
    """Files with the model's sampling and few or many coefficients, and with other samplings."""
    return [
        *(make_jpeg(64, 64, subsampling="4:2:0", quality=quality) for quality in (5, 50, 98)),
        make_jpeg(64, 64, subsampling="4:4:4", quality=95),
        make_jpeg(64, 64, "L"),
        make_jpeg(64, 64, keep_rgb=True),
        *(random_file(sampling, 64, 64) for sampling in SAMPLINGS.values()),
    ]


def saved(graph: Graph, path: Path, truncate: int = KEPT) -> Path:
    options: dict[str, Any] = {"preprocess": NORMALIZE, "truncate": truncate}
    jpegcompile.compile(graph.model("float"), **options).save(path)
    return path


def wanted_of(graph: Graph, images: list[bytes], truncate: int = KEPT) -> list[Array]:
    """Compared with function bodies for pixel input, where the stem is not fused."""
    model = jpegcompile.compile(graph.model("float"), input="tensor", truncate=truncate).model
    assert all(not node.op_type.startswith("JpegIngest") for node in model.graph.node)
    return spatial_outputs(model, images, 1 / 255, (0.5, 0.25, 0.125), (0.5, 0.25, 0.75))


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_sessions_take_every_file(activation: str, native: bool, tmp_path: Path) -> None:
    graph, images = network(activation), files()
    session = jpegcompile.load(saved(graph, tmp_path / "m.onnx"), native=native)
    stem = session.model.graph.node[0]
    assert stem.op_type == f"JpegIngestConv{activation}Truncate"
    assert (session.execution.native.get(stem.op_type, 0) == 1) == native
    actual = session.run(images)
    assert_same(actual, wanted_of(graph, images))
    assert_differs(actual, wanted_of(graph, images, KEPT + 1))
    assert_differs(actual, wanted_of(graph.perturbed("w", 1.0), images))


def test_without_the_library_bodies_run(tmp_path: Path) -> None:
    """A session of ONNX Runtime without this package."""
    session = jpegcompile.load(saved(network(), tmp_path / "m.onnx"))
    images = files()[:3]
    plain = ort.InferenceSession(tmp_path / "m.onnx", providers=list(CPU_PROVIDERS))
    assert_same(plain.run(None, session.feeds(images)), session.run(images))


def test_the_parts_give_what_the_whole_gives(tmp_path: Path) -> None:
    """`end_at` and `begin_at` the image: the separate convolution is truncated and compact."""
    path, images = saved(network(), tmp_path / "m.onnx"), files()[:3]
    session = jpegcompile.load(path)
    image, feeds = str(session.info.ingest_output), session.feeds(images)
    first = session_on(end_at(session.model, image)).run(None, feeds)
    rest = begin_at(session.model, image, session.info.input)
    stem = rest.graph.node[0]
    assert stem.op_type == "JpegConvReluTruncate"
    told = {a.name: a.i for a in stem.attribute}
    assert (told["frequencies"], told["y_frequencies"]) == (KEPT, KEPT)
    assert_same(session_on(rest).run(None, {image: first[0]}), session.run(images))
    del rest.graph.node[0].attribute[list(told).index("y_frequencies")]
    broken = session_on(rest).run(None, {image: first[0]})
    assert_differs(broken, session.run(images))


def test_whole_tiles_give_the_same(tmp_path: Path) -> None:
    session = jpegcompile.load(saved(network(), tmp_path / "m.onnx"))
    model = onnx.ModelProto()
    model.CopyFrom(session.model)
    without_groups(model)
    told = {a.name: a.i for a in model.graph.node[0].attribute}
    assert (told["y_group"], told["y_frequencies"], told["frequencies"]) == (1, 0, KEPT)
    images = files()[:3]
    assert_same(session_on(model).run(None, session.feeds(images)), session.run(images))


def test_the_record_of_the_file_says_how(tmp_path: Path) -> None:
    info = read_metadata(onnx.load(saved(network(), tmp_path / "m.onnx")), "m")
    assert info is not None
    node = next(node for node in info.report["nodes"] if node["name"] == "c")
    assert node["method"] == "sparse or dense"


def session_on(model: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.register_custom_ops_library(str(jpegcompile.custom_ops_library()))
    return ort.InferenceSession(model.SerializeToString(), options)
