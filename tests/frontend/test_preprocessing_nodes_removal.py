"""Preprocessing nodes as exporters write them, and graphs after their removal."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support.preprocessing_graphs import LINEAR, SIZES, check, graph, node

from jpegcompile.frontend.preprocessing_nodes.read_nodes import (
    PreprocessingNodes,
    read_preprocessing_nodes,
)
from jpegcompile.frontend.preprocessing_nodes.remove_nodes import remove_preprocessing_nodes
from jpegcompile.frontend.preprocessing_nodes.small_constants import SmallConstants
from jpegcompile.preprocessing.preprocess import Preprocess


def test_sizes_that_exporters_compute() -> None:
    """PyTorch's older exporter computes the operands of a Resize and a Pad from Constant nodes."""
    model = graph(
        node("Constant", "two", value_ints=[2]),
        node("Constant", "zero", value_ints=[0]),
        node("Constant", "sizes", value_ints=[32, 40]),
        node("Shape", "x shape"),
        node("Slice", "shape zero two first"),
        node("Concat", "first sizes all", axis=0),
        node("Resize", "x - - all a", mode="linear"),
        node("Constant", "four", value_ints=[4]),
        node("ConstantOfShape", "four none"),
        node("Constant", "ends", value_ints=[3, 4, 5, 6]),
        node("Concat", "ends none pairs", axis=0),
        node("Constant", "table", value_ints=[-1, 2]),
        node("Reshape", "pairs table turned"),
        node("Transpose", "turned across", perm=[1, 0]),
        node("Constant", "flat", value_ints=[-1]),
        node("Reshape", "across flat pads"),
        node("Pad", "a pads b"),
        node("Relu", "b c"),
    )
    found = read_preprocessing_nodes(model, "x", "NCHW")
    assert found.image_nodes == ("a",)
    assert found.stopped_by is not None
    assert found.stopped_by.node == "Pad 'b'"
    assert found.stopped_by.reason.code == "pad-batch-or-channels"
    known = SmallConstants(model)
    assert known["pads"].tolist() == [3, 5, 0, 0, 4, 6, 0, 0]
    assert "all" not in known
    assert {"pads", "four", "none"} <= set(known)
    assert len(known) == len(set(known))


def test_constants_that_are_large_or_wrong_are_not_known() -> None:
    model = graph(
        node("ConstantOfShape", "many large"),
        node("Reshape", "many three wrong"),
        node("Relu", "x y"),
        many=np.array([100, 100]),
        three=np.array([3]),
    )
    known = SmallConstants(model)
    assert "many" in known
    assert all(name not in known for name in ("large", "wrong", "y", "absent"))


def test_an_image_without_a_batch() -> None:
    model = graph(
        node("Squeeze", "x zero s"),
        node("Cast", "s f", to=TensorProto.FLOAT),
        node("Transpose", "f t", perm=[2, 0, 1]),
        node("Mul", "t scale m"),
        node("Unsqueeze", "m zero u"),
        node("Resize", "u - - sizes a", **LINEAR),
        node("Relu", "a b"),
        shape=(1, "h", "w", 3),
        **SIZES,
        zero=np.array([0]),
        scale=np.array([1, 2, 3], np.float32).reshape(3, 1, 1),
    )
    assert check(model, "NHWC").image_nodes == ("a",)


def test_fill_in_the_numbers_of_the_input() -> None:
    """A Pad with 0 of a normalized image fills with the mean pixel."""
    model = graph(
        node("Resize", "x - - sizes a", **LINEAR),
        node("Pad", "a pads b"),
        node("Relu", "b c"),
        **SIZES,
        pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    )
    affine = Preprocess(1 / 255, (0.2, 0.4, 0.6), (0.5, 0.5, 0.5)).affine(3)
    found = read_preprocessing_nodes(model, "x", "NCHW", affine)
    assert found.geometry is not None
    np.testing.assert_allclose(found.geometry.fill, (51, 102, 153), rtol=1e-12)
    beyond = Preprocess(1 / 255, (1.2,), (1.0,)).affine(3)
    found = read_preprocessing_nodes(model, "x", "NCHW", beyond)
    assert found.stopped_by is not None
    assert found.stopped_by.node == "Pad 'b'"
    assert found.stopped_by.reason.code == "pad-value-out-of-range"
    assert "306" in found.stopped_by.reason


