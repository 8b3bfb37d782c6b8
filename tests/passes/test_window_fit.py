"""Windows that do not fit into their maps are refused before inference sees them."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import Graph

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
def test_a_cut_of_a_map_without_room(body: str) -> None:
    """Inference of ONNX would end the process."""
    graph = Graph(f"(T[N,3,H,W] x) => (T[] y) {{ {body} }}", {"w": (2, 3, 11, 11), **CUTS})
    model = graph.model("float")
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    for name in "NCHW":
        model.graph.output[0].type.tensor_type.shape.dim.add(dim_param=f"{name}_out")
    with pytest.raises(UnsupportedModelError) as error:
        jpegcompile.compile(model, input="tensor", input_size="8x16")
    rows = -2 if "s =" not in body else -3
    assert str(error.value) == (
        "model: shapes of the model do not fit an input of 8x16: Conv 'c' has a window larger than"
        f" its map, its output would be {rows}x6; give a larger size"
    )
    assert not jpegcompile.compile(model, input="tensor", input_size="32x32").report.kept
