"""Packed batches for training become what batches of coefficients and of tensors become."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.caches import assert_same_batches
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.data_sets import NUMBERS, keys, loaded
from support.images import make_jpeg
from support.photographs import photographs, turned, written
from support.preprocessing import tolerance

from jpegcompile import ImageDataset, build_cache
from jpegcompile.data import placed_images
from jpegcompile.data.placed_images import PlacedImages
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.jpeg.pack_images import pack_images
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.packed_images import PackedImages
from jpegcompile.learning.ingest import JpegIngest
from jpegcompile.learning.packed_ingest import ingest_packed
from jpegcompile.messages import code_of

SIZE = (32, 24)
COLOR = "brightness=0.4,contrast=0.5,saturation=0.6,hue=0.2"
RESIZED = {**NUMBERS, "resize": 36, "crop": "center"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of all kinds and orientations."""
    others = [make_jpeg(40 + n, 60 - n, exif=turned(n), subsampling=2) for n in (3, 5, 7, 8)]
    return written(tmp_path_factory.mktemp("files"), [*photographs(), *others])


@pytest.fixture(scope="module")
def cache(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cache") / "c.jpegcache"
    build_cache(files, path)
    return path


def batches(images: Any, form: str, **given: Any) -> list[Any]:
    options = {"preprocess": RESIZED, "size": SIZE, "seed": 3, **given}
    dataset = ImageDataset(images, 16, form=form, **options)  # type: ignore[arg-type]
    dataset.set_epoch(2)
    return list(dataset)


def placed(images: Any, **given: Any) -> PlacedImages:
    (batch,) = batches(images, "packed", **given)
    assert isinstance(batch.inputs, PlacedImages)
    return batch.inputs


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "crop": ("flip,crop=6", {"fill": 70}),
    "aligned": ("flip,crop=9,cutout=16,aligned", {"orientation": True}),
    "box": ("flip,resized-crop=0.2:1", {"orientation": True}),
    "color": (f"flip,crop=5,{COLOR},cutout=7", {"fill": 20, "orientation": True}),
    "color of luma": (f"crop=5,{COLOR}", {"color": "L", "mean": 0.4, "std": 0.2, "fill": 9}),
    "color of BGR": (f"resized-crop,{COLOR}", {"color": "BGR"}),
    "nothing": ("none", {}),
}


@pytest.mark.parametrize(
    ("case", "block"), [*((case, 8) for case in CASES), ("color", 1), ("box", 1)]
)
def test_three_forms_agree(case: str, block: int, files: list[Path], cache: Path) -> None:
    text, fields = CASES[case]
    given: Any = {"preprocess": {**RESIZED, **fields}, "augment": text, "block": block}
    module = JpegIngest(block)
    (dense,) = batches(files, "coefficients", **given)
    (native,) = batches(cache, "tensor" if block > 1 else "pixels", **given)
    (packed,) = batches(files, "packed", **given)
    assert_same_batches(batches(cache, "packed", **given), [packed])
    assert packed.keys == dense.keys == native.keys
    inputs = packed.inputs.to("cpu")
    assert inputs.keys() == {name for name in dense.inputs if not name.endswith("_index")}
    made = module(inputs)
    allowed = 2 * tolerance(native.inputs.double().numpy())
    for expected in (module(dense.inputs), native.inputs):
        torch.testing.assert_close(made, expected, rtol=0, atol=allowed)
        assert (made - expected.roll(1, 3)).abs().amax((1, 2, 3)).min() > 50 * allowed
    for images in (1, 3):
        strips = ingest_packed(packed.inputs, module, images=images)
        torch.testing.assert_close(strips, made, rtol=0, atol=allowed)


