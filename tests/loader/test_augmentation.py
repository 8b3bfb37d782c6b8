"""Augmented batches, against the same operations on the pixels of the float decode."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.augmented import cropped, displayed, network_input, recolored
from support.codes import refused
from support.coefficient_files import random_file
from support.data_sets import NUMBERS, keys, loaded
from support.images import make_jpeg
from support.photographs import photographs, written
from support.preprocessing import tolerance

from jpegcompile import ImageBatch, ImageDataset
from jpegcompile.data.augmentation.color import ColorChange
from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.augmentation.placing import random_choice, random_square
from jpegcompile.data.augmentation.text import augmentation_of
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.learning.ingest import JpegIngest
from jpegcompile.messages import code_of
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import Geometry, Placement
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.runtime.preprocessor import Preprocessor

SEED, EPOCH = 3, 5
SIZE = (32, 24)
COLOR = "brightness=0.4,contrast=0.5,saturation=0.6,hue=0.2"


def one_batch(files: list[Path], **given: Any) -> Any:
    options = {"size": SIZE, "form": "coefficients", "seed": SEED, **given}
    dataset = ImageDataset(files, len(files), **options)
    dataset.set_epoch(EPOCH)
    (batch,) = dataset
    return batch


def mapped(batch: ImageBatch) -> torch.Tensor:
    """The network's input of a batch of coefficients."""
    assert isinstance(batch.inputs, dict)
    return JpegIngest()(batch.inputs)


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "crop": ("flip,crop=6", {"fill": 70}),
    "crop of oriented": ("flip,crop=6", {"orientation": True}),
    "aligned": ("flip,crop=9,cutout=16,aligned", {}),
    "box": ("flip,resized-crop=0.2:1", {"orientation": True}),
    "color": (f"flip,crop=5,{COLOR}", {"fill": 20}),
    "color of box": (f"resized-crop,{COLOR}", {}),
    "color of luma": (f"flip,crop=5,{COLOR}", {"color": "L", "mean": 0.4, "std": 0.2}),
    "color of BGR": (f"flip,crop=0,{COLOR}", {"color": "BGR"}),
    "cutout": ("flip,crop=3,cutout=11", {}),
}


@pytest.mark.parametrize("block", [8, 1])
@pytest.mark.parametrize("case", CASES)
def test_batches_equal_their_spatial_twins(case: str, block: int, tmp_path: Path) -> None:
    text, fields = CASES[case]
    numbers: dict[str, Any] = {
        **NUMBERS,
        **{name: fields[name] for name in ("mean", "std") if name in fields},
    }
    described = {**numbers, "resize": 36, "crop": "center", **fields}
    data = photographs()
    files = written(tmp_path, data)
    batch = one_batch(files, preprocess=described, block=block, augment=text)
    made = JpegIngest(block)(batch.inputs).numpy()
    augmentation, geometry = augmentation_of(text), preprocess_of(described).geometry
    color, fill = fields.get("color", "RGB"), fields.get("fill", 0.0)
    mistakes = []
    for index, content in enumerate(data):
        draws = Draws(SEED, EPOCH, str(index))
        frame = read_coefficients(content).frame
        choice = random_choice(frame, geometry, SIZE, augmentation, draws)
        pixels = displayed(content, color, fields.get("orientation", False))
        # BGR is RGB in another order, also for changes of color.
        order = slice(None, None, -1 if color == "BGR" else 1)
        seen = cropped(pixels[..., order], choice, SIZE, 36, fill)
        change = ColorChange.of(augmentation, draws)
        square = random_square(SIZE, augmentation, draws)
        recolor = recolored(seen, change)[..., order]
        expected = network_input(recolor, numbers, square, block)
        np.testing.assert_allclose(made[index], expected, rtol=0, atol=tolerance(expected))
        mistaken = network_input(np.roll(recolor, 1, 1), numbers, square, block)
        mistakes.append(np.abs(made[index] - mistaken).max() / tolerance(expected))
        for name, factor in change.steps:
            nearly = dataclasses.replace(
                change, steps=tuple((n, f + 1e-3 * (n == name)) for n, f in change.steps)
            )
            wrong = recolored(seen, nearly)[..., order]
            if np.abs(wrong - recolor).max() > 0.01:
                mistaken = network_input(wrong, numbers, square, block)
                assert np.abs(made[index] - mistaken).max() > 3 * tolerance(expected), factor
    assert min(mistakes) > 100


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.thorough)])
def test_images_are_what_seed_and_epoch_say(workers: int, tmp_path: Path) -> None:
    """Not what other images, workers or ranks there are."""
    files = written(tmp_path, photographs())
    given: Any = {
        "preprocess": {**NUMBERS, "resize": 36, "crop": "center"},
        "size": SIZE,
        "form": "coefficients",
        "augment": f"flip,crop=6,cutout=9:0.5,{COLOR}",
    }
    dataset = ImageDataset(files, 5, seed=1, **given)
    maps: dict[str, torch.Tensor] = {}
    for batch in dataset:
        maps.update(zip(batch.keys, mapped(batch), strict=True))
    shuffled = ImageDataset(files, 4, seed=1, shuffle=True, **given)
    of_rank = ImageDataset(files, 4, seed=1, rank=1, ranks=2, **given)
    found = [*loaded(shuffled, workers), *loaded(of_rank, workers), *dataset]
    assert len(keys(found)) == 20
    for batch in found:
        for key, made in zip(batch.keys, mapped(batch), strict=True):
            torch.testing.assert_close(made, maps[key], rtol=0, atol=2e-5)
    dataset.set_epoch(1)
    for other in (dataset, ImageDataset(files, 8, seed=2, **given)):
        for batch in other:
            for key, made in zip(batch.keys, mapped(batch), strict=True):
                assert (made - maps[key]).abs().max() > 0.01


