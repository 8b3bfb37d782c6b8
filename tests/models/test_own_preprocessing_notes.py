"""Notes and errors of `compile` for models with preprocessing nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.codes import refused
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
from support.preprocessing_graphs import node

import jpegcompile
from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.messages import code_of
from jpegcompile.report import Report

ASPECT = "keep_aspect_ratio_policy"
LARGER: dict[str, Any] = {ASPECT: "not_smaller"}


def notes_of(report: Report, code: str) -> list[str]:
    return [note for note in report.notes if code_of(note) == code]


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
    (note,) = notes_of(compiled.report, "preprocessing-nodes-in-ingest")
    assert "(Resize 'a', Slice 'b')" in note
    assert f" 32x32: {json.dumps(geometry)}" in note
    assert note in jpegcompile.inspect(photographs()).report.notes
    whole = compiled.report.to_json()["own_preprocessing"]
    assert whole == {"nodes": ["a", "b"], "output": "b"}


def test_what_is_not_read_behind_the_resize_stays(tmp_path: Path) -> None:
    found = [
        node("Resize", "x - - sizes a", mode="linear", axes=[2, 3]),
        node("Slice", "a starts ends axes steps b"),
    ]
    bounds: dict[str, Any] = {
        "starts": np.array([0]),
        "ends": np.array([40]),
        "axes": np.array([2]),
    }
    model = network(found, sizes=np.array([40, 32]), steps=np.array([2]), **bounds)
    compiled = jpegcompile.compile(model, preprocess="none")
    (note,) = notes_of(compiled.report, "preprocessing-nodes-in-ingest")
    assert "(Resize 'a')" in note
    assert "Slice 'b': " in note
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
    (note,) = notes_of(compiled.report, "preprocessing-nodes-kept-fixed-size")
    assert "Resize 'a', Slice 'b'" in note
    assert "48x64" in note
    assert compiled.report.own_preprocessing is None
    opened = jpegcompile.compile(photographs(), preprocess="none", input_size="48x64")
    (note,) = notes_of(opened.report, "preprocessing-nodes-kept-input-size")
    assert "Resize 'a', Slice 'b'" in note
    assert opened.report.own_preprocessing is None
    tensors = jpegcompile.compile(photographs(), input="tensor", input_size="48x64")
    assert tensors.report.own_preprocessing is None
    unread = photographs(**LARGER)
    noted = jpegcompile.compile(unread, preprocess="none", input_size="48x64")
    (note,) = notes_of(noted.report, "resize-keeps-aspect-ratio")
    assert f"Resize 'a' (its {ASPECT} is not_smaller)" in note


def test_a_model_that_leaves_one_side_open_stays_as_it_is() -> None:
    half = photographs()
    half.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 64
    compiled = jpegcompile.compile(half, preprocess="none", input_size="48x64")
    (note,) = notes_of(compiled.report, "preprocessing-nodes-kept-fixed-size")
    assert "48x64" not in note


@pytest.mark.parametrize("input_size", [None, "48x64"])
def test_networks_without_preprocessing_have_no_note(input_size: str | None) -> None:
    plain = network([node("Div", "x scale a")], shape=(1, 3, 32, 32), scale=np.float32(255))
    compiled = jpegcompile.compile(plain, preprocess="none")
    assert not any("preprocessing-nodes" in code_of(note) for note in compiled.report.notes)
    opened = network([node("Div", "x scale a")], scale=np.float32(255))
    if input_size is None:
        with pytest.raises(UnsupportedModelError) as caught:
            jpegcompile.compile(opened, preprocess="none")
        assert caught.value.code == "image-size-dynamic"
    else:
        notes = jpegcompile.compile(opened, preprocess="none", input_size=input_size).report.notes
        assert not any("preprocessing-nodes" in code_of(note) for note in notes)


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
    ("model", "node", "code"),
    [
        (SCALED, "Resize 'a'", "resize-by-scales"),
        (EARLY, "Pad 'p'", "node-before-resize-unreadable"),
        (DIVIDED, "Div 'q'", "division-by-image"),
        (COMPUTED, "Resize 'a'", "resize-sizes-from-image"),
        (photographs(**LARGER), "Resize 'a'", "resize-keeps-aspect-ratio"),
        (
            photographs(coordinate_transformation_mode="align_corners"),
            "Resize 'a'",
            "resize-coordinates-unsupported",
        ),
        (
            network(
                [node("Resize", "x scales a", mode="linear")],
                opset=10,
                scales=np.array([1, 1, 0.5, 0.5], np.float32),
            ),
            "Resize 'a'",
            "resize-by-scales",
        ),
    ],
)
def test_resizes_that_are_not_read(model: onnx.ModelProto, node: str, code: str) -> None:
    with refused(code, UnsupportedModelError) as caught:
        jpegcompile.compile(model, preprocess="none")
    assert "input 'x'" in str(caught.value)
    assert f"{node}: " in str(caught.value)
    assert "--input-size" in str(caught.value)


@pytest.mark.parametrize(
    "given", ["imagenet-v2", {"resize": 40}, {"crop": "center"}, {"views": "five"}]
)
def test_two_that_resize(given: Any) -> None:
    # The preset is for larger networks; only its resize matters here.
    if given == "imagenet-v2":
        given = {"preset": given, "fill": 1}
    with refused("preprocess-resizes-twice", UsageError) as caught:
        jpegcompile.compile(photographs(), preprocess=given)
    assert "(Resize 'a', Slice 'b')" in str(caught.value)


def test_integers_are_not_resized_as_the_model_does(tmp_path: Path) -> None:
    with refused("preprocess-decoder-integer", UsageError) as caught:
        jpegcompile.compile(photographs(), preprocess="none", decoder="libjpeg-turbo")
    assert "(Resize 'a', Slice 'b')" in str(caught.value)
    assert "libjpeg-turbo" in str(caught.value)
    options: dict[str, Any] = {"decoder": "libjpeg-turbo", "input_size": "48x64"}
    made = compiled_scores(photographs(), tmp_path, preprocess={"resize": [48, 64]}, **options)
    assert made.shape == (len(FILES), 5)


def test_numbers_of_other_channels_are_refused_as_ever() -> None:
    given = {"mean": [0.1, 0.2]}
    with refused("normalization-length-mismatch", UsageError):
        jpegcompile.compile(padded(), preprocess=given)
