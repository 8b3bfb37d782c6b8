"""Nodes that cannot be read as preprocessing: which node stops the reading, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support.preprocessing_graphs import LINEAR, SIZES, Node, check, graph, node

from jpegcompile.frontend.preprocessing_nodes.read_nodes import (
    PreprocessingNodes,
    read_preprocessing_nodes,
)

PYTORCH = "pytorch_half_pixel"


def stop_of(found: PreprocessingNodes) -> tuple[str, str]:
    """The node that stops the reading, and the code of the reason."""
    assert found.stopped_by is not None
    assert str(found.stopped_by).startswith(f"{found.stopped_by.node}: ")
    return found.stopped_by.node, found.stopped_by.reason.code


def only_stop_of(model: onnx.ModelProto) -> tuple[str, str]:
    """The same as `stop_of` for a model, of which no node must have been read."""
    found = read_preprocessing_nodes(model, "x", "NCHW")
    assert found == PreprocessingNodes(stopped_by=found.stopped_by)
    return stop_of(found)


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        (
            {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
            "resize-coordinates-unsupported",
        ),
        (
            {"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
            "resize-coordinates-unsupported",
        ),
        ({}, "resize-mode-nearest"),
        ({"mode": "cubic", "cubic_coeff_a": -0.6}, "resize-cubic-coefficient"),
        (
            {"mode": "linear", "keep_aspect_ratio_policy": "not_smaller"},
            "resize-keeps-aspect-ratio",
        ),
    ],
)
def test_unsupported_filters(attributes: dict[str, Any], code: str) -> None:
    resize = node("Resize", "x - - sizes a", axes=[2, 3], **attributes)
    assert only_stop_of(graph(resize, **SIZES)) == ("Resize 'a'", code)


AFTER: list[tuple[Node, dict[str, Any], str]] = [
    (node("Cast", "a b", to=TensorProto.UINT8), {}, "cast-to-integers"),
    (
        node("Slice", "a starts ends axes steps b"),
        {"starts": [30], "ends": [0], "axes": [2], "steps": [-1]},
        "slice-steps",
    ),
    (
        node("Slice", "a starts ends axes b"),
        {"starts": [1], "ends": [2], "axes": [1]},
        "slice-batch-or-channels",
    ),
    (
        node("Slice", "a starts ends axes b"),
        {"starts": [9], "ends": [9], "axes": [2]},
        "preprocessing-output-empty",
    ),
    (
        node("Slice", "a starts bounds axes b"),
        {"starts": [9], "axes": [2]},
        "slice-bounds-computed",
    ),
    (node("Pad", "a pads b", mode="edge"), {"pads": [0, 0, 1, 1, 0, 0, 1, 1]}, "pad-not-constant"),
    (node("Pad", "a bounds b"), {}, "pad-not-constant"),
    (
        node("Pad", "a pads b"),
        {"pads": [0, 1, 0, 0, 0, 0, 0, 0]},
        "pad-batch-or-channels",
    ),
    (
        node("Pad", "a pads fill b"),
        {"pads": [0, 0, 1, 1, 0, 0, 1, 1], "fill": np.float32(300)},
        "pad-value-out-of-range",
    ),
    (node("Resize", "a - - sizes b", **LINEAR), {}, "resize-twice"),
    (
        node("Transpose", "a b", perm=[0, 1, 3, 2]),
        {},
        "transpose-not-layout",
    ),
    (node("Mul", "a bounds b"), {}, "arithmetic-not-constant"),
    (
        node("Mul", "a plane b"),
        {"plane": np.ones((32, 40), np.float32)},
        "arithmetic-not-per-channel",
    ),
]


@pytest.mark.parametrize(("step", "constants", "code"), AFTER)
def test_stops_after_the_resize(step: Node, constants: dict[str, Any], code: str) -> None:
    resize = node("Resize", "x - - sizes a", **LINEAR)
    found = read_preprocessing_nodes(graph(resize, step, **SIZES, **constants), "x", "NCHW")
    assert (found.nodes, found.size) == (("a",), (32, 40))
    assert stop_of(found) == (f"{step.op_type} 'b'", code)


def test_a_pad_after_arithmetic() -> None:
    model = graph(
        node("Resize", "x - - sizes a", **LINEAR),
        node("Mul", "a scale b"),
        node("Pad", "b pads c"),
        **SIZES,
        scale=np.float32(2),
        pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    )
    found = read_preprocessing_nodes(model, "x", "NCHW")
    assert stop_of(found) == ("Pad 'c'", "pad-too-late")


HALVES = graph(
    node("Resize", "x - scales a", mode="linear"), scales=np.array([1, 1, 0.5, 0.5], np.float32)
)
INTEGERS = graph(node("Resize", "x - - sizes a", **LINEAR), kind=TensorProto.UINT8, **SIZES)
COMPUTED = graph(
    node("Shape", "x shape"),
    node("Div", "shape two half"),
    node("Resize", "x - - half a", mode="linear"),
    two=np.array([1, 1, 2, 2]),
)
SHARED = graph(
    node("Shape", "x shape"),
    node("Slice", "shape zero two first"),
    node("Concat", "first sizes all", axis=0),
    node("Resize", "x - - all a", mode="linear"),
    node("Reshape", "a shape b"),
    **SIZES,
    zero=np.array([0]),
    two=np.array([2]),
)
GIVEN_AWAY = graph(node("Shape", "x shape"), node("Resize", "x - - sizes a", **LINEAR), **SIZES)
GIVEN_AWAY.graph.output.append(helper.make_tensor_value_info("shape", TensorProto.INT64, [4]))
REPEATED = graph(
    node("Resize", "x - - sizes a", mode="linear"),
    sizes=np.array([2, 3, 32, 40]),
    shape=(1, 3, "h", "w"),
)

NARROW = graph(
    node("Resize", "x - - sizes a", **LINEAR, coordinate_transformation_mode=PYTORCH),
    sizes=np.array([1, 40]),
)
SINGLE = graph(
    node("Squeeze", "x first s"),
    node("Resize", "s - - sizes a", mode="linear", axes=[1, 2]),
    shape=(1, 3, "h", "w"),
    **SIZES,
    first=np.array([0]),
)


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (HALVES, "resize-by-scales"),
        (INTEGERS, "resize-integers"),
        (COMPUTED, "resize-sizes-from-image"),
        (SHARED, "image-shape-read-elsewhere"),
        (GIVEN_AWAY, "image-shape-is-output"),
        (REPEATED, "resize-batch-or-channels"),
        (NARROW, "resize-to-one-pixel"),
        (SINGLE, "preprocessing-without-batch"),
    ],
)
def test_resizes_that_are_not_read(model: onnx.ModelProto, code: str) -> None:
    assert only_stop_of(model) == ("Resize 'a'", code)


def test_the_other_reader_of_the_shape_is_named() -> None:
    stop = read_preprocessing_nodes(SHARED, "x", "NCHW").stopped_by
    assert stop is not None
    assert "Reshape 'b'" in stop.reason


def test_networks_that_begin_otherwise() -> None:
    """A network's own slices, pads and resizes are not preprocessing, and need no note."""
    convolution = graph(node("Conv", "x w a"), w=np.ones((1, 3, 1, 1), np.float32))
    padded = graph(node("Pad", "x pads a"), pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]))
    scaled = graph(node("Mul", "x x a"))
    decoder = graph(
        node("Shape", "x shape"),
        node("Pad", "x pads a"),
        node("Conv", "a w b"),
        node("Resize", "b - - shape c", mode="linear"),
        pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        w=np.ones((3, 3, 1, 1), np.float32),
    )
    for model in (convolution, padded, scaled, decoder):
        assert read_preprocessing_nodes(model, "x", "NCHW") == PreprocessingNodes()


