"""Session.feeds: inputs for anyone who holds an ONNX Runtime session of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg
from support.tiny_residual import OUTPUTS, tiny_residual

import jpegcompile
from jpegcompile.errors import AccessError, ImageError, UsageError
from jpegcompile.jpeg.frame import ceil_div
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.target.base import CPU_PROVIDERS

# Horizontal and vertical divisor of chroma.
DIVISORS = {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:4:0": (1, 2), "4:2:0": (2, 2), "4:1:1": (4, 1)}
WIDTH, HEIGHT = 36, 20


def compiled(folder: Path, **options: Any) -> Path:
    path = folder / "compiled.onnx"
    model = tiny_residual(options.pop("channels", 3), HEIGHT, WIDTH)
    jpegcompile.compile(model, preprocess="unit", **options).save(path)
    return path


@pytest.mark.parametrize("name", DIVISORS)
@pytest.mark.parametrize("count", [1, 3])
def test_shapes_and_types(name: str, count: int, tmp_path: Path) -> None:
    session = jpegcompile.load(compiled(tmp_path, subsampling=name))
    file = random_file(SAMPLINGS[name], WIDTH, HEIGHT)
    feeds = session.feeds([file] * count)
    horizontal, vertical = DIVISORS[name]
    true_size = (ceil_div(HEIGHT, vertical), ceil_div(WIDTH, horizontal))
    chroma_blocks = (ceil_div(true_size[0], 8), ceil_div(true_size[1], 8))
    contract: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        "luma": (np.int16, (count, 1, 3, 5, 8, 8)),
        "chroma": (np.int16, (count, 2, *chroma_blocks, 8, 8)),
        "quantization": (np.uint16, (count, 3, 8, 8)),
    }
    assert {key: (value.dtype.type, value.shape) for key, value in feeds.items()} == contract
    declared = {value.name: value for value in session.inference_session.get_inputs()}
    assert list(declared) == list(contract)
    for key, value in feeds.items():
        assert declared[key].type == f"tensor({value.dtype})"
        assert declared[key].shape == ["N", *value.shape[1:]]
    coefficients = read_coefficients(file)
    np.testing.assert_array_equal(feeds["luma"][-1, 0], coefficients.planes[0])
    np.testing.assert_array_equal(feeds["chroma"][-1, 0], coefficients.planes[1])
    np.testing.assert_array_equal(feeds["chroma"][-1, 1], coefficients.planes[2])
    np.testing.assert_array_equal(feeds["quantization"][-1], coefficients.quantization)


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_has_no_chroma(channels: int, tmp_path: Path) -> None:
    path = compiled(tmp_path, channels=channels, subsampling="gray")
    feeds = jpegcompile.load(path).feeds([make_jpeg(WIDTH, HEIGHT, "L")] * 2)
    assert {key: (str(value.dtype), value.shape) for key, value in feeds.items()} == {
        "luma": ("int16", (2, 1, 3, 5, 8, 8)),
        "quantization": ("uint16", (2, 1, 8, 8)),
    }


@pytest.mark.parametrize("target", ["ort", "onnx"])
def test_a_plain_onnx_runtime_session_runs_the_file(target: Any, tmp_path: Path) -> None:
    path = compiled(tmp_path, target=target)
    files = [make_jpeg(WIDTH, HEIGHT, quality=quality) for quality in (30, 60, 90)]
    session = jpegcompile.load(path, native=False)
    plain = ort.InferenceSession(str(path), providers=list(CPU_PROVIDERS))
    outputs = plain.run(None, session.feeds(files))
    assert [output.name for output in plain.get_outputs()] == OUTPUTS
    for values, expected in zip(outputs, session.run(files), strict=True):
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6)


def test_feeds_of_a_model_for_tensors(tmp_path: Path) -> None:
    session = jpegcompile.load(compiled(tmp_path, input="tensor"))
    feeds = session.feeds([make_jpeg(WIDTH, HEIGHT), make_jpeg(WIDTH, HEIGHT, "L")])
    assert list(feeds) == ["image"]
    assert feeds["image"].dtype == np.float32
    assert feeds["image"].shape == (2, 3, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"subsampling": "4:4:4"}, "4:4:4"),
        ({"subsampling": "4:2:2"}, "4:2:2"),
        ({"mode": "L"}, "gray"),
        ({"keep_rgb": True}, "rgb"),
    ],
)
def test_another_sampling_is_refused(options: Any, kind: str, tmp_path: Path) -> None:
    session = jpegcompile.load(compiled(tmp_path))
    path = tmp_path / "image.jpg"
    path.write_bytes(make_jpeg(WIDTH, HEIGHT, **options))
    message = f"is {kind} but the model is compiled for 4:2:0; use Session.run"
    given: list[tuple[list[Any], str]] = [
        ([make_jpeg(WIDTH, HEIGHT), path], str(path)),
        ([path.read_bytes()], "bytes"),
    ]
    for images, name in given:
        with refused("feeds-subsampling-mismatch", ImageError) as caught:
            session.feeds(images)
        assert str(caught.value) == f"{name}: {message}"
    assert len(session.run([path])[0]) == 1


def test_another_size_is_refused(tmp_path: Path) -> None:
    session = jpegcompile.load(compiled(tmp_path))
    path = tmp_path / "image.jpg"
    path.write_bytes(make_jpeg(HEIGHT, WIDTH))
    given: list[tuple[Any, list[Any]]] = [
        (session.feeds, [path]),
        (session.run, [make_jpeg(WIDTH, HEIGHT), path]),
    ]
    for call, images in given:
        with refused("image-size-mismatch", ImageError) as caught:
            call(images)
        assert str(caught.value).startswith(f"{path}: is 20x36 but the model takes 36x20;")


def test_unreadable_images_are_refused(tmp_path: Path) -> None:
    session = jpegcompile.load(compiled(tmp_path))
    whole = make_jpeg(WIDTH, HEIGHT)
    for call in (session.feeds, session.run):
        with refused("jpeg-damaged", ImageError) as caught:
            call([whole[: len(whole) // 2]])
        assert str(caught.value).startswith("bytes: ")
        with refused("jpeg-not-recognized", ImageError) as caught:
            call([whole, b"text"])
        assert str(caught.value).startswith("bytes (image 1): ")
        with refused("image-unreadable", AccessError) as caught:
            call([tmp_path / "none.jpg"])
        assert "none.jpg" in str(caught.value)


@pytest.mark.parametrize("one", ["a.jpg", b"\xff\xd8", Path("a.jpg"), memoryview(b"\xff\xd8")])
def test_one_image_alone_is_refused(one: Any, tmp_path: Path) -> None:
    session = jpegcompile.load(compiled(tmp_path))
    for call in (session.feeds, session.run):
        with pytest.raises(UsageError) as caught:
            call(one)
        assert caught.value.code == "images-not-a-sequence"
        with pytest.raises(UsageError) as caught:
            call([])
        assert caught.value.code == "images-empty"


def test_a_model_for_tensors_without_preprocessing_takes_no_images(tmp_path: Path) -> None:
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(tiny_residual(), input="tensor").save(path)
    session = jpegcompile.load(path)
    for call in (session.feeds, session.run):
        with pytest.raises(UsageError) as caught:
            call([make_jpeg(32, 32)])
        assert caught.value.code == "model-without-preprocess"
        assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("first", [False, True])
def test_a_second_input_is_fed_by_hand(first: bool, tmp_path: Path) -> None:
    model = tiny_residual(temperature=True)
    if first:
        model.graph.input.reverse()
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(model, preprocess="unit").save(path)
    session = jpegcompile.load(path)
    files = [make_jpeg(32, 32), make_jpeg(32, 32, quality=30)]
    for images in (files, [make_jpeg(32, 32, "L")]):
        with pytest.raises(UsageError) as caught:
            session.run(images)
        assert caught.value.code == "shared-input-missing"
        assert str(caught.value).startswith(f"{path}: ")
    feeds = {**session.feeds(files), "temperature": np.array(2.0, np.float32)}
    _, logits = session.inference_session.run(None, feeds)
    jpegcompile.compile(tiny_residual(), preprocess="unit").save(path)
    _, expected = jpegcompile.load(path).run(files)
    np.testing.assert_allclose(logits, expected / 2, rtol=0, atol=1e-6)
