"""Networks in float16: as near to the same weights in float32 as ONNX Runtime computes the source.

The bound is a multiple of what the source itself is away from its float32 twin, not a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
from onnx import TensorProto, checker, helper
from PIL import Image
from support.branched_networks import detector, omni_scale
from support.exports import export
from support.families import FAMILIES
from support.graphs import TENSOR, Feeds, feeds_of, outline_of, run_float32
from support.half_precision import distance, float32_twin, halved
from support.tiers import quick_of
from support.tiny_residual import tiny_residual
from support.torch_zoo import Design, build
from torch import nn

import jpegcompile
from jpegcompile.frontend.load import load_source
from jpegcompile.lowering import lower

# Of the source's own distance from its float32 twin; 1.00 was measured on all of these networks.
MOST_TIMES_THE_SOURCE = 1.2
# Rounding the result once is 2^-12 at least; that of a sum of roundings is a few times this.
HALF = 1e-3

BY_NAME = {family.name: family for family in FAMILIES}
NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "ResNet-20": (lambda: build(BY_NAME["CIFAR ResNet-20, option A"].design, 32), 32),
    "ResNet-18": (lambda: build(Design("basic", (2, 2, 2, 2)), 64), 64),
    "ResNet-50": (lambda: build(Design("bottleneck", (3, 4, 6, 3)), 64), 64),
    "SE-ResNet": (lambda: build(BY_NAME["SE-ResNet, hard sigmoid"].design, 64), 64),
    "OSNet": (lambda: omni_scale(64), 64),
    "YOLOX": (lambda: detector(64), 64),
}


def types_of(model: onnx.ModelProto) -> set[int]:
    """Element types of the initializers with numbers after the point."""
    kinds = {t.data_type for t in model.graph.initializer}
    return kinds & {TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE}


def compiled_for(source: onnx.ModelProto, target: str) -> onnx.ModelProto:
    model = jpegcompile.compile(source, input="tensor", target=target).model
    checker.check_model(model, full_check=True)
    return model


def by_all_means(source: onnx.ModelProto, feeds: Feeds) -> list[list[np.ndarray]]:
    """Outputs of a compiled network for both targets, by function bodies and by kernels."""
    model = compiled_for(source, "ort")
    outputs = [run_float32(model, feeds, native) for native in (False, True)]
    return [*outputs, run_float32(compiled_for(source, "onnx"), feeds)]


def widened(feeds: Feeds) -> Feeds:
    return {name: values.astype(np.float32) for name, values in feeds.items()}


def rounded_maps(model: onnx.ModelProto) -> onnx.ModelProto:
    """A compiled model that rounds to float16 what each of its operators makes: a fault."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    nodes: list[onnx.NodeProto] = []
    for node in result.graph.node:
        nodes.append(node)
        if node.domain:
            name = node.output[0]
            node.output[0] = f"{name}.whole"
            half = f"{name}.rounded"
            nodes.append(helper.make_node("Cast", [node.output[0]], [half], to=TensorProto.FLOAT16))
            nodes.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del result.graph.node[:]
    result.graph.node.extend(kept)
    return result


@pytest.mark.parametrize("name", quick_of(NETWORKS, quick=2))
def test_as_near_to_float32_as_the_source(name: str, tmp_path: Path) -> None:
    make, size = NETWORKS[name]
    source = halved(onnx.load(export(make(), size, tmp_path / "model.onnx", "torchscript")))
    feeds = feeds_of(source)
    exact = run_float32(float32_twin(source), widened(feeds))
    allowed = MOST_TIMES_THE_SOURCE * distance(run_float32(source, feeds), exact)
    # No less than the rounding of the result, where the source was lucky.
    allowed = max(allowed, 2.0**-12)
    compiled = compiled_for(source, "ort")
    for native in (False, True):
        outputs = run_float32(compiled, feeds, native)
        assert {output.dtype for output in outputs} == {np.dtype(np.float16)}
        assert distance(outputs, exact) <= allowed
    assert distance(run_float32(rounded_maps(compiled), feeds), exact) > allowed
    weights = sum(len(t.raw_data) for t in source.graph.initializer)
    half = [t for t in compiled.graph.initializer if t.data_type == TensorProto.FLOAT16]
    assert sum(len(t.raw_data) for t in half) > 0.9 * weights


