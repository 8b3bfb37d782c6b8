"""Preprocessing nodes that are read: the ingest computes what ONNX Runtime computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from support.preprocessing_graphs import (
    LINEAR,
    SHARP,
    SIZES,
    TOLERANCE,
    by_geometry,
    check,
    graph,
    node,
    run,
)

from jpegcompile.frontend.preprocessing_nodes.read_nodes import (
    PreprocessingNodes,
    read_preprocessing_nodes,
)
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.steps import Crop, Filter, Resize

PYTORCH = {"coordinate_transformation_mode": "pytorch_half_pixel"}
END = 2**31 - 1


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
    assert check(model) == PreprocessingNodes(geometry, (27, 35), ("a", "b"), ("a", "b"), "b")


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
    found = check(model, "NHWC")
    resize = Resize("exact", (32, 40), filter=SHARP)
    assert found.geometry == Geometry(resize, Crop((0, 4), size=(32, 35)))
    assert found.nodes == ("c", "e")


@pytest.mark.parametrize(
    ("inputs", "starts", "ends"),
    [
        ("a starts ends - steps b", [0, 6, 7, 0], [END, 26, 37, END]),
        ("a starts ends b", [0, 6, 7, 0], [2**62, 26, 37, 3]),
        ("a starts ends axes b", [-3, 6, 7], [3, 26, 37]),
    ],
    ids=["without axes", "starts and ends alone", "negative channels"],
)
def test_slices_of_all_axes(inputs: str, starts: list[int], ends: list[int]) -> None:
    """A Slice as tf2onnx writes it also lists the batch and the channels, unchanged."""
    model = graph(
        node("Resize", "x - - sizes a", mode="linear", axes=[1, 2]),
        node("Slice", inputs),
        node("Relu", "b c"),
        shape=("n", "h", "w", 3),
        **SIZES,
        starts=np.array(starts),
        ends=np.array(ends),
        axes=np.array([3, 1, 2]),
        steps=np.array([1] * 4),
    )
    crop = Crop((6, 7), size=(20, 30))
    assert check(model, "NHWC").geometry == Geometry(Resize("exact", (32, 40), filter=SHARP), crop)


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
    found = check(model)
    smooth = Resize("exact", (32, 40), filter=Filter("bilinear-inside", "onnxruntime"))
    assert found.geometry == Geometry(smooth, Crop((-2, -3), size=(39, 39)), fill=(9.0,))


def test_sizes_of_the_batch_that_is_open() -> None:
    """PyTorch exports `interpolate(x, (32, 40))` with a dynamic batch like this."""
    model = graph(
        node("Shape", "x shape"),
        node("Slice", "shape zero two first"),
        node("Concat", "first sizes all", axis=0),
        node(
            "Resize",
            "x - - all a",
            mode="linear",
            coordinate_transformation_mode="pytorch_half_pixel",
        ),
        node("Relu", "a b"),
        **SIZES,
        zero=np.array([0]),
        two=np.array([2]),
    )
    found = check(model)
    assert found.geometry == Geometry(Resize("exact", (32, 40), filter=SHARP))
    assert found.image_nodes == ("a",)
    assert set(found.nodes) == {"shape", "first", "all", "a"}


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
    found = check(model, "NHWC")
    assert found.size == (32, 40)
    assert set(found.nodes) == {"shape", "n", "all", "c"}


def test_shapes_that_are_read_between_the_nodes() -> None:
    """The Slice stays, because other nodes read the shape before it."""
    model = graph(
        node("Resize", "x - - sizes a", **LINEAR),
        node("Shape", "a shape"),
        node("Slice", "a starts ends b"),
        node("Pad", "b shape c", mode="edge"),
        **SIZES,
        starts=np.array([0, 0, 2, 2]),
        ends=np.array([1, 3, 9, 9]),
    )
    assert read_preprocessing_nodes(model, "x", "NCHW").nodes == ("a",)


def test_weights_of_other_files_are_left_there() -> None:
    model = graph(node("Resize", "x - - sizes a", **LINEAR), node("Conv", "a w b"), **SIZES)
    weight = model.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[1, 3, 1, 1])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="absent.bin")
    assert read_preprocessing_nodes(model, "x", "NCHW").nodes == ("a",)


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
    found = check(model)
    assert found.geometry == Geometry(Resize("exact", (32, 40), filter=filter))


def test_planted_faults_fail() -> None:
    model = graph(
        node("Resize", "x - - sizes a", **LINEAR),
        node("Slice", "a starts ends axes b"),
        **SIZES,
        starts=np.array([3]),
        ends=np.array([30]),
        axes=np.array([3]),
    )
    found = read_preprocessing_nodes(model, "x", "NCHW")
    assert found.geometry is not None
    image = np.random.default_rng(1).uniform(0, 255, (1, 3, 91, 75)).astype(np.float32)
    expected = run(model, image)
    for geometry in (
        Geometry(found.geometry.resize, Crop((0, 4))),
        Geometry(Resize("exact", (32, 40)), found.geometry.crop),
    ):
        made = by_geometry(PreprocessingNodes(geometry, found.size), image)
        assert np.abs(made - expected).max() > 100 * TOLERANCE
