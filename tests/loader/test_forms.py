"""What batches hold, against what sessions and preprocessors make of the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.coefficient_files import SAMPLINGS, random_file
from support.data_sets import ANY_SIZE, FILES, PIXELS, contents, keys, loaded, tensors
from support.images import make_jpeg
from support.mixed_files import jpeg_file, mixed_file
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile import ImageDataset
from jpegcompile.errors import UsageError
from jpegcompile.jpeg.packed import PackedBatch
from jpegcompile.messages import code_of


@pytest.mark.parametrize("name", ["fixed", "any", "tensor"])
def test_tensors_are_what_sessions_run(
    name: str, models: dict[str, Path], folder: Path, tmp_path: Path
) -> None:
    files: Any = sorted(folder.rglob("*.jpg"))
    if name == "fixed":
        files = [tmp_path / f"{index}.jpg" for index in range(5)]
        for index, file in enumerate(files):
            file.write_bytes(jpeg_file(32, 32, index))
    session = jpegcompile.load(models[name])
    batches = list(ImageDataset(files, 4, model=models[name]))
    assert [len(batch) for batch in batches] == ([4, 1] if name == "fixed" else [4, 4, 3])
    assert keys(batches) == [str(file) for file in files]
    parts = [session.run_image(tensors([batch]).numpy()) for batch in batches]
    for index, expected in enumerate(session.run(files)):
        actual = np.concatenate([part[index] for part in parts])
        scale = float(np.abs(expected).max())
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale)
        assert np.abs(actual - expected[::-1]).max() > 1e-3 * scale
    if name == "any":
        made = session.preprocessor().read(files).tensor
        np.testing.assert_array_equal(tensors(batches).numpy(), made)


@pytest.mark.parametrize("form", ["tensor", "pixels"])
def test_several_views_have_an_axis(form: Any, folder: Path, tmp_path: Path) -> None:
    """Behind that of images, as where torchvision's TenCrop is stacked."""
    views, files = {**ANY_SIZE, "views": "ten"}, sorted(folder.rglob("*.jpg"))
    png = tmp_path / "image.png"
    png.write_bytes(mixed_file("png", 70, 60))
    jpegcompile.compile(tiny_residual(), preprocess=views).save(tmp_path / "m.onnx")
    session = jpegcompile.load(tmp_path / "m.onnx")
    given: Any = {"model": session, "form": form, "fallback": "pixels"}
    batches = list(ImageDataset([*files, png], 4, **given))
    made = tensors(batches)
    assert made.shape == (FILES + 1, 10, 3, 32, 32)
    if form == "tensor":
        expected = session.preprocessor().read(files).tensor
        np.testing.assert_array_equal(made[:FILES].numpy(), expected)
        outputs = session.run_image(made.numpy())
        wanted = session.run([*files, png], fallback="pixels")
        for actual, values in zip(outputs, wanted, strict=True):
            np.testing.assert_allclose(actual, values, rtol=0, atol=1e-5 * np.abs(values).max())
    else:
        middle = tensors(list(ImageDataset(files, 4, **PIXELS)))
        np.testing.assert_array_equal(made[:FILES, 4], middle)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_pixels(layout: Any, dtype: Any, models: dict[str, Path], folder: Path) -> None:
    """Those of a model are those of its preprocessing."""
    given: Any = {"layout": layout, "dtype": dtype}
    batches = list(ImageDataset(folder, 4, **PIXELS, **given))
    made = tensors(batches)
    assert made.dtype == getattr(torch, dtype)
    assert made.shape == ((FILES, 3, 32, 32) if layout == "NCHW" else (FILES, 32, 32, 3))
    of_model = tensors(list(ImageDataset(folder, 3, model=models["any"], form="pixels", **given)))
    assert torch.equal(made, of_model)
    exact = tensors(list(ImageDataset(folder, 5, model=models["tensor"])))
    channels_first = made if layout == "NCHW" else made.permute(0, 3, 1, 2)
    allowed = 0.0 if dtype == "float32" else 2.0**-11 * float(exact.abs().max())
    assert float((channels_first.float() - exact).abs().max()) <= allowed


