"""A network whose files the tests modify, and a check of its compiled outputs."""

from __future__ import annotations

import numpy as np
import onnx
from support.graphs import Graph, assert_same, feeds_of, run_float32

import jpegcompile

NETWORK = Graph(
    """(T[N,3,16,16] x) => (T[N,5] y) {
        a = Conv<pads = [1, 1, 1, 1]>(x, w)  r = Relu(a)  p = MaxPool<kernel_shape = [2, 2],
        strides = [2, 2]>(r)  c = Conv<pads = [1, 1, 1, 1]>(p, v, b)  s = Add(c, p)
        t = Clip(s, low, high)  m = ReduceMean<axes = [2, 3], keepdims = 0>(t)
        k = Gemm<transB = 1>(m, u)  y = Softmax(k) }""",
    {
        "w": (8, 3, 3, 3),
        "v": (8, 8, 3, 3),
        "b": (8,),
        "u": (5, 8),
        "low": np.asarray(-0.5),
        "high": np.asarray(0.5),
    },
)


def check_as_runtime(model: onnx.ModelProto) -> None:
    """Check that the compiled outputs match ONNX Runtime on the unmodified file."""
    given = {"x": feeds_of(_only_image(model))["x"]}
    compiled = jpegcompile.compile(model, input="tensor", image_input="x").model
    names = [output.name for output in model.graph.output]
    assert [output.name for output in compiled.graph.output] == names
    assert_same(run_float32(compiled, given), run_float32(model, given))


def _only_image(model: onnx.ModelProto) -> onnx.ModelProto:
    graph = onnx.GraphProto(input=[value for value in model.graph.input if value.name == "x"])
    return onnx.ModelProto(graph=graph)
