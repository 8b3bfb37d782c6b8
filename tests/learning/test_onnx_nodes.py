"""Nodes of ONNX models as modules: they compute the same, and learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
import pytest
from support.graphs import Graph
from support.learning_onnx import answers, checked, difference, images_of, run

import jpegcompile
from jpegcompile.backends.triton.standard_node import NotWrittenError
from jpegcompile.learning import from_onnx
from jpegcompile.learning.onnx.standard_more import MORE

NODES = {
    "groups": """(T[N,3,16,16] x) => (T[] y) { c = Conv(x, w)  r = Reshape(c, rows)
        i = InstanceNormalization(r, ones, zeros)  s = Shape(c)  m = Reshape(i, s)
        g = Mul(m, scale)  y = Add(g, shift) }""",
    "instances": """(T[N,3,16,16] x) => (T[] y) { c = Conv(x, w)
        y = InstanceNormalization(c, s6, b6) }""",
    "layers": """(T[N,3,16,16] x) => (T[] y) { c = Conv(x, w)  p = Transpose<perm = [0,2,3,1]>(c)
        y = LayerNormalization<axis = -1>(p, s6, b6) }""",
    "sizes": """(T[N,3,16,16] x) => (T[] y) { c = Conv<pads = [0,0,1,1]>(x, w)
        s = SpaceToDepth<blocksize = 2>(c)
        d = DepthToSpace<blocksize = 2>(s)  y = Resize<mode = "linear">(d, none, scales) }""",
    "pools": """(T[N,3,16,16] x) => (T[] y) { c = Conv(x, w)
        a = AveragePool<kernel_shape = [3,3], pads = [0,0,1,1], strides = [2,2]>(c)
        y = MaxPool<kernel_shape = [3,3], pads = [0,1,1,0]>(a) }""",
    "edges": """(T[N,3,16,16] x) => (T[] y) { c = Conv(x, w)
        r = Pad<mode = "reflect">(c, pads)  e = Pad<mode = "edge">(r, pads)
        y = Pad<mode = "wrap">(e, pads) }""",
    "joined": """(T[N,3,16,16] x) => (T[] y) { c = Conv(x, w)  o = Concat<axis = 1>(c)
        y = Concat<axis = 1>(o, c) }""",
    "slopes": """(T[N,3,16,16] x) => (T[] y) { c = Conv<strides = [2,2], pads = [0,0,1,1]>(x, w)
        p = PRelu(c, slope)  l = LeakyRelu<alpha = 0.125>(p)  k = Clip(l, low, high)
        y = Mul(k, scale) }""",
    "matrices": """(T[N,3,16,16] x) => (T[] y) { c = Conv(x, w)  f = Flatten(c)
        m = MatMul(f, matrix)  n = MatMul(m, square)  y = Gemm<alpha = 0.5>(n, square, b6) }""",
    "transposed": "(T[N,3,16,16] x) => (T[] y) { y = ConvTranspose<strides = [2,2]>(x, w) }",
}


WEIGHTS: dict[str, Any] = {
    "w": (6, 3, 2, 2),
    "rows": np.asarray([0, 2, -1]),
    "ones": np.ones(2),
    "zeros": np.zeros(2),
    "scale": np.linspace(0.5, 1.5, 6).reshape(6, 1, 1),
    "shift": np.linspace(-1, 1, 6).reshape(6, 1, 1),
    "s6": np.linspace(0.5, 1.5, 6),
    "b6": np.linspace(-1, 1, 6),
    "none": np.zeros(0),
    "pads": np.asarray([0, 0, 1, 2, 0, 0, 3, 0]),
    "scales": np.asarray([1, 1, 2, 1.5], np.float32),
    "slope": np.linspace(0, 0.5, 6).reshape(6, 1, 1),
    "low": np.asarray(-0.1),
    "high": np.asarray(0.4),
    "matrix": (6 * 15 * 15, 6),
    "square": (6, 6),
}


@pytest.mark.parametrize("name", NODES)
def test_nodes_learn(name: str) -> None:
    text = NODES[name]
    used = {k: v for k, v in WEIGHTS.items() if k in text.replace("(", " ").replace(")", ",")}
    if name == "transposed":
        used["w"] = (3, 4, 2, 2)
    module = checked(Graph(text, used).model())
    assert module.source.rewritten is None
    learned = {v.tensor.partition(".")[0] for v in module.source.learned.values()}
    fixed = {"rows", "ones", "zeros", "none", "pads", "scales", "low", "high"}
    assert not learned & fixed
    if name == "pools":
        assert [node.name for node in module.report.lowered] == ["c", "y"]


# The second result has tiles of one pixel; the third map, 17x17, has them.
@pytest.mark.parametrize(
    ("side", "pool"),
    [
        (1, "kernel_shape = [3,3], strides = [2,2], pads = [0,1,1,0]"),
        (1, "kernel_shape = [3,3], strides = [2,2]"),
        (2, "kernel_shape = [2,2]"),
    ],
)
def test_pools_have_masks_and_truncation(side: int, pool: str) -> None:
    text = f"""(T[N,3,16,16] x) => (T[] y) {{
        c = Conv<pads = [1,1,{side},{side}]>(x, w)  y = MaxPool<{pool}>(c) }}"""
    model = Graph(text, {"w": (4, 3, 3, 3)}).model("float")
    module: Any = from_onnx(model, frequencies=6, truncate=9)
    images = images_of(module, dtype=np.float32)
    compiled = jpegcompile.compile(
        model, frequencies=6, truncate=9, input="tensor", target="onnx"
    ).model
    assert difference(run(module, images), answers(compiled, images)) < 1e-5
    assert difference(run(module, images), answers(model, images)) > 1e-2


def test_nodes_of_unknown_sizes() -> None:
    unknown = gs.Variable("x", np.float32, None)
    depth = gs.Node("DepthToSpace", "d", {"blocksize": 2}, [unknown])
    layer = gs.Node("LayerNormalization", "l", {}, [unknown])
    with pytest.raises(NotWrittenError) as caught:
        MORE["DepthToSpace"](depth, lambda tensor: tensor, 17)
    assert caught.value.reason.code == "torch-map-size-unknown"
    with pytest.raises(NotWrittenError) as caught:
        MORE["LayerNormalization"](layer, lambda tensor: tensor, 17)
    assert caught.value.reason.code == "torch-layer-normalization-form"