def test_integer_decoding_is_that_of_pillow(folder: Path) -> None:
    """Pixels have the very values that the original is shown, and those of other files, too."""
    preprocess = {"resize": 36, "crop": "center", "decoder": "libjpeg-turbo"}
    (batch,) = ImageDataset(folder, 16, preprocess=preprocess, size=(32, 32))
    for key, pixels in zip(batch.keys, tensors([batch]), strict=True):
        image = Image.open(key).convert("RGB")
        short = min(image.size)
        width, height = (int(36 * side / short) for side in image.size)
        resized = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
        top, left = round((height - 32) / 2.0), round((width - 32) / 2.0)
        expected = resized[top : top + 32, left : left + 32].transpose(2, 0, 1)
        np.testing.assert_array_equal(pixels.numpy(), expected.astype(np.float32))


def test_coefficients_are_the_feeds_of_a_session(models: dict[str, Path], tmp_path: Path) -> None:
    files: Any = [tmp_path / f"{index}.jpg" for index in range(5)]
    for file in files:
        file.write_bytes(random_file(SAMPLINGS["4:2:0"], 32, 32))
    files[2].write_bytes(random_file(SAMPLINGS["4:4:4"], 32, 32))
    session = jpegcompile.load(models["fixed"])
    good = [file for file in files if file != files[2]]
    expected = session.feeds(good)
    given: Any = {"model": session, "on_error": "skip"}
    (batch,) = ImageDataset(files, 8, form="coefficients", **given)
    assert isinstance(batch.inputs, dict)
    assert batch.keys == [str(file) for file in good]
    assert batch.inputs.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(batch.inputs[name].numpy(), values)
    (skipped,) = batch.skipped
    assert skipped.file == str(files[2])
    assert code_of(skipped.reason) == "dataset-subsampling-mismatch"
    assert skipped.reason.startswith("is 4:4:4 but the model is compiled for 4:2:0;")
    (packed,) = ImageDataset(files, 8, form="packed", **given)
    assert isinstance(packed.inputs, PackedBatch)
    for name, values in packed.inputs.unpack().items():
        np.testing.assert_array_equal(values, expected[name])
    for index in (-1, 4, 1.5, True):
        wrong: Any = index
        with pytest.raises(UsageError) as caught:
            batch.feeds(wrong)
        assert caught.value.code == "batch-index-out-of-range"
    with pytest.raises(UsageError) as caught:
        packed.feeds(0)
    assert caught.value.code == "batch-packed"
    (empty,) = loaded(ImageDataset(files[2:3], 8, form="coefficients", **given, rank=0, ranks=2), 0)
    assert isinstance(empty.inputs, dict)
    assert {name: values.shape[1:] for name, values in empty.inputs.items()} == {
        name: values.shape[1:] for name, values in expected.items()
    }


# Kinds of models for photographs of any size: what preprocessing and network differ in.
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cropped": ({}, {}),
    "turned": ({"orientation": True}, {}),
    "filled": ({"resize": {"fit": "pad"}, "fill": 96}, {}),
    "of luma": ({"mean": 0.4, "std": 0.2, "color": "L"}, {"channels": 1}),
}


def of_any_size(folder: Path, kind: str) -> tuple[Path, list[Path]]:
    """A model, and photographs of many sizes, samplings and orientations."""
    preprocess, network = KINDS[kind]
    model = folder / "model.onnx"
    jpegcompile.compile(tiny_residual(**network), preprocess={**ANY_SIZE, **preprocess}).save(model)
    exif = Image.Exif()
    exif[0x0112] = 6
    photographs = [*contents(4), make_jpeg(90, 60, "L"), make_jpeg(70, 40, exif=exif.tobytes())]
    files = [folder / f"{index}.jpg" for index in range(len(photographs))]
    for file, data in zip(files, photographs, strict=True):
        file.write_bytes(data)
    return model, files


