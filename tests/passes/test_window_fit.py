"""Windows that are larger than their maps are rejected before shape inference."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import Graph
from support.refusals import refused_model

import jpegcompile
from jpegcompile.errors import UnsupportedModelError

CUTS = {name: np.asarray([value]) for name, value in (("one", 1), ("end", 99), ("axis", 2))}


@pytest.mark.parametrize(
    "body",
    [
        "c = Conv<kernel_shape = [11, 11]>(x, w)  y = Slice(c, one, end, axis)",
        """s = Slice(x, one, end, axis)  c = Conv<kernel_shape = [11, 11]>(s, w)
        y = Slice(c, one, end, axis)""",
    ],
)
def test_a_slice_after_a_window_that_does_not_fit(body: str) -> None:
    """Shape inference of onnx would abort the process."""
    graph = Graph(f"(T[N,3,H,W] x) => (T[] y) {{ {body} }}", {"w": (2, 3, 11, 11), **CUTS})
    model = graph.model("float")
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    for name in "NCHW":
        model.graph.output[0].type.tensor_type.shape.dim.add(dim_param=f"{name}_out")
    code, rows = "window-exceeds-map", -2 if "s =" not in body else -3
    message = refused_model(code, UnsupportedModelError, model, input_size="8x16")
    for part in ("8x16", "Conv 'c'", f"{rows}x6"):
        assert part in message
    assert not jpegcompile.compile(model, input="tensor", input_size="32x32").report.kept
