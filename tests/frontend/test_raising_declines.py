"""Models with `jpegcompile` nodes that cannot be raised are refused by node and reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from support.body_cases import FIRST_OF_OP
from support.codes import refused
from support.function_bodies import BodyCase
from support.graphs import Graph, assert_same
from support.raising import evaluated, maps_of, one_node, raised

import jpegcompile
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.interface import DOMAIN

BY_OP = {case.op: case for case in FIRST_OF_OP}
# Named by its nonlinearity, and fused with it.
NETWORK = Graph(
    """(T[N,3,16,16] x) => (T[] y) {
        c = Conv<pads = [1, 1, 1, 1]>(x, w)  r = Relu(c)  d = Conv(r, v)  s = Relu(d)
        y = GlobalAveragePool(s) }""",
    {"w": (16, 3, 3, 3), "v": (4, 16, 1, 1)},
)


def of(op: str) -> onnx.ModelProto:
    return one_node(BY_OP[op], 13)


def compiled(**options: object) -> onnx.ModelProto:
    return jpegcompile.compile(NETWORK.model("float"), **{"input": "tensor", **options}).model  # type: ignore[arg-type]


def decline(code: str, model: onnx.ModelProto) -> str:
    """The message, by every way into the frontend."""
    before = model.SerializeToString()
    with refused(code, UnsupportedModelError) as caught:
        jpegcompile.to_spatial(model)
    with refused(code, UnsupportedModelError):
        jpegcompile.compile(model, input="tensor")
    assert model.SerializeToString() == before
    return str(caught.value)


def without_input(model: onnx.ModelProto) -> None:
    del model.graph.node[0].input[-1]


def renamed(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "JpegOfTheFuture"


def scaled_matrix(model: onnx.ModelProto) -> None:
    name = model.graph.node[0].input[1]
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(1.1 * numpy_helper.to_array(tensor), name))


def variable(position: int) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        """Make a constant a graph input."""
        name = model.graph.node[0].input[position]
        tensor = next(t for t in model.graph.initializer if t.name == name)
        value = helper.make_tensor_value_info(name, tensor.data_type, tensor.dims)
        model.graph.initializer.remove(tensor)
        model.graph.input.append(value)

    return change


def dynamic_size(model: onnx.ModelProto) -> None:
    for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_param = "size"


def unknown_size(model: onnx.ModelProto) -> None:
    for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.Clear()


def odd_size(model: onnx.ModelProto) -> None:
    for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_value = 12


def changed(name: str, value: Any) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        """Give the node an attribute of another value, or another type."""
        node = model.graph.node[0]
        kept = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, value)])

    return change


def reshaped(*shape: int, inputs: slice = slice(1, 3)) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        """Give constants, the matrices by default, zeros of another shape."""
        for name in model.graph.node[0].input[inputs]:
            tensor = next(t for t in model.graph.initializer if t.name == name)
            tensor.CopyFrom(numpy_helper.from_array(np.zeros(shape, np.float32), name))

    return change


def newer(model: onnx.ModelProto) -> None:
    for entry in model.opset_import:
        if entry.domain == DOMAIN:
            entry.version = 2


@pytest.mark.parametrize(
    ("code", "op", "change"),
    [
        ("own-operator-form", "JpegRelu", without_input),
        ("own-operator-unknown", "JpegRelu", renamed),
        ("own-transform-differs", "JpegRelu", scaled_matrix),
        ("own-transform-differs", "JpegRelu", variable(1)),
        ("own-transform-differs", "JpegRelu", reshaped(0, 0)),
        ("own-transform-differs", "JpegSlice", reshaped(0, 0)),
        ("own-transform-differs", "JpegSlice", reshaped(12, 12)),
        ("own-transform-differs", "JpegSlice", reshaped(8, 8, 8)),
        ("own-operator-form", "JpegRelu", changed("block", 0)),
        ("own-operator-form", "JpegRelu", changed("block", 16)),
        ("own-operator-form", "JpegRelu", changed("block", "8")),
        ("own-operator-form", "JpegRelu", changed("slope", 0.5)),
        ("own-operator-form", "JpegAsmRelu", changed("frequencies", [8, 8])),
        ("own-transform-differs", "JpegAsmRelu", changed("frequencies", 0)),
        ("own-operator-form", "JpegIngestConvRelu", changed("block", 3)),
        ("own-operator-form", "JpegGroupNormalization", changed("groups", 0)),
        ("own-groups-differ", "JpegGroupNormalization", changed("groups", 8)),
        ("own-groups-differ", "SpatialGroupNormalization", variable(4)),
        ("own-epsilon-not-constant", "JpegGroupNormalization", reshaped(0, inputs=slice(3, 4))),
        ("own-operator-form", "JpegPointwiseConv", reshaped(12, 1, 1, 1, inputs=slice(2, 3))),
        ("own-map-size-differs", "JpegScale", odd_size),
        ("own-matrices-not-constant", "JpegSlice", variable(1)),
        ("own-epsilon-not-constant", "JpegGroupNormalization", variable(3)),
        ("own-map-size-unknown", "JpegScale", dynamic_size),
        ("own-map-size-unknown", "JpegScale", unknown_size),
        ("own-ingest-without-metadata", "JpegIngest", lambda model: None),
        ("own-ingest-without-metadata", "JpegIngestConvRelu", lambda model: None),
        ("own-truncation-apart", "JpegTruncate", lambda model: None),
        ("own-operators-newer", "JpegRelu", newer),
    ],
)
def test_declined_node(code: str, op: str, change: Callable[[onnx.ModelProto], None]) -> None:
    model = of(op)
    change(model)
    message = decline(code, model)
    assert "node" in message or code == "own-operators-newer"


def test_a_per_pixel_function_that_the_model_does_not_define() -> None:
    relu = of("JpegRelu")
    x, *matrices = relu.graph.node[0].input
    relu.graph.initializer.append(numpy_helper.from_array(np.ones((1, 1, 1, 1)), "c"))
    del relu.graph.node[0].input[:]
    relu.graph.node[0].input.extend([x, "c", *matrices])
    relu.graph.node[0].op_type = "JpegPointwise_1"
    assert "'node'" in decline("own-program-undefined", relu)


def test_both_maskings_in_one_model() -> None:
    model = compiled(frequencies=8)
    node = next(n for n in reversed(model.graph.node) if n.op_type == "JpegAsmRelu")
    node.op_type = "JpegApxRelu"
    del node.attribute[[a.name for a in node.attribute].index("to")]
    assert f"'{node.name}'" in decline("own-maskings-mixed", model)


def test_a_truncated_map_that_is_also_read_whole() -> None:
    model = compiled(truncate=4, target="onnx")
    band = next(n for n in model.graph.node if n.input[1:] and ".band." in n.input[1])
    model.graph.output.append(helper.make_empty_tensor_value_info(band.input[0]))
    decline("own-truncation-apart", model)


def test_an_operator_in_a_branch() -> None:
    model = of("JpegRelu")
    node = model.graph.node[0]
    kind = helper.make_empty_tensor_value_info(node.output[0])
    branch = helper.make_graph([node], "branch", [], [kind])
    condition = helper.make_tensor_value_info("condition", onnx.TensorProto.BOOL, [])
    choice = helper.make_node("If", ["condition"], ["y"], then_branch=branch, else_branch=branch)
    model.graph.input.append(condition)
    del model.graph.node[:]
    model.graph.node.append(choice)
    assert "JpegRelu" in decline("own-operator-in-subgraph", model)


def test_newer_metadata_and_masks_stay_refused() -> None:
    model = compiled()
    (entry,) = (p for p in model.metadata_props if p.key == DOMAIN)
    entry.value = entry.value.replace('"format_version":11', '"format_version":99')
    decline("metadata-newer", model)


def test_vectors_that_vary_with_the_image_are_no_channels() -> None:
    """A scale of shape [3, 1, 1, 1] has a number for each image, not for each channel."""
    model = of("JpegBatchNormalization")
    for name in model.graph.node[0].input[1:3]:
        tensor = next(t for t in model.graph.initializer if t.name == name)
        values = numpy_helper.to_array(tensor).reshape(3, 1, 1, 1)
        tensor.CopyFrom(numpy_helper.from_array(values, name))
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 3
    feeds = maps_of(BY_OP["JpegBatchNormalization"])
    assert_same([evaluated(raised(model), feeds)], [evaluated(model, feeds)])


def test_a_case_is_not_changed_by_accident() -> None:
    """The models that the declines start from can be raised."""
    for op in ("JpegRelu", "JpegSlice", "JpegGroupNormalization", "JpegScale"):
        case: BodyCase = replace(BY_OP[op])
        assert jpegcompile.to_spatial(one_node(case, 13)).graph.node
