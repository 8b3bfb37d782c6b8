"""Models that resize images themselves: the ingest does that work, and answers are the source's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image
from support.graph_heads import node
from support.images import make_jpeg
from support.own_preprocessing import (
    FLOAT,
    RESIZED,
    TAKEN,
    by_onnxruntime,
    channels_last,
    float_pixels,
    network,
    of_opset,
    padded,
    photographs,
    without_batch,
)

import jpegcompile
from jpegcompile.errors import CheckFailedError, UnsupportedModelError, UsageError
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.interface import DOMAIN
from jpegcompile.metadata import info_of

FILES = [
    make_jpeg(97, 61),
    make_jpeg(50, 120, subsampling=2, quality=90),
    make_jpeg(45, 40, subsampling=1),
]
# Of float32 sums, in parts of the largest answer; a crop that is one pixel off is 100 times as far.
TOLERANCE = 2e-5
ASPECT = "keep_aspect_ratio_policy"
LARGER: dict[str, Any] = {ASPECT: "not_smaller"}

# The model as users have it, the same of floats, and what brings pixels [H, W, 3] to the latter.
Layout = Callable[[Any], Any]


def planes(pixels: Any) -> Any:
    return pixels.transpose(2, 0, 1)[None]


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


def compiled_scores(model: onnx.ModelProto, folder: Path, **options: Any) -> Any:
    path = folder / "compiled.onnx"
    jpegcompile.compile(model, **{"preprocess": "none", **options}).save(path)
    return jpegcompile.load(path).run(FILES)[0]


def distance(actual: Any, expected: Any) -> float:
    """In parts of the largest answer."""
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


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
    ids=["color", "unit", "mirror", "flip", "both", "normalisation"],
)
def test_preprocessing_before_that_of_the_model(
    given: Any, before: Callable[[Any], Any], tmp_path: Path
) -> None:
    """A Pad of the model fills with 0 of the input's numbers, which is then another colour."""
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
    """Where no arithmetic follows them, the ingest makes the input itself, which is resized."""
    model, path = padded(9.0), tmp_path / "compiled.onnx"
    jpegcompile.compile(model, preprocess="none").save(path)
    result = jpegcompile.verify(model, path, images)
    require_passed(result)
    assert "b" in {each.twin for each in result.nodes}


def test_verify_finds_a_record_that_is_wrong(images: Path, tmp_path: Path) -> None:
    """The reference does not depend on what was read of the model."""
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
    with pytest.raises(UnsupportedModelError, match="metadata is damaged"):
        info_of({**data, "own_preprocessing": {"nodes": ["a"]}}, "model")


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
    assert note in jpegcompile.inspect(photographs()).report["notes"]
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
        "Resize 'a', Slice 'b' stay in the network, which is for images of 48x64; export the model"
        " with open height and width for files of any size"
    ) in compiled.report.notes
    assert compiled.report.own_preprocessing is None
    opened = jpegcompile.compile(photographs(), preprocess="none", input_size="48x64")
    assert (
        "Resize 'a', Slice 'b' stay in the network; leave --input-size out for files of any size"
    ) in opened.report.notes
    assert opened.report.own_preprocessing is None
    tensors = jpegcompile.compile(photographs(), input="tensor", input_size="48x64")
    assert tensors.report.own_preprocessing is None
    unread = photographs(**LARGER)
    noted = jpegcompile.compile(unread, preprocess="none", input_size="48x64")
    reason = f"Resize 'a': its {ASPECT} is not_smaller"
    assert f"stays in the network: {reason}" in noted.report.notes


@pytest.mark.parametrize("input_size", [None, "48x64"])
def test_networks_without_preprocessing_have_no_note(input_size: str | None) -> None:
    plain = network([node("Div", "x scale a")], shape=(1, 3, 32, 32), scale=np.float32(255))
    compiled = jpegcompile.compile(plain, preprocess="none")
    assert not any("stay in the network" in note for note in compiled.report.notes)
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
        assert not any("in the network" in note for note in notes)


SCALED = network(
    [node("Resize", "x - scales a", mode="linear")], scales=np.array([1, 1, 0.5, 0.5], np.float32)
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


def test_a_preset_for_small_networks_is_its_numbers(tmp_path: Path) -> None:
    compiled_scores(padded(), tmp_path, preprocess="imagenet")
    info = jpegcompile.load(tmp_path / "compiled.onnx").info
    assert info.own_preprocessing is not None


def test_integers_are_not_resized_as_the_model_does(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        jpegcompile.compile(photographs(), preprocess="none", decoder="libjpeg-turbo")
    assert str(caught.value) == (
        "model: the model resizes real numbers itself (Resize 'a', Slice 'b'), and --decoder"
        " libjpeg-turbo 8-bit integers as Pillow does; use --decoder float, or give --input-size"
        " HEIGHTxWIDTH to leave the nodes in the network"
    )
    options: dict[str, Any] = {"decoder": "libjpeg-turbo", "input_size": "48x64"}
    made = compiled_scores(photographs(), tmp_path, preprocess={"resize": [48, 64]}, **options)
    assert made.shape == (len(FILES), 5)


def test_numbers_of_other_channels_are_refused_as_ever() -> None:
    given = {"mean": [0.1, 0.2]}
    with pytest.raises(UsageError, match='preprocessing has 2 values in "mean"'):
        jpegcompile.compile(padded(), preprocess=given)