def test_samples_of_shards_have_their_keys(folder: Path, shards: str) -> None:
    """Moved or divided otherwise, shards give the same images."""
    given: Any = {
        "preprocess": {**NUMBERS, "resize": 36},
        "size": SIZE,
        "form": "coefficients",
        "augment": "flip,crop=9",
    }
    maps: dict[str, torch.Tensor] = {}
    for batch in ImageDataset(shards, 4, **given):
        maps.update(zip(batch.keys, mapped(batch), strict=True))
    for batch in ImageDataset(shards, 3, shuffle=True, **given):
        for key, made in zip(batch.keys, mapped(batch), strict=True):
            torch.testing.assert_close(made, maps[key], rtol=0, atol=2e-5)


def test_files_that_no_two_matrices_fit(tmp_path: Path) -> None:
    rgb = {"component_ids": b"RGB", "adobe_transform": 0}
    unlike = random_file(((2, 1), (1, 1), (2, 1)), 40, 40, **rgb)
    files = written(tmp_path, [make_jpeg(40, 40), unlike])
    given: Any = {"preprocess": {"resize": 32}, "size": (32, 32), "form": "coefficients"}
    with refused("dataset-rgb-sampled-differently", ImageError) as caught:
        list(ImageDataset(files, 2, **given))
    assert str(caught.value).startswith(f"{files[1]}: ")
    (batch,) = ImageDataset(files, 2, on_error="skip", **given)
    assert batch.keys == [str(files[0])]
    with refused("batch-of-tables", UsageError):
        batch.feeds(0)
    (empty,) = ImageDataset(files[1:], 2, on_error="skip", rank=0, ranks=2, **given)
    assert not empty.keys
    assert mapped(empty).shape == (0, 3, 32, 32)


