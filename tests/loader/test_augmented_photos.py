"""Real files of all kinds, augmented: the native reader, and coefficients through the ingest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.preprocessing import tolerance
from support.tiers import thorough

from jpegcompile import ImageDataset
from jpegcompile.learning.ingest import JpegIngest

pytestmark = pytest.mark.shared


def files_of(shared: Path, kind: str) -> list[Path]:
    images = shared / "images"
    if kind == "cifar":
        return sorted((images / "cifar10_test").rglob("*.jpg"))[::40]
    if kind == "photos":
        return sorted((images / "photos").glob("*.JP*G"))[::4]
    # What the reader refuses.
    return [path for path in sorted((images / "odd").glob("*")) if path.name != "cmyk.jpg"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("cifar", "cifar,cutout=8,contrast=0.4"),
        ("odd", "imagenet,brightness=0.3,saturation=0.5"),
        pytest.param("photos", "imagenet,contrast=0.3,cutout=32", marks=thorough),
        pytest.param("photos", "flip,crop=8", marks=thorough),
    ],
)
def test_both_ways_agree(kind: str, text: str, shared: Path) -> None:
    files = files_of(shared, kind)
    side, preprocess = (32, "cifar10") if kind == "cifar" else (96, "imagenet")
    given: Any = {"preprocess": preprocess, "size": (side, side), "augment": text, "block": 8}
    placed: Any = list(ImageDataset(files, 16, form="coefficients", **given))
    native: Any = list(ImageDataset(files, 16, form="tensor", **given))
    assert sum(len(batch) for batch in placed) == len(files)
    for one, other in zip(placed, native, strict=True):
        assert one.keys == other.keys
        made, expected = JpegIngest()(one.inputs), other.inputs
        allowed = 2 * tolerance(expected.double().numpy())
        torch.testing.assert_close(made, expected, rtol=0, atol=allowed)
        assert (made.roll(8, 2) - expected).abs().max() > 100 * allowed