@pytest.mark.parametrize("keep_ends", [False, True])
@pytest.mark.parametrize("target", ["ort", "onnx"])
def test_ends_keep_their_types(keep_ends: bool, target: str) -> None:
    model = halved(tiny_residual(), keep_ends=keep_ends)
    compiled = jpegcompile.compile(model, input="tensor", target=target)
    assert not compiled.report.kept
    feeds = feeds_of(model)
    for actual, expected in zip(
        run_float32(compiled.model, feeds), run_float32(model, feeds), strict=True
    ):
        assert actual.dtype == expected.dtype == (np.float32 if keep_ends else np.float16)
        assert distance([actual], [expected]) < HALF


@pytest.mark.parametrize("keep_ends", [False, True])
def test_casts_are_left_at_the_ends_alone(keep_ends: bool) -> None:
    source = load_source(halved(tiny_residual(), keep_ends=keep_ends))
    module = lower(source, replace(TENSOR, image_input=None))
    casts = [node for node in module.graph.nodes if node.op == "Cast"]
    variables = [node for node in casts if not isinstance(node.inputs[0], gs.Constant)]
    assert len(variables) == (0 if keep_ends else 3)
    operators = " ".join(op for op in outline_of(module).split() if op != "Cast")
    assert operators.startswith("ToJpeg JpegConvRelu JpegConvRelu JpegConvAdd JpegConvRelu")
    assert not module.report.kept


@pytest.mark.parametrize("amount", [20000.0, 60000.0])
def test_activations_near_the_largest_number(amount: float) -> None:
    """The DC coefficient of a tile is 8 times its mean, beyond what float16 holds."""
    model = tiny_residual()
    values = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    changed: dict[str, np.ndarray] = {
        "b1": np.full(8, amount, np.float32),
        **{name: values[name] / 256 for name in ("w2", "w4")},
    }
    for tensor in model.graph.initializer:
        if tensor.name in changed:
            tensor.CopyFrom(onnx.numpy_helper.from_array(changed[tensor.name], tensor.name))
    source = halved(model)
    feeds = feeds_of(source)
    expected = run_float32(source, feeds)
    assert all(np.isfinite(values).all() for values in expected)
    for outputs in by_all_means(source, feeds):
        assert distance(outputs, expected) < HALF


@pytest.mark.parametrize(
    "options", [{"frequencies": 8}, {"truncate": 8}, {"relu": "apx", "frequencies": 10}]
)
def test_few_frequencies(options: dict[str, object]) -> None:
    """The same plan is the same arithmetic in the network and in its float32 twin."""
    source = halved(tiny_residual())
    feeds = feeds_of(source)
    compiled, wide = (
        jpegcompile.compile(model, input="tensor", **options).model  # type: ignore[arg-type]
        for model in (source, float32_twin(source))
    )
    for native in (False, True):
        expected = run_float32(wide, widened(feeds), native)
        assert distance(run_float32(compiled, feeds, native), expected) < HALF


def photographs(folder: Path) -> Path:
    folder.mkdir()
    generator = np.random.default_rng(3)
    for index in range(8):
        pixels = generator.integers(0, 256, (4, 4, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(pixels).save(folder / f"{index}.jpg", quality=90)
    return folder


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("keep_ends", [False, True])
def test_coefficients(keep_ends: bool, layout: str, tmp_path: Path) -> None:
    """Files are read in float32 to the end."""
    source = tmp_path / "half.onnx"
    onnx.save(halved(tiny_residual(layout=layout), keep_ends=keep_ends), source)
    compiled = jpegcompile.compile(source, preprocess="cifar10")
    assert not compiled.report.kept
    assert types_of(compiled.model) == {TensorProto.FLOAT16, TensorProto.FLOAT}
    compiled.save(tmp_path / "c.onnx")
    images = photographs(tmp_path / "images")
    result = jpegcompile.verify(source, tmp_path / "c.onnx", images)
    assert result.is_half
    assert result.passed
    assert max(o.conversion / o.largest for o in result.outputs) < HALF


def test_other_samplings_begin_behind_the_ingest(tmp_path: Path) -> None:
    source = tmp_path / "half.onnx"
    onnx.save(halved(tiny_residual()), source)
    jpegcompile.compile(source, preprocess="cifar10").save(tmp_path / "c.onnx")
    session = jpegcompile.load(tmp_path / "c.onnx")
    images = sorted(photographs(tmp_path / "images").iterdir())
    full = tmp_path / "full.jpg"
    with Image.open(images[0]) as image:
        image.save(full, quality=90, subsampling=0)
    for outputs in (session.run([full]), session.run([images[0], full])):
        assert all(np.isfinite(output).all() for output in outputs)
    (first, _), (second, _) = session.run([images[0]]), session.run([full])
    assert distance([first], [second]) < 0.2