TENSORS = ("crop", "crop of oriented", "aligned", "box", "color", "color of luma", "cutout")


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("block", [8, 1])
@pytest.mark.parametrize("case", TENSORS)
def test_tensors_are_what_coefficients_become(
    case: str, block: int, layout: Any, tmp_path: Path
) -> None:
    """The native preprocessor, which decodes only what a crop needs."""
    text, fields = CASES[case]
    described = {**NUMBERS, "resize": 36, "crop": "center", **fields}
    files = written(tmp_path, photographs())
    given: Any = {"preprocess": described, "block": block, "augment": text}
    expected = JpegIngest(block)(one_batch(files, **given).inputs)
    form = "pixels" if block == 1 else "tensor"
    made = one_batch(files, **given, form=form, layout=layout).inputs
    if layout == "NHWC":
        made = made.permute(0, 3, 1, 2)
    # Both are within the tolerance of exact values.
    allowed = 2 * tolerance(expected.double().numpy())
    torch.testing.assert_close(made, expected, rtol=0, atol=allowed)
    assert (made - expected.roll(1, 3)).abs().amax((1, 2, 3)).min() > 100 * allowed


def test_files_that_pillow_decodes(tmp_path: Path) -> None:
    """Of another size than the network's: a random crop needs no resize."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (45, 40, 3)).astype(np.uint8)
    files = [tmp_path / "0.jpg", tmp_path / "1.png"]
    files[0].write_bytes(make_jpeg(40, 45))
    Image.fromarray(pixels).save(files[1])
    text = f"flip,crop=6,cutout=9,{COLOR}"
    given: Any = {"preprocess": NUMBERS, "augment": text, "fallback": "pixels"}
    batch = one_batch(files, form="tensor", **given)
    assert batch.pixel_fallbacks == 1
    draws, augmentation = Draws(SEED, EPOCH, "1"), augmentation_of(text)
    frame = Frame(45, 40, ((1, 1),) * 3, "rgb")
    choice = random_choice(frame, Geometry(), SIZE, augmentation, draws)
    seen = cropped(pixels.astype(np.float64), choice, SIZE, 40, 0.0)
    square = random_square(SIZE, augmentation, draws)
    expected = network_input(
        recolored(seen, ColorChange.of(augmentation, draws)), NUMBERS, square, 8
    )
    made = batch.inputs[1].numpy()
    np.testing.assert_allclose(made, expected, rtol=0, atol=tolerance(expected))
    assert np.abs(made - expected[:, ::-1]).max() > 100 * tolerance(expected)


@pytest.mark.parametrize("form", ["tensor", "coefficients"])
def test_unusable_files_have_the_same_reasons(form: str, tmp_path: Path) -> None:
    fractional = random_file(((3, 1), (2, 1), (2, 1)), 24, 32)
    files = written(tmp_path, [make_jpeg(24, 32), make_jpeg(40, 45), fractional])
    given: Any = {"preprocess": NUMBERS, "size": SIZE, "form": form, "augment": "flip"}
    (batch,) = ImageDataset(files, 4, on_error="skip", **given)
    assert batch.keys == [str(files[0])]
    reasons = [code_of(skipped.reason) for skipped in batch.skipped]
    assert reasons == ["image-size-mismatch", "sampling-fractional"]
    for file, code in zip(files[1:], reasons, strict=True):
        with refused(code, ImageError) as caught:
            list(ImageDataset([file], 4, **given))
        assert str(caught.value).startswith(f"{file}: ")
        assert str(caught.value).count(str(file)) == 1
    png = tmp_path / "image.png"
    Image.new("RGB", (40, 45)).save(png)
    if form == "tensor":
        with refused("image-size-mismatch", ImageError) as caught:
            list(ImageDataset([png], 4, **given, fallback="pixels"))
        assert str(caught.value).startswith(f"{png}: ")


def test_what_places_images_may_fail() -> None:
    taken = NetworkInput("image", 3, 32, 32, "NCHW").normalized(preprocess_of("cifar10"))

    def place(index: int, frame: Frame) -> Placement:
        raise KeyError(f"image {index} of {frame.size}")

    with pytest.raises(KeyError, match=r"image 1 of \(32, 32\)|image 0 of \(32, 32\)"):
        Preprocessor(taken, threads=2).read([make_jpeg(32, 32)] * 2, place=place)
    whole = preprocess_of({"decoder": "libjpeg-turbo"})
    integers = NetworkInput("image", 3, 32, 32, "NCHW").normalized(whole)
    with pytest.raises(ValueError, match="float decode"):
        Preprocessor(integers).read([make_jpeg(32, 32)], place=place)