def test_turned_images_are_transposed(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted fault: blocks change places, but not the coefficients of a block."""
    batch = placed(files, preprocess={**RESIZED, "orientation": True})
    assert batch.is_transposed.sum() == 4
    made = ingest_packed(batch, JpegIngest())
    monkeypatch.setattr(placed_images, "_swapped", lambda plane: plane.transpose(2, 3))
    wrong = (ingest_packed(batch, JpegIngest()) - made).abs().amax((1, 2, 3))
    is_wrong = wrong > 100 * tolerance(made.double().numpy())
    assert is_wrong.tolist() == batch.is_transposed.tolist()


def test_contrast_depends_on_the_mean(files: list[Path]) -> None:
    """A planted fault: the mean of another image, or of one without its fill."""
    given: Any = {"augment": "crop=6,contrast=0.9", "preprocess": {**RESIZED, "fill": 60}}
    inputs = placed(files, **given).to("cpu")
    made = JpegIngest()(inputs)
    wrong = JpegIngest()({**inputs, "contrast": 1.01 * inputs["contrast"]})
    assert (wrong - made).abs().max() > 100 * tolerance(made.double().numpy())


def test_only_the_blocks_of_a_crop_travel(files: list[Path]) -> None:
    many = image_files(files[0].parent, [make_jpeg(320, 240, subsampling=2)] * 8)
    squeezed = {**NUMBERS, "resize": {"fit": "exact"}}
    whole, cropped = (
        placed(many, augment=text, preprocess=squeezed)
        for text in ("none", "resized-crop=0.05:0.06")
    )
    assert whole.packed.extents["luma"].tolist()[0] == [30, 40]
    assert (cropped.packed.extents["luma"].prod(1) < 0.2 * 30 * 40).all()
    assert cropped.packed.nbytes < 0.25 * whole.packed.nbytes
    assert whole.nbytes > whole.packed.nbytes


def image_files(folder: Path, images: list[bytes]) -> list[Path]:
    (folder / "more").mkdir(exist_ok=True)
    return written(folder / "more", images)


def test_windows_of_packed_images() -> None:
    """Against NumPy, with windows that do not fit."""
    data = [random_file(SAMPLINGS[kind], 70, 50) for kind in ("4:2:0", "gray", "4:4:4")]
    images = [one for one in pack_images(data) if isinstance(one, PackedImage)]
    windows = np.array(
        [
            [[1, 6, 2, 9], [0, 4, 1, 5]],
            [[0, 7, 0, 1], [0, 0, 0, 0]],
            [[6, 7, 8, 9], [3, 3, 0, 9]],
        ]
    )
    whole = PackedImages.of(images)
    cut = PackedImages.of(images, windows)
    np.testing.assert_array_equal(cut.extents["luma"], [[5, 7], [7, 1], [1, 1]])
    np.testing.assert_array_equal(cut.extents["chroma"], [[4, 4], [0, 0], [0, 0]])
    np.testing.assert_array_equal(cut.quantization, whole.quantization)
    for index, planes in enumerate(windows):
        own, full = (one.unpack(slice(index, index + 1)) for one in (cut, whole))
        for name, (top, bottom, left, right) in zip(("luma", "chroma"), planes, strict=True):
            expected = full[name][:, :, top:bottom, left:right]
            if expected.size:
                np.testing.assert_array_equal(own[name], expected)
                assert expected.any()
    for row, column, value in ((0, 1, 8), (0, 0, 7), (1, 3, -1), (1, 2, 2**40)):
        wrong = windows.copy()
        wrong[0, row, column] = value
        with pytest.raises(ValueError, match="a window exceeds its image"):
            PackedImages.of(images, wrong)
    with pytest.raises(ValueError, match="differ in number"):
        PackedImages.of(images, windows[:2])


def test_strips_are_dense_in_turn(files: list[Path]) -> None:
    many = image_files(files[0].parent, [make_jpeg(400, 300, subsampling=2)] * 12)
    batch = placed(many, augment="none")
    assert batch.nbytes < 0.7 * batch.packed.dense_bytes()
    expected, module = JpegIngest()(batch.to("cpu")), JpegIngest()

    def peak(strips: Iterator[Any], *, keeps: bool) -> int:
        tracemalloc.start()
        kept = []
        while (strip := next(strips, None)) is not None:
            kept.append(strip if keeps else None)
            del strip
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(kept) == 6
        return most

    # NumPy reports the dense planes to tracemalloc.
    strip = batch.packed.dense_bytes() // 6
    assert strip <= peak(batch.strips("cpu", images=2), keeps=False) < 1.2 * strip
    assert peak(batch.strips("cpu", max_bytes=strip), keeps=True) > 5.9 * strip
    made = ingest_packed(batch, module, max_bytes=strip)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)
    with refused("strip-limit-not-positive", UsageError):
        ingest_packed(batch, module, images=0)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.thorough)])
def test_workers_ranks_and_epochs(workers: int, files: list[Path], cache: Path) -> None:
    given: Any = {"preprocess": RESIZED, "size": SIZE, "form": "packed", "augment": "flip,crop=6"}
    maps: dict[str, torch.Tensor] = {}
    module = JpegIngest()
    first = ImageDataset(files, 5, seed=1, **given)
    for batch in first:
        assert isinstance(batch.inputs, PlacedImages)
        maps.update(zip(batch.keys, ingest_packed(batch.inputs, module), strict=True))
    parts = [ImageDataset(cache, 1, seed=1, rank=n, ranks=2, shuffle=True, **given) for n in (0, 1)]
    context = "spawn" if workers else None
    again = pickle.loads(pickle.dumps(parts[1]))
    found = [*loaded(parts[0], workers, multiprocessing_context=context), *loaded(again, 0)]
    assert sorted(keys(found)) == sorted(maps)
    for batch in found:
        assert isinstance(batch.inputs, PlacedImages)
        (made,) = ingest_packed(batch.inputs, module)
        torch.testing.assert_close(made, maps[batch.keys[0]], rtol=0, atol=2e-5)
    first.set_epoch(1)
    for batch in first:
        assert isinstance(batch.inputs, PlacedImages)
        for key, made in zip(batch.keys, ingest_packed(batch.inputs, module), strict=True):
            assert (made - maps[key]).abs().max() > 0.01


def test_batches_of_no_and_of_tiny_images(tmp_path: Path) -> None:
    """Gray images only, one pixel, and none at all."""
    (tmp_path / "a").mkdir()
    gray = written(tmp_path, [make_jpeg(1, 1, "L"), make_jpeg(3, 70, "L"), make_jpeg(1, 1)])
    bad = written(tmp_path / "a", [random_file(((3, 1), (2, 1), (2, 1)), 24, 32)])
    given: Any = {"preprocess": {**NUMBERS, "resize": {"fit": "exact"}}, "augment": COLOR}
    for some in (gray[:2], gray):
        (expected,) = batches(some, "tensor", **given)
        made = ingest_packed(placed(some, **given), JpegIngest())
        allowed = 2 * tolerance(expected.inputs.double().numpy())
        torch.testing.assert_close(made, expected.inputs, rtol=0, atol=allowed)
    with refused("sampling-fractional", ImageError) as caught:
        placed(bad, **given)
    assert str(caught.value).startswith(f"{bad[0]}: ")
    (empty,) = batches(bad, "packed", **given, on_error="skip", rank=0, ranks=2)
    assert [code_of(one.reason) for one in empty.skipped] == ["sampling-fractional"]
    assert ingest_packed(empty.inputs, JpegIngest()).shape == (0, 3, *SIZE)
    assert JpegIngest()(empty.inputs.to("cpu")).shape == (0, 3, *SIZE)


def test_limits_and_refusals(files: list[Path], cache: Path) -> None:
    for images in (files, cache):
        for form in ("packed", "coefficients"):
            with refused("jpeg-too-large", ImageError) as caught:
                batches(images, form, max_pixels=1000)
            assert str(caught.value).startswith(f"{files[0]}: ")
    with refused("dataset-packed-with-pixels", UsageError):
        ImageDataset(files, 4, form="packed", augment="flip")
    with refused("dataset-target-missing", UsageError):
        ImageDataset(files, 4, form="packed", size=(32, 32))
    for form in ("packed", "coefficients"):
        with refused("dataset-layout-fixed", UsageError):
            batches(files, form, layout="NHWC")
    with refused("dataset-augment-not-linear", UsageError):
        placed(files, preprocess={**RESIZED, "decoder": "libjpeg-turbo"})
    (batch,) = batches(files, "packed")
    with refused("batch-of-tables", UsageError):
        batch.feeds(0)
