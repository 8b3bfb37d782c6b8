"""Nodes at the head of a graph that are not read: which one ends the head, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support.preprocessing_graphs import LINEAR, SIZES, Node, check, graph, node

from jpegcompile.frontend.preprocessing_nodes.read_nodes import (
    PreprocessingNodes,
    Unread,
    read_preprocessing_nodes,
)

PLAIN = "Pad 'b': it does not pad by constant pads with a constant"
PYTORCH = "pytorch_half_pixel"


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        (
            {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
            "its coordinate_transformation_mode is align_corners, not half_pixel",
        ),
        (
            {"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
            "its coordinate_transformation_mode is asymmetric, not half_pixel",
        ),
        ({}, "it takes the nearest pixels, which the rounding of float32 decides"),
        (
            {"mode": "cubic", "cubic_coeff_a": -0.6},
            "its cubic_coeff_a is -0.6, neither -0.75 nor -0.5",
        ),
        (
            {"mode": "linear", "keep_aspect_ratio_policy": "not_smaller"},
            "its keep_aspect_ratio_policy is not_smaller",
        ),
    ],
)
def test_filters_that_are_none_of_ours(attributes: dict[str, Any], reason: str) -> None:
    resize = node("Resize", "x - - sizes a", axes=[2, 3], **attributes)
    found = read_preprocessing_nodes(graph(resize, **SIZES), "x", "NCHW")
    assert found == PreprocessingNodes(stopped_by=Unread("Resize 'a'", reason))


BEHIND: list[tuple[Node, dict[str, Any], str]] = [
    (node("Cast", "a b", to=TensorProto.UINT8), {}, "Cast 'b': it rounds to integers"),
    (
        node("Slice", "a starts ends axes steps b"),
        {"starts": [30], "ends": [0], "axes": [2], "steps": [-1]},
        "Slice 'b': it has steps other than 1",
    ),
    (
        node("Slice", "a starts ends axes b"),
        {"starts": [1], "ends": [2], "axes": [1]},
        "Slice 'b': it takes a part of the batch or the channels",
    ),
    (
        node("Slice", "a starts ends axes b"),
        {"starts": [9], "ends": [9], "axes": [2]},
        "Slice 'b': it leaves nothing",
    ),
    (
        node("Slice", "a starts bounds axes b"),
        {"starts": [9], "axes": [2]},
        "Slice 'b': its bounds are no constants",
    ),
    (node("Pad", "a pads b", mode="edge"), {"pads": [0, 0, 1, 1, 0, 0, 1, 1]}, PLAIN),
    (node("Pad", "a bounds b"), {}, PLAIN),
    (
        node("Pad", "a pads b"),
        {"pads": [0, 1, 0, 0, 0, 0, 0, 0]},
        "Pad 'b': it pads the batch or the channels",
    ),
    (
        node("Pad", "a pads fill b"),
        {"pads": [0, 0, 1, 1, 0, 0, 1, 1], "fill": np.float32(300)},
        "Pad 'b': it fills with 300, which is outside of 0..255",
    ),
    (node("Resize", "a - - sizes b", **LINEAR), {}, "Resize 'b': it comes behind another Resize"),
    (
        node("Transpose", "a b", perm=[0, 1, 3, 2]),
        {},
        "Transpose 'b': its perm [0, 1, 3, 2] does not bring NCHW to the other layout",
    ),
    (node("Mul", "a bounds b"), {}, "Mul 'b': it is no arithmetic with a constant"),
    (
        node("Mul", "a plane b"),
        {"plane": np.ones((32, 40), np.float32)},
        "Mul 'b': its constant is not one number for each channel",
    ),
]


@pytest.mark.parametrize(("step", "constants", "reason"), BEHIND)
def test_what_stops_behind_the_resize(step: Node, constants: dict[str, Any], reason: str) -> None:
    resize = node("Resize", "x - - sizes a", **LINEAR)
    found = read_preprocessing_nodes(graph(resize, step, **SIZES, **constants), "x", "NCHW")
    assert (found.nodes, found.size, str(found.stopped_by)) == (("a",), (32, 40), reason)


def test_a_fill_behind_arithmetic() -> None:
    model = graph(
        node("Resize", "x - - sizes a", **LINEAR),
        node("Mul", "a scale b"),
        node("Pad", "b pads c"),
        **SIZES,
        scale=np.float32(2),
        pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    )
    reason = "Pad 'c': it fills behind arithmetic, a Slice or another Pad"
    assert str(read_preprocessing_nodes(model, "x", "NCHW").stopped_by) == reason


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
    ("model", "reason"),
    [
        (HALVES, "it has scales, and no sizes that do not depend on the image's"),
        (INTEGERS, "it resizes integers, and rounds"),
        (COMPUTED, "its sizes are computed from the image's"),
        (SHARED, "Reshape 'b' reads the image's shape as well"),
        (GIVEN_AWAY, "the image's shape is an output as well"),
        (REPEATED, "it resizes the batch or the channels"),
        (NARROW, "it makes a side of one pixel by pytorch_half_pixel"),
        (SINGLE, "it reads an image without a batch"),
    ],
)
def test_resizes_that_are_not_read(model: onnx.ModelProto, reason: str) -> None:
    found = read_preprocessing_nodes(model, "x", "NCHW")
    assert found == PreprocessingNodes(stopped_by=Unread("Resize 'a'", reason))


def test_networks_that_begin_otherwise() -> None:
    """Their own slices, pads and resizes are no preprocessing, and no reason to say so."""
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
    ("nodes", "stop"),
    [
        (["Pad x pads a", "Resize a"], "Pad 'a': it is not read in front of Resize 'r'"),
        (
            ["Clip x low a", "Relu a b", "Resize b"],
            "Clip 'a': it is not read in front of Resize 'r'",
        ),
        (["Sub x mean a", "Resize a"], "Sub 'a': its constant is not one number for each channel"),
        (["Mul x deep a", "Resize a"], "Mul 'a': it is no arithmetic with a constant"),
        (
            ["Div low x a", "Resize a"],
            "Div 'a': it divides a constant by the image, which differs behind a Resize",
        ),
        (
            ["Squeeze x one a", "Resize a"],
            "Squeeze 'a': it takes away something else than the batch",
        ),
        (["Unsqueeze x one a", "Resize a"], "Unsqueeze 'a': it adds something else than a batch"),
        (["Resize x", "Relu x b"], "Resize 'r': Resize 'r' and Relu 'b' both read the image"),
        (["Resize x", CHOICE], "Resize 'r': Resize 'r' and Identity 'y' both read the image"),
    ],
)
def test_what_stops_before_the_resize(nodes: list[str | Node], stop: str) -> None:
    made = [_spelled(each) if isinstance(each, str) else each for each in nodes]
    found = read_preprocessing_nodes(graph(*made, **SIZES, **CONSTANTS), "x", "NCHW")
    assert (found.geometry, str(found.stopped_by)) == (None, stop)


def _spelled(text: str) -> Node:
    op, names = text.split(" ", 1)
    return node(op, f"{names} - - sizes r", **LINEAR) if op == "Resize" else node(op, names)


def test_an_output_in_front_of_the_resize() -> None:
    stop = Unread("Resize 'b'", "the image in front of it is an output as well")
    assert read_preprocessing_nodes(SHOWN, "x", "NCHW") == PreprocessingNodes(stopped_by=stop)


def test_a_constant_over_the_image_behind_the_resize() -> None:
    """There it is arithmetic like any other, which stays where it is."""
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
