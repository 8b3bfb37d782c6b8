"""Batches of images of any size become dense on a GPU as on the CPU, in Triton's interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.coefficient_files import SAMPLINGS, random_file
from support.photographs import written
from torch import Tensor

from jpegcompile import ImageDataset
from jpegcompile.data import placed_images
from jpegcompile.data.placed_images import PlacedImages
from jpegcompile.jpeg.pack_images import pack_images
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.packed_images import PackedImages
from jpegcompile.learning.ingest import JpegIngest
from jpegcompile.learning.packed_ingest import ingest_packed
from jpegcompile.runtime.triton import packed_images
from jpegcompile.runtime.triton.packed_images import unpacked_strips_on

SIZES = [("4:2:0", 24, 40), ("gray", 9, 8), ("4:4:4", 8, 17), ("4:2:2", 33, 8)]


def batch_of(kinds: list[tuple[str, int, int]]) -> PackedImages:
    files = [random_file(SAMPLINGS[kind], width, height) for kind, width, height in kinds]
    return PackedImages.of([one for one in pack_images(files) if isinstance(one, PackedImage)])


@pytest.mark.parametrize(
    ("kinds", "images"),
    [(SIZES, None), (SIZES, 2), ([("4:2:0", 20, 12)] * 3, 2), ([("gray", 9, 9)] * 2, None)],
)
def test_strips_equal_the_native_code(
    kinds: list[tuple[str, int, int]], images: int | None
) -> None:
    batch = batch_of(kinds)
    assert len(batch) == len(kinds)
    strips = list(unpacked_strips_on(batch, torch.device("cpu"), batch.strips(images)))
    assert sum(strip.stop - strip.start for strip, _ in strips) == len(kinds)
    for strip, tensors in strips:
        for name, values in batch.unpack(strip).items():
            np.testing.assert_array_equal(tensors[name].numpy(), values)
        np.testing.assert_array_equal(tensors["quantization"].numpy(), batch.quantization[strip])


def test_a_wrong_place_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of images of several sizes; rows and columns swapped."""
    padded = packed_images._padded

    def swapped(blocks: Tensor, extents: Tensor, shape: tuple[int, ...]) -> Tensor:
        return padded(blocks, extents.flip(1), shape)

    batch = batch_of(SIZES[:2])
    monkeypatch.setattr(packed_images, "_padded", swapped)
    ((_, tensors),) = unpacked_strips_on(batch, torch.device("cpu"), batch.strips())
    assert not np.array_equal(tensors["luma"].numpy(), batch.unpack()["luma"])


def test_batches_for_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut to their crops, in strips whose groups begin before them."""
    written(
        tmp_path, [random_file(SAMPLINGS[kind], 40 + n, 40) for n, (kind, *_) in enumerate(SIZES)]
    )
    given: Any = {"preprocess": {}, "size": (16, 16), "form": "packed", "augment": "flip,crop=0"}
    (batch,) = ImageDataset(tmp_path, 4, **given)
    assert isinstance(batch.inputs, PlacedImages)
    expected = dict(batch.inputs.to("cpu"))

    def there(packed: PackedImages, device: Any, images: int, **_: Any) -> Any:
        return unpacked_strips_on(packed, torch.device("cpu"), packed.strips(images))

    monkeypatch.setattr(placed_images, "unpacked_strips", there)
    made = ingest_packed(batch.inputs, JpegIngest(), images=3)
    torch.testing.assert_close(made, JpegIngest()(expected), rtol=0, atol=1e-3)
    assert (made - made.roll(1, 0)).abs().amax((1, 2, 3)).min() > 1
