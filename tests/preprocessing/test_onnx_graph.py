"""Preprocessing at the head of a graph: what is read gives what ONNX Runtime gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support.graph_heads import (
    LINEAR,
    SHARP,
    SIZES,
    TOLERANCE,
    Node,
    by_geometry,
    check,
    graph,
    node,
    run,
)

from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.onnx_graph import GraphHead, read_head
from jpegcompile.preprocessing.steps import Crop, Filter, Resize

PLAIN = "Pad 'b': it does not pad by constant pads with a constant"


def test_resize_slice_and_arithmetic() -> None:
    model = graph(
        node("Resize", "x - - sizes a", **LINEAR),
        node("Slice", "a starts ends axes b"),
        node("Div", "b scale c"),
        node("Sub", "c mean d"),
        **SIZES,
        starts=np.array([3, -35]),
        ends=np.array([30, 2**62]),
        axes=np.array([2, -1]),
        scale=np.float32(255),
        mean=np.array([0.1, 0.2, 0.3], np.float32).reshape(3, 1, 1),
    )
    geometry = Geometry(Resize("exact", (32, 40), filter=SHARP), Crop((3, 5), size=(27, 35)))
    assert check(model) == GraphHead(geometry, (27, 35), ("a", "b"), ("a", "b"), "b")


def test_channels_last_with_arithmetic_first() -> None:
    model = graph(
        node("Cast", "x a", to=TensorProto.FLOAT),
        node("Mul", "a scale b"),
        node("Resize", "b - - sizes c", mode="linear", axes=[1, 2]),
        node("Transpose", "c d", perm=[0, 3, 1, 2]),
        node("Slice", "d starts ends axes steps e"),
        node("Add", "e shift f"),
        shape=(1, "h", "w", 3),
        **SIZES,
        scale=np.array([0.5, 2, 3], np.float32),
        shift=np.array([1, 2, 3], np.float32).reshape(3, 1, 1),
        starts=np.array([4]),
        ends=np.array([-1]),
        axes=np.array([3]),
        steps=np.array([1]),
    )
    head = check(model, "NHWC")
    resize = Resize("exact", (32, 40), filter=SHARP)
    assert head.geometry == Geometry(resize, Crop((0, 4), size=(32, 35)))
    assert head.nodes == ("c", "e")


def test_pad_and_slices() -> None:
    model = graph(
        node("Resize", "x - - sizes a", mode="linear", antialias=1, exclude_outside=1),
        node("Pad", "a pads fill b"),
        node("Slice", "b starts ends axes c"),
        node("Slice", "c starts ends axes2 d"),
        node("Relu", "d e"),
        shape=(1, 3, "h", "w"),
        sizes=np.array([1, 3, 32, 40]),
        pads=np.array([0, 0, 4, 5, 0, 0, 6, 7]),
        fill=np.float32(9),
        starts=np.array([2]),
        ends=np.array([41]),
        axes=np.array([2]),
        axes2=np.array([3]),
    )
    head = check(model)
    smooth = Resize("exact", (32, 40), filter=Filter("bilinear-inside", "onnxruntime"))
    assert head.geometry == Geometry(smooth, Crop((-2, -3), size=(39, 39)), fill=(9.0,))


def test_sizes_of_the_batch_that_is_open() -> None:
    """As PyTorch exports `interpolate(x, (32, 40))` of a batch of any size."""
    model = graph(
        node("Shape", "x shape"),
        node("Slice", "shape zero two first"),
        node("Concat", "first sizes all", axis=0),
        node("Resize", "x - - all a", mode="linear", coordinate_transformation_mode=PYTORCH),
        node("Relu", "a b"),
        **SIZES,
        zero=np.array([0]),
        two=np.array([2]),
    )
    head = check(model)
    assert head.geometry == Geometry(Resize("exact", (32, 40), filter=SHARP))
    assert head.steps == ("a",)
    assert set(head.nodes) == {"shape", "first", "all", "a"}


PYTORCH = "pytorch_half_pixel"


def test_sizes_of_the_image_before_it_is_cast_and_turned() -> None:
    model = graph(
        node("Shape", "x shape"),
        node("Gather", "shape zero n", axis=0),
        node("Concat", "n channels sizes all", axis=0),
        node("Cast", "x a", to=TensorProto.FLOAT),
        node("Transpose", "a b", perm=[0, 3, 1, 2]),
        node("Resize", "b - - all c", mode="linear"),
        node("Relu", "c d"),
        shape=("n", "h", "w", 3),
        **SIZES,
        zero=np.array([0]),
        channels=np.array([3]),
    )
    head = check(model, "NHWC")
    assert head.size == (32, 40)
    assert set(head.nodes) == {"shape", "n", "all", "c"}


def test_shapes_that_are_read_between_the_nodes() -> None:
    """The Slice stays: without it, others would see another shape."""
    model = graph(
        node("Resize", "x - - sizes a", **LINEAR),
        node("Shape", "a shape"),
        node("Slice", "a starts ends b"),
        node("Pad", "b shape c", mode="edge"),
        **SIZES,
        starts=np.array([0, 0, 2, 2]),
        ends=np.array([1, 3, 9, 9]),
    )
    assert read_head(model, "x", "NCHW").nodes == ("a",)


def test_weights_of_other_files_are_left_there() -> None:
    model = graph(node("Resize", "x - - sizes a", **LINEAR), node("Conv", "a w b"), **SIZES)
    weight = model.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[1, 3, 1, 1])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="absent.bin")
    assert read_head(model, "x", "NCHW").nodes == ("a",)


@pytest.mark.parametrize(
    ("attributes", "filter"),
    [
        ({"mode": "linear"}, SHARP),
        ({"mode": "linear", "antialias": 1}, Filter("bilinear", "onnxruntime")),
        ({"mode": "cubic"}, Filter("bicubic", "onnxruntime", antialias=False)),
        (
            {"mode": "cubic", "exclude_outside": 1},
            Filter("bicubic-inside", "onnxruntime", antialias=False),
        ),
        ({"mode": "cubic", "antialias": 1}, Filter("bicubic", "onnxruntime")),
        (
            {"mode": "cubic", "antialias": 1, "exclude_outside": 1, "cubic_coeff_a": -0.5},
            Filter("catmull-rom-inside", "onnxruntime"),
        ),
    ],
)
def test_filters(attributes: dict[str, Any], filter: Filter) -> None:
    model = graph(
        node("Resize", "x - - sizes a", axes=[2, 3], **attributes), node("Relu", "a b"), **SIZES
    )
    head = check(model)
    assert head.geometry == Geometry(Resize("exact", (32, 40), filter=filter))


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
    head = read_head(graph(resize, **SIZES), "x", "NCHW")
    assert head == GraphHead(stopped_by=f"Resize 'a': {reason}")


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
    head = read_head(graph(resize, step, **SIZES, **constants), "x", "NCHW")
    assert (head.nodes, head.size, head.stopped_by) == (("a",), (32, 40), reason)


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
    assert read_head(model, "x", "NCHW").stopped_by == reason


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
    head = read_head(model, "x", "NCHW")
    assert head == GraphHead(stopped_by=f"Resize 'a': {reason}")


def test_networks_that_begin_otherwise() -> None:
    """Their own slices, pads and arithmetic are no preprocessing, and no reason to say so."""
    convolution = graph(node("Conv", "x w a"), w=np.ones((1, 3, 1, 1), np.float32))
    padded = graph(node("Pad", "x pads a"), pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]))
    picture = graph(
        node("Sub", "x mean a"),
        node("Resize", "a - - sizes b", **LINEAR),
        **SIZES,
        mean=np.ones((3, 91, 75), np.float32),
    )
    twice = graph(node("Resize", "x - - sizes a", **LINEAR), node("Relu", "x b"), **SIZES)
    for model in (convolution, padded, picture, twice):
        assert read_head(model, "x", "NCHW") == GraphHead()


def test_images_that_branches_read() -> None:
    """Nodes inside of an If see the image as well, and would see another one."""
    inner = helper.make_graph(
        [node("Identity", "x y")],
        "inner",
        [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, list("abcd"))],
    )
    choice = node("If", "flag c", then_branch=inner, else_branch=inner)
    model = graph(node("Resize", "x - - sizes a", **LINEAR), choice, **SIZES, flag=np.array(True))
    assert read_head(model, "x", "NCHW") == GraphHead()


def test_planted_faults_fail() -> None:
    model = graph(
        node("Resize", "x - - sizes a", **LINEAR),
        node("Slice", "a starts ends axes b"),
        **SIZES,
        starts=np.array([3]),
        ends=np.array([30]),
        axes=np.array([3]),
    )
    head = read_head(model, "x", "NCHW")
    assert head.geometry is not None
    image = np.random.default_rng(1).uniform(0, 255, (1, 3, 91, 75)).astype(np.float32)
    expected = run(model, image)
    for geometry in (
        Geometry(head.geometry.resize, Crop((0, 4))),
        Geometry(Resize("exact", (32, 40)), head.geometry.crop),
    ):
        made = by_geometry(GraphHead(geometry, head.size), image)
        assert np.abs(made - expected).max() > 100 * TOLERANCE