@pytest.mark.parametrize("kind", KINDS)
def test_coefficients_of_any_size(kind: str, tmp_path: Path) -> None:
    """Cut to what is its own, a row is what a session makes of the file; zeros are all else."""
    model, files = of_any_size(tmp_path, kind)
    session = jpegcompile.load(model)
    (batch,) = ImageDataset(files, 8, model=session, form="coefficients")
    assert isinstance(batch.inputs, dict)
    outputs = session.run(files)
    for index, file in enumerate(files):
        feeds, expected = batch.feeds(index), session.feeds([file])
        assert feeds.keys() == expected.keys()
        for name, values in expected.items():
            given = feeds[name].copy()
            own = tuple(map(slice, values.shape))
            np.testing.assert_array_equal(given[own], values)
            given[own] = 0
            assert not given.any()
        # Padding adds products with zeros to sums, which float32 may order in another way.
        for name, actual in zip(session.output_names, session.run_feeds(feeds), strict=True):
            wanted = outputs[session.output_names.index(name)]
            allowed = 1e-5 * float(np.abs(wanted).max())
            np.testing.assert_allclose(actual, wanted[index : index + 1], rtol=0, atol=allowed)
            other = wanted[index - 1 : index or None]
            assert np.abs(actual - other).max() > 100 * allowed


def test_views_have_no_matrices_in_common(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    jpegcompile.compile(tiny_residual(), preprocess={**ANY_SIZE, "views": "five"}).save(path)
    with pytest.raises(UsageError) as caught:
        ImageDataset(tmp_path, 4, model=path, form="coefficients")
    assert caught.value.code == "dataset-several-views"
    assert str(caught.value).startswith(f"{path}: ")


def test_matrices_of_a_batch_are_multiplied_in_torch(models: dict[str, Path], folder: Path) -> None:
    """As docs/data.md says: dequantized planes to the network's size, in the JPEG domain."""
    (batch,) = ImageDataset(folder, FILES, model=models["any"], form="coefficients")
    inputs: Any = batch.inputs
    blocks = inputs["luma"][:, 0] * inputs["quantization"][:, 0, None, None].int()
    count, rows, columns = blocks.shape[:3]
    plane = blocks.permute(0, 1, 3, 2, 4).reshape(count, 8 * rows, 8 * columns)
    luma = inputs["luma_rows"] @ plane.float() @ inputs["luma_columns"]
    assert luma.shape == (FILES, 32, 32)
    # Of pixels, 8x8 DC coefficients are 8 times the means.
    preprocess = {"resize": 36, "crop": "center", "color": "L"}
    gray: Any = ImageDataset(folder, FILES, preprocess=preprocess, size=(32, 32))
    (pixels,) = (batch.inputs for batch in gray)
    means = torch.nn.functional.avg_pool2d(pixels, 8)[:, 0]
    torch.testing.assert_close(luma[:, ::8, ::8] / 8 + 128, means, rtol=0, atol=1e-3)


def test_a_batch_without_images_of_any_size(tmp_path: Path) -> None:
    for kind in KINDS:
        model, files = of_any_size(tmp_path, kind)
        rgb = tmp_path / "rgb.jpg"
        rgb.write_bytes(make_jpeg(60, 50, keep_rgb=True))
        given: Any = {"model": model, "form": "coefficients", "on_error": "skip"}
        (batch,) = ImageDataset(files, 8, **given)
        (empty,) = ImageDataset([rgb], 8, **given, rank=0, ranks=2)
        assert isinstance(batch.inputs, dict)
        assert isinstance(empty.inputs, dict)
        (skipped,) = empty.skipped
        assert code_of(skipped.reason) == "dataset-rgb-file"
        assert empty.inputs.keys() == batch.inputs.keys()
        for name, values in empty.inputs.items():
            full = batch.inputs[name]
            assert values.dtype == full.dtype
            assert len(values) == 0
            # Zeros are where only the images say how large the batch is.
            own = [side for side in values.shape[1:] if side]
            assert [a for a, b in zip(full.shape[1:], values.shape[1:], strict=True) if b] == own


def test_feeds_are_of_coefficients(folder: Path) -> None:
    (batch,) = ImageDataset(folder, FILES, **PIXELS)
    with pytest.raises(UsageError) as caught:
        batch.feeds(0)
    assert caught.value.code == "batch-without-feeds"
