"""Every opset from 7 and every IR version that onnx knows, end to end; newer ones are refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from support.graphs import Graph, assert_same, feeds_of, run_float32, statistics
from support.images import make_jpeg
from support.refusals import refused_model
from support.tiers import quick_of
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.load import OLDEST_OPSET, newest_opset


def network(opset: int) -> Graph:
    """Operators of a residual network, as that opset spells them."""
    clip = "e = Clip<min = 0.0, max = 1.5>(d)" if opset < 11 else "e = Clip(d, low, high)"
    pad = "p = Pad<pads = [0, 0, 1, 1, 0, 0, 1, 1]>(x)" if opset < 11 else "p = Pad(x, pads)"
    cut = "<starts = [1, 1], ends = [17, 17], axes = [2, 3]>(p)"
    cut = cut if opset < 10 else "(p, ones, ends, axes)"
    mean = "<axes = [2, 3]>(k)" if opset < 18 else "(k, axes)"
    body = f"""
        {pad}  q = Slice{cut}
        a = Conv<pads = [1, 1, 1, 1]>(q, w)  b = BatchNormalization(a, s, t, m, v)  d = Relu(b)
        {clip}  f = Conv<pads = [1, 1, 1, 1]>(e, u)  g = Add(f, e)
        h = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(g)
        i = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(h)  j = LeakyRelu(i)
        k = PRelu(j, slope)  l = ReduceMean{mean}  o = Flatten(l)  r = Gemm(o, c, n)
        y = Softmax<axis = 1>(r)"""
    weights: dict[str, Any] = {
        "w": (4, 3, 3, 3),
        "u": (4, 4, 3, 3),
        "slope": (4, 1, 1),
        "c": (4, 6),
        "n": (6,),
        "ones": np.asarray([1, 1]),
        "ends": np.asarray([17, 17]),
        "axes": np.asarray([2, 3]),
        "low": np.asarray(0.0),
        "high": np.asarray(1.5),
        "pads": np.asarray([0, 0, 1, 1, 0, 0, 1, 1]),
        **statistics(4),
    }
    used = {name: value for name, value in weights.items() if re.search(rf"\b{name}\b", body)}
    return Graph(f"(T[N,3,16,16] x) => (T[N,6] y) {{ {body} }}", used, opset)


@pytest.mark.parametrize("opset", quick_of(range(OLDEST_OPSET, newest_opset() + 1), quick=6))
def test_opsets(opset: int) -> None:
    source = network(opset).model("float")
    feeds = feeds_of(source)
    wanted = run_float32(source, feeds)
    assert np.ptp(wanted[0]) > 1e-2
    for target in ("ort", "onnx"):
        result = jpegcompile.compile(source, input="tensor", target=target, strict=True)
        versions = {entry.domain: entry.version for entry in result.model.opset_import}
        assert versions.pop("") == opset
        assert set(versions) == ({"jpegcompile"} if target == "ort" else set())
        assert {node.op for node in result.report.lowered} >= {
            *("Conv", "Relu", "Clip", "Add", "MaxPool", "AveragePool", "LeakyRelu", "PRelu"),
            *("Pad", "Slice"),
        }
        assert_same(run_float32(result.model, feeds), wanted)


@pytest.mark.parametrize("version", quick_of([None, *range(1, onnx.IR_VERSION + 1)], quick=4))
def test_ir_versions(version: int | None, tmp_path: Path) -> None:
    """Up to 3 every initializer is an input too, and so it may be later."""
    model = tiny_residual()
    model.ClearField("ir_version")
    if version is not None:
        model.ir_version = version
    for tensor in model.graph.initializer:
        value = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        model.graph.input.append(value)
    source, path = tmp_path / "source.onnx", tmp_path / "compiled.onnx"
    onnx.save(model, source)
    jpegcompile.compile(source, preprocess="unit", strict=True).save(path)
    compiled = onnx.load(path)
    assert [value.name for value in compiled.graph.input] == ["luma", "chroma", "quantization"]
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(make_jpeg(32, 32, subsampling=2))
    assert jpegcompile.verify(source, path, tmp_path / "images").passed


def test_newer_ir_versions() -> None:
    model = tiny_residual()
    model.ir_version = onnx.IR_VERSION + 1
    message = refused_model("ir-version-too-new", UnsupportedModelError, model)
    assert f"IR version {onnx.IR_VERSION + 1}" in message
    assert onnx.__version__ in message


def test_ir_versions_without_opsets() -> None:
    """Models below IR version 3 have no opsets."""
    model = tiny_residual()
    model.ir_version = 2
    del model.opset_import[:]
    refused_model("opset-missing", UnsupportedModelError, model)
