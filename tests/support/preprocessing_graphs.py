"""Graphs with preprocessing nodes, and their outputs for an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from jpegcompile.dct.filters import taps_of
from jpegcompile.frontend.preprocessing_nodes.read_nodes import (
    PreprocessingNodes,
    read_preprocessing_nodes,
)
from jpegcompile.frontend.preprocessing_nodes.remove_nodes import remove_preprocessing_nodes
from jpegcompile.jpeg.frame import Frame
from jpegcompile.preprocessing.steps import Filter
from jpegcompile.target.base import CPU_PROVIDERS

# Effect of float32 positions in ONNX Runtime for an image of 100 pixels, on the 0..255 scale.
TOLERANCE = 255 * 4 * 100 * 2.0**-24
Node = onnx.NodeProto


def node(op: str, inputs: str, **attributes: Any) -> Node:
    """Return a node named after its output, the last name; "-" is an omitted input."""
    *read, made = inputs.split()
    read = ["" if name == "-" else name for name in read]
    return helper.make_node(op, read, [made], made, **attributes)


def graph(
    *nodes: Node, shape: Any = ("n", 3, "h", "w"), kind: int = TensorProto.FLOAT, **constants: Any
) -> onnx.ModelProto:
    """Return a graph of an image x; `constants` become initializers."""
    values = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    made = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, list("abcd"))],
        values,
    )
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(made, opset_imports=opsets, ir_version=10)


def run(model: onnx.ModelProto, image: NDArray[np.float32]) -> NDArray[np.float32]:
    session = ort.InferenceSession(model.SerializeToString(), providers=list(CPU_PROVIDERS))
    return np.asarray(session.run(None, {"x": image})[0])


def by_geometry(found: PreprocessingNodes, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply the geometry that was read to an image [1, C, H, W]."""
    assert found.geometry is not None
    assert found.size is not None
    height, width = image.shape[2:]
    placement = found.geometry.place(Frame(height, width, ((1, 1),), "gray"), found.size)
    rows, columns = taps_of(placement.rows), taps_of(placement.columns)
    made = np.einsum("ot,ncotw->ncow", rows.weights, image.astype(np.float64)[:, :, rows.places])
    made = np.einsum("ot,nchot->ncho", columns.weights, made[:, :, :, columns.places])
    outside = 1.0 - np.outer(rows.level, columns.level)
    return np.asarray(made + outside * found.geometry.fill[0], np.float32)


def check(model: onnx.ModelProto, layout: str = "NCHW") -> PreprocessingNodes:
    """Read and remove the nodes, check that outputs are the same, and return the nodes."""
    found = read_preprocessing_nodes(model, "x", layout)
    image = np.random.default_rng(1).uniform(0, 255, (1, 3, 91, 75)).astype(np.float32)
    to_last = (0, 2, 3, 1)
    expected = run(model, image if layout == "NCHW" else image.transpose(to_last))
    brought = by_geometry(found, image)
    rest = onnx.ModelProto()
    rest.CopyFrom(model)
    remove_preprocessing_nodes(rest, "x", layout, found)
    onnx.checker.check_model(rest, full_check=True)
    left = {each.name for each in model.graph.node} - {each.name for each in rest.graph.node}
    assert left >= set(found.nodes)
    made = run(rest, brought if layout == "NCHW" else brought.transpose(to_last))
    np.testing.assert_allclose(made, expected, rtol=0, atol=TOLERANCE)
    return found


SIZES: dict[str, Any] = {"sizes": np.array([32, 40])}
LINEAR: dict[str, Any] = {"mode": "linear", "axes": [2, 3]}
SHARP = Filter("bilinear", "onnxruntime", antialias=False)
