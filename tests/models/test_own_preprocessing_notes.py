"""What compile says of models that resize images themselves, and which of them it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.graph_heads import node
from support.own_preprocessing import (
    FILES,
    RESIZED,
    TAKEN,
    TOLERANCE,
    by_onnxruntime,
    compiled_scores,
    distance,
    float_pixels,
    network,
    padded,
    photographs,
    planes,
)

import jpegcompile
from jpegcompile.errors import UnsupportedModelError, UsageError

ASPECT = "keep_aspect_ratio_policy"
LARGER: dict[str, Any] = {ASPECT: "not_smaller"}


def test_notes_say_what_became_of_the_nodes() -> None:
    compiled = jpegcompile.compile(photographs(), preprocess="none")
    geometry = {
        "resize": {
            "fit": "exact",
            "filter": "bilinear",
            "library": "onnxruntime",
            "size": [RESIZED, RESIZED],
            "antialias": False,
        },
        "crop": {"position": [4, 4], "rounding": "even", "size": [TAKEN, TAKEN]},
    }
    note = (
        "the ingest does what stands in the model (Resize 'a', Slice 'b'), and the network takes"
        f" 32x32: {json.dumps(geometry)}"
    )
    assert note in compiled.report.notes
    assert note in jpegcompile.inspect(photographs()).report.notes
    whole = compiled.report.to_json()["own_preprocessing"]
    assert whole == {"nodes": ["a", "b"], "output": "b"}


def test_what_is_not_read_behind_the_resize_stays(tmp_path: Path) -> None:
    head = [
        node("Resize", "x - - sizes a", mode="linear", axes=[2, 3]),
        node("Slice", "a starts ends axes steps b"),
    ]
    bounds: dict[str, Any] = {
        "starts": np.array([0]),
        "ends": np.array([40]),
        "axes": np.array([2]),
    }
    model = network(head, sizes=np.array([40, 32]), steps=np.array([2]), **bounds)
    compiled = jpegcompile.compile(model, preprocess="none")
    (note,) = (note for note in compiled.report.notes if note.startswith("the ingest"))
    assert note.endswith("; the rest stays: Slice 'b': it has steps other than 1")
    expected = [by_onnxruntime(model, planes(float_pixels(file))) for file in FILES]
    made = compiled_scores(model, tmp_path)
    assert distance(made, np.concatenate(expected)) < TOLERANCE


def test_models_of_one_size_stay_as_they_are() -> None:
    fixed = photographs()
    for dim, side in zip(
        fixed.graph.input[0].type.tensor_type.shape.dim[2:], (48, 64), strict=True
    ):
        dim.dim_value = side
    compiled = jpegcompile.compile(fixed, preprocess="none")
    assert (
        "the network keeps Resize 'a', Slice 'b', and is for images of 48x64; export the model with"
        " open height and width for files of any size"
    ) in compiled.report.notes
    assert compiled.report.own_preprocessing is None
    opened = jpegcompile.compile(photographs(), preprocess="none", input_size="48x64")
    assert (
        "the network keeps Resize 'a', Slice 'b'; leave --input-size out for files of any size"
    ) in opened.report.notes
    assert opened.report.own_preprocessing is None
    tensors = jpegcompile.compile(photographs(), input="tensor", input_size="48x64")
    assert tensors.report.own_preprocessing is None
    unread = photographs(**LARGER)
    noted = jpegcompile.compile(unread, preprocess="none", input_size="48x64")
    assert f"the network keeps Resize 'a' (its {ASPECT} is not_smaller)" in noted.report.notes


def test_a_model_that_leaves_one_side_open_stays_as_it_is() -> None:
    half = photographs()
    half.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 64
    compiled = jpegcompile.compile(half, preprocess="none", input_size="48x64")
    assert (
        "the network keeps Resize 'a', Slice 'b'; export the model with open height and width for"
        " files of any size"
    ) in compiled.report.notes


@pytest.mark.parametrize("input_size", [None, "48x64"])
def test_networks_without_preprocessing_have_no_note(input_size: str | None) -> None:
    plain = network([node("Div", "x scale a")], shape=(1, 3, 32, 32), scale=np.float32(255))
    compiled = jpegcompile.compile(plain, preprocess="none")
    assert not any("the network keeps" in note for note in compiled.report.notes)
    opened = network([node("Div", "x scale a")], scale=np.float32(255))
    if input_size is None:
        with pytest.raises(UnsupportedModelError) as caught:
            jpegcompile.compile(opened, preprocess="none")
        assert str(caught.value) == (
            "model: input 'x' leaves its height or width open (?x?); give them with --input-size"
            " HEIGHTxWIDTH"
        )
    else:
        notes = jpegcompile.compile(opened, preprocess="none", input_size=input_size).report.notes
        assert not any("the network keeps" in note for note in notes)


SCALED = network(
    [node("Resize", "x - scales a", mode="linear")], scales=np.array([1, 1, 0.5, 0.5], np.float32)
)
EARLY = network(
    [node("Pad", "x pads p"), node("Resize", "p - - sizes a", mode="linear", axes=[2, 3])],
    pads=np.array([0, 0, 2, 0, 0, 0, 2, 0]),
    sizes=np.array([40, 32]),
)
DIVIDED = network(
    [
        node("Add", "x one p"),
        node("Div", "scale p q"),
        node("Resize", "q - - sizes a", mode="linear", axes=[2, 3]),
    ],
    one=np.float32(1),
    scale=np.float32(255),
    sizes=np.array([40, 32]),
)
COMPUTED = network(
    [
        node("Shape", "x shape"),
        node("Div", "shape halves half"),
        node("Resize", "x - - half a", mode="linear"),
    ],
    halves=np.array([1, 1, 2, 2]),
)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (SCALED, "Resize 'a': it has scales, and no sizes that do not depend on the image's"),
        (EARLY, "Pad 'p': it is not read in front of Resize 'a'"),
        (
            DIVIDED,
            "Div 'q': it divides a constant by the image, which differs behind a Resize",
        ),
        (COMPUTED, "Resize 'a': its sizes are computed from the image's"),
        (photographs(**LARGER), f"Resize 'a': its {ASPECT} is not_smaller"),
        (
            photographs(coordinate_transformation_mode="align_corners"),
            "Resize 'a': its coordinate_transformation_mode is align_corners, not half_pixel",
        ),
        (
            network(
                [node("Resize", "x scales a", mode="linear")],
                opset=10,
                scales=np.array([1, 1, 0.5, 0.5], np.float32),
            ),
            "Resize 'a': it has scales, and no sizes that do not depend on the image's",
        ),
    ],
)
def test_resizes_that_are_not_read(model: onnx.ModelProto, reason: str) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        jpegcompile.compile(model, preprocess="none")
    assert str(caught.value) == (
        "model: input 'x' leaves its height or width open (?x?), and the size follows from no"
        f" preprocessing in the model: {reason}; give it with --input-size HEIGHTxWIDTH"
    )


@pytest.mark.parametrize(
    "given", ["imagenet-v2", {"resize": 40}, {"crop": "center"}, {"views": "five"}]
)
def test_two_that_resize(given: Any) -> None:
    # A preset of photographs is for networks of more pixels: here it is what it resizes by.
    if given == "imagenet-v2":
        given = {"preset": given, "fill": 1}
    with pytest.raises(UsageError) as caught:
        jpegcompile.compile(photographs(), preprocess=given)
    assert str(caught.value) == (
        "model: the model resizes images itself (Resize 'a', Slice 'b'), and --preprocess has"
        ' "resize", "crop" or "views" as well; leave these out (imagenet-unresized has none), or'
        " give --input-size HEIGHTxWIDTH for what the model's nodes are to resize"
    )


def test_integers_are_not_resized_as_the_model_does(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        jpegcompile.compile(photographs(), preprocess="none", decoder="libjpeg-turbo")
    assert str(caught.value) == (
        "model: the model resizes real numbers itself (Resize 'a', Slice 'b'), and --decoder"
        " libjpeg-turbo makes 8-bit integers, which Pillow resizes; use --decoder float, or give"
        " --input-size HEIGHTxWIDTH to leave the nodes in the network"
    )
    options: dict[str, Any] = {"decoder": "libjpeg-turbo", "input_size": "48x64"}
    made = compiled_scores(photographs(), tmp_path, preprocess={"resize": [48, 64]}, **options)
    assert made.shape == (len(FILES), 5)


def test_numbers_of_other_channels_are_refused_as_ever() -> None:
    given = {"mean": [0.1, 0.2]}
    with pytest.raises(UsageError, match='preprocessing has 2 values in "mean"'):
        jpegcompile.compile(padded(), preprocess=given)