BRANCH = helper.make_graph(
    [node("Identity", "x y")],
    "branch",
    [],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, list("abcd"))],
)
CHOICE = node("If", "flag c", then_branch=BRANCH, else_branch=BRANCH)
SHOWN = graph(node("Identity", "x a"), node("Resize", "a - - sizes b", **LINEAR), **SIZES)
SHOWN.graph.output.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, list("abcd")))
CONSTANTS: dict[str, Any] = {
    "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    "low": np.float32(0.25),
    "mean": np.ones((3, 9, 7), np.float32),
    "deep": np.ones((1,) * 5, np.float32),
    "one": np.array([1]),
    "flag": np.array(True),
}


@pytest.mark.parametrize(
    ("nodes", "stop", "code"),
    [
        (["Pad x pads a", "Resize a"], "Pad 'a'", "node-before-resize-unreadable"),
        (
            ["Clip x low a", "Relu a b", "Resize b"],
            "Clip 'a'",
            "node-before-resize-unreadable",
        ),
        (["Sub x mean a", "Resize a"], "Sub 'a'", "arithmetic-not-per-channel"),
        (["Mul x deep a", "Resize a"], "Mul 'a'", "arithmetic-not-constant"),
        (["Div low x a", "Resize a"], "Div 'a'", "division-by-image"),
        (["Squeeze x one a", "Resize a"], "Squeeze 'a'", "squeeze-not-batch"),
        (["Unsqueeze x one a", "Resize a"], "Unsqueeze 'a'", "unsqueeze-not-batch"),
        (["Resize x", "Relu x b"], "Resize 'r'", "image-before-resize-read-twice"),
        (["Resize x", CHOICE], "Resize 'r'", "image-before-resize-read-twice"),
    ],
)
def test_stops_before_the_resize(nodes: list[str | Node], stop: str, code: str) -> None:
    made = [_spelled(each) if isinstance(each, str) else each for each in nodes]
    found = read_preprocessing_nodes(graph(*made, **SIZES, **CONSTANTS), "x", "NCHW")
    assert found.geometry is None
    assert stop_of(found) == (stop, code)


def _spelled(text: str) -> Node:
    op, names = text.split(" ", 1)
    return node(op, f"{names} - - sizes r", **LINEAR) if op == "Resize" else node(op, names)


def test_an_output_before_the_resize() -> None:
    assert only_stop_of(SHOWN) == ("Resize 'b'", "image-before-resize-is-output")


def test_a_constant_divided_by_the_image_after_the_resize() -> None:
    """After the Resize, the division is ordinary arithmetic that stays in the graph."""
    model = graph(
        node("Add", "x shift a"),
        node("Resize", "a - - sizes b", **LINEAR),
        node("Div", "shift b c"),
        node("Slice", "c starts ends axes d"),
        **SIZES,
        shift=np.float32(40),
        starts=np.array([3]),
        ends=np.array([30]),
        axes=np.array([2]),
    )
    assert check(model).image_nodes == ("b", "d")