def test_names_stand_for_the_same_values() -> None:
    """Tensors before the last removed node have another size, and so another name."""
    nodes = [
        node("Cast", "x a", to=TensorProto.FLOAT),
        node("Resize", "a - - sizes b", **LINEAR),
        node("Div", "b scale c"),
        node("Slice", "c starts ends axes d"),
        node("Relu", "d e"),
    ]
    numbers: dict[str, Any] = {
        **SIZES,
        "scale": np.float32(255),
        "starts": np.array([3]),
        "ends": np.array([30]),
        "axes": np.array([2]),
    }
    model = graph(*nodes, **numbers)
    found = read_preprocessing_nodes(model, "x", "NCHW")
    assert (found.image_nodes, found.output) == (("b", "d"), "d")
    remove_preprocessing_nodes(model, "x", "NCHW", found)
    assert [(n.op_type, list(n.input), list(n.output)) for n in model.graph.node] == [
        ("Cast", ["x"], ["a.resized"]),
        ("Div", ["a.resized", "scale"], ["d"]),
        ("Relu", ["d"], ["e"]),
    ]


def test_a_resized_image_that_is_an_output() -> None:
    model = graph(node("Resize", "x - - sizes a", **LINEAR), **SIZES)
    model.graph.node.append(node("Relu", "a b"))
    model.graph.output.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, list("abcd")))
    assert check(model).output == "a"


def computed_bounds(kind: str) -> onnx.ModelProto:
    """The nodes between the Resize and the Slice compute the bounds of the Slice."""
    first = [] if kind == "plain" else [node("Cast", "x f", to=TensorProto.FLOAT)]
    return graph(
        *first,
        node("Constant", "sizes", value_ints=[32, 40]),
        node("Resize", f"{'f' if first else 'x'} - - sizes a", **LINEAR),
        node("Unsqueeze", "start zero starts"),
        node("Slice", "a starts ends axes b"),
        start=np.array(3),
        zero=np.array([0]),
        ends=np.array([30]),
        axes=np.array([2]),
    )


@pytest.mark.parametrize("kind", ["plain", "cast"])
def test_what_only_the_head_reads_goes_with_it(kind: str) -> None:
    """Only the image gets the name of the removed output, not a node that computes bounds."""
    model = computed_bounds(kind)
    found = read_preprocessing_nodes(model, "x", "NCHW")
    remove_preprocessing_nodes(model, "x", "NCHW", found)
    assert not model.graph.initializer
    (last,) = model.graph.node
    assert (last.op_type, list(last.input), list(last.output)) == (
        "Identity" if kind == "plain" else "Cast",
        ["x"],
        ["b"],
    )


@pytest.mark.parametrize("kind", ["plain", "cast"])
def test_what_others_read_as_well_stays(kind: str) -> None:
    model = computed_bounds(kind)
    model.graph.node.append(node("Reshape", "b starts c"))
    model.graph.output.append(helper.make_tensor_value_info("start", TensorProto.INT64, []))
    model.graph.output.append(helper.make_tensor_value_info("sizes", TensorProto.INT64, [2]))
    remove_preprocessing_nodes(model, "x", "NCHW", read_preprocessing_nodes(model, "x", "NCHW"))
    assert [value.name for value in model.graph.initializer] == ["start", "zero"]
    made = [name for each in model.graph.node for name in each.output]
    assert set(made) == {"sizes", "starts", "b", "c"}


def test_an_input_with_a_default_keeps_it() -> None:
    """Without its initializer, the input would be required in sessions."""
    model = computed_bounds("plain")
    model.graph.input.append(helper.make_tensor_value_info("zero", TensorProto.INT64, [1]))
    remove_preprocessing_nodes(
        model, "x", "NCHW", PreprocessingNodes(size=(27, 40), nodes=("a", "b"), output="b")
    )
    assert [value.name for value in model.graph.initializer] == ["zero"]
