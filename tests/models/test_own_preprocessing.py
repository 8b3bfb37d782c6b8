"""Models with preprocessing nodes: the ingest replaces them, and outputs match the source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image
from support.codes import refused
from support.images import make_jpeg
from support.own_preprocessing import (
    FILES,
    FLOAT,
    TAKEN,
    TOLERANCE,
    by_onnxruntime,
    channels_last,
    compiled_scores,
    distance,
    float_pixels,
    of_opset,
    padded,
    photographs,
    planes,
    without_batch,
)

import jpegcompile
from jpegcompile.errors import CheckFailedError, UnsupportedModelError
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.interface import DOMAIN
from jpegcompile.metadata import info_of

# The user's model, the same model with a float input, and the conversion of pixels [H, W, 3] to it.
Layout = Callable[[Any], Any]


def rows(pixels: Any) -> Any:
    return pixels[None]


def one(pixels: Any) -> Any:
    return pixels


CASES: dict[str, tuple[onnx.ModelProto, onnx.ModelProto, Layout]] = {
    "planes": (photographs(), photographs(), planes),
    "antialiased": (photographs(antialias=1), photographs(antialias=1), planes),
    "cubic": (photographs(mode="cubic"), photographs(mode="cubic"), planes),
    "channels last": (channels_last(), channels_last(FLOAT), rows),
    "excluding": (
        channels_last(antialias=1, exclude_outside=1),
        channels_last(FLOAT, antialias=1, exclude_outside=1),
        rows,
    ),
    "without a batch": (without_batch(), without_batch(FLOAT), one),
    "padded": (padded(9.0), padded(9.0), planes),
    **{f"opset {n}": (of_opset(n), of_opset(n), planes) for n in (11, 13, 18, 19, 21, 23)},
}


@pytest.mark.parametrize("case", CASES)
def test_answers_are_those_of_the_source(case: str, tmp_path: Path) -> None:
    model, floats, layout = CASES[case]
    expected = [by_onnxruntime(floats, layout(float_pixels(file))) for file in FILES]
    made = compiled_scores(model, tmp_path)
    assert distance(made, np.concatenate(expected)) < TOLERANCE


@pytest.mark.parametrize(
    "options",
    [{"input": "jpeg"}, {"domain": "auto"}, {"target": "onnx"}, {"batch": 3}],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_forms_and_targets(options: dict[str, Any], tmp_path: Path) -> None:
    model, floats, layout = CASES["channels last"]
    expected = [by_onnxruntime(floats, layout(float_pixels(file))) for file in FILES]
    made = compiled_scores(model, tmp_path, **options)
    assert distance(made, np.concatenate(expected)) < TOLERANCE


def test_a_crop_that_is_one_pixel_off_fails(tmp_path: Path) -> None:
    expected = [by_onnxruntime(photographs(), planes(float_pixels(file))) for file in FILES]
    made = compiled_scores(photographs(crop=5), tmp_path)
    assert distance(made, np.concatenate(expected)) > 100 * TOLERANCE


@pytest.mark.parametrize(
    ("given", "before"),
    [
        ({"color": "BGR"}, lambda pixels: pixels[..., ::-1]),
        ({"preset": "unit"}, lambda pixels: pixels / 255),
        ({"mirror": True}, lambda pixels: pixels[:, ::-1]),
        ({"flip": True}, lambda pixels: pixels[:, ::-1]),
        ({"mirror": True, "flip": True}, lambda pixels: pixels),
        (
            {"scale": 1 / 255, "mean": [0.2, 0.4, 0.6], "std": 0.5},
            lambda pixels: (pixels / 255 - np.array([0.2, 0.4, 0.6])) / 0.5,
        ),
    ],
    ids=["color", "unit", "mirror", "flip", "both", "normalization"],
)
def test_preprocessing_before_that_of_the_model(
    given: Any, before: Callable[[Any], Any], tmp_path: Path
) -> None:
    """A Pad of the model fills with 0 of the normalized input, which is another pixel value."""
    fed = [planes(before(float_pixels(file)).astype(np.float32)) for file in FILES]
    expected = [by_onnxruntime(padded(), np.ascontiguousarray(image)) for image in fed]
    made = compiled_scores(padded(), tmp_path, preprocess=given)
    assert distance(made, np.concatenate(expected)) < TOLERANCE


def test_orientation_comes_first(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = make_jpeg(97, 61, exif=exif.tobytes())
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(photographs(), preprocess={"orientation": True}).save(path)
    turned = np.ascontiguousarray(np.rot90(float_pixels(file), -1))
    expected = by_onnxruntime(photographs(), planes(turned))
    assert distance(jpegcompile.load(path).run([file])[0], expected) < TOLERANCE
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "turned.jpg").write_bytes(file)
    assert jpegcompile.verify(photographs(), path, tmp_path / "images").passed


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for index, file in enumerate(FILES):
        (folder / f"class{index % 2}").mkdir(exist_ok=True)
        (folder / f"class{index % 2}" / f"{index}.jpg").write_bytes(file)
    return folder


@pytest.mark.parametrize("mode", ["coefficients", "jpeg"])
@pytest.mark.parametrize("case", ["antialiased", "channels last", "without a batch"])
def test_the_original_is_fed_whole_images(
    case: str, mode: Any, images: Path, tmp_path: Path
) -> None:
    model, path = CASES[case][0], tmp_path / "compiled.onnx"
    jpegcompile.compile(model, preprocess="none", input=mode).save(path)
    result = jpegcompile.verify(model, path, images)
    require_passed(result)
    assert (result.inputs, result.inputs_for_nodes) == (3, 3)
    assert {"r1", "r2"} <= {each.twin for each in result.nodes}
    assert all((output.decoder or 0.0) > output.conversion for output in result.outputs)
    assert all(each.relative < TOLERANCE for each in result.nodes)
    assert jpegcompile.compare(model, path, images).agreement_exact == 1.0


def test_the_image_behind_the_nodes_is_compared(images: Path, tmp_path: Path) -> None:
    """Without arithmetic after the nodes, the ingest computes the resized input directly."""
    model, path = padded(9.0), tmp_path / "compiled.onnx"
    jpegcompile.compile(model, preprocess="none").save(path)
    result = jpegcompile.verify(model, path, images)
    require_passed(result)
    assert "b" in {each.twin for each in result.nodes}


def test_verify_finds_a_record_that_is_wrong(images: Path, tmp_path: Path) -> None:
    """The reference does not depend on the nodes that were read."""
    model, path = photographs(), tmp_path / "compiled.onnx"
    compiled = jpegcompile.compile(model, preprocess="none")
    entry = next(p for p in compiled.model.metadata_props if p.key == DOMAIN)
    record = json.loads(entry.value)
    for place in (record["input"]["geometry"], record["preprocess"]):
        place["crop"]["position"] = [4, 5]
    entry.value = json.dumps(record)
    compiled.save(path)
    result = jpegcompile.verify(model, path, images)
    with pytest.raises(CheckFailedError, match="output 'scores': conversion error"):
        require_passed(result)


def test_the_record(tmp_path: Path) -> None:
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(photographs(), preprocess="none").save(path)
    info = jpegcompile.load(path).info
    assert info.own_preprocessing is not None
    assert (info.own_preprocessing.nodes, info.own_preprocessing.output) == (("a", "b"), "b")
    assert (info.input.size, info.feeds_whole_images) == ((TAKEN, TAKEN), True)
    data = json.loads(json.dumps(info.to_json()))
    assert info_of(data, "model") == info
    del data["own_preprocessing"]
    assert not info_of(data, "model").feeds_whole_images
    with refused("metadata-damaged", UnsupportedModelError):
        info_of({**data, "own_preprocessing": {"nodes": ["a"]}}, "model")


def test_a_preset_for_small_networks_is_its_numbers(tmp_path: Path) -> None:
    compiled_scores(padded(), tmp_path, preprocess="imagenet")
    info = jpegcompile.load(tmp_path / "compiled.onnx").info
    assert info.own_preprocessing is not None
