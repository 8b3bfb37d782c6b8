"""Graphs compiled with truncation, whose maps are compact where possible."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnxruntime.capi.onnxruntime_pybind11_state import Fail
from support.graphs import Graph, Weights, assert_differs, assert_same, feeds_of
from support.plans import planned

from jpegcompile.backends.emit import emit
from jpegcompile.ir.module import Module
from jpegcompile.operators.queries import COMPACT_ATTRIBUTES
from jpegcompile.runtime.opening import inference_session

PADDED = "Conv<pads = [1, 1, 1, 1]>"
WEIGHTS: Weights = {
    "w1": (16, 3, 3, 3),
    "b1": (16,),
    "b3": (16, 1, 1),
    "w2": (16, 16, 1, 1),
    "w3": (16, 16, 3, 3),
    "w4": (32, 16, 1, 1),
    "b4": (32,),
    "w5": (16, 32, 1, 1),
    "w6": (8, 16, 1, 1),
    "w7": (16, 8, 1, 1),
    "low": np.asarray(-0.25),
    "high": np.asarray(0.75),
}
STEM = f"c = {PADDED}(x, w1, b1)  r = Relu(c)"
X, R, Y = COMPACT_ATTRIBUTES


def network(text: str, size: str = "16,24", outputs: str = "T[] y") -> Graph:
    words = set(text.replace("(", " ").replace(",", " ").replace(")", " ").split())
    weights = {name: weight for name, weight in WEIGHTS.items() if name in words}
    return Graph(f"(T[N,3,{size}] x) => ({outputs}) {{ {text} }}", weights)


def bands_of(module: Module) -> dict[str, dict[str, int]]:
    """Layout attributes by node name."""
    found = {
        n.name: {k: n.attrs[k] for k in COMPACT_ATTRIBUTES if k in n.attrs}
        for n in module.graph.nodes
    }
    return {name: attrs for name, attrs in found.items() if attrs}


def values(model: onnx.ModelProto, graph: Graph, *, native: bool) -> list[Any]:
    feeds = feeds_of(graph.model("float"))
    return list(inference_session(model, 1, native=native).run(None, feeds))


def check_compact(graph: Graph, **plan: Any) -> dict[str, dict[str, int]]:
    """Check that kernels and bodies agree, and that each attribute matters; return these."""
    module = planned(graph, "float", **plan)
    bands = bands_of(module)
    wanted = values(emit(module), graph, native=False)
    assert_same(values(emit(module), graph, native=True), wanted)
    for name, attributes in bands.items():
        for attribute in attributes:
            module = planned(graph, "float", **plan)
            (node,) = (n for n in module.graph.nodes if n.name == name)
            del node.attrs[attribute]
            try:
                scrambled = values(emit(module), graph, native=True)
            except Fail as error:
                assert_refused(str(error))
            else:
                assert_differs(scrambled, wanted)
    return bands


def assert_refused(message: str) -> None:
    """A kernel was given fewer coefficients than it needs."""
    assert "compile the model again" in message
