"""Images that cannot be used leave no gap, and the pixel fallback takes some of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from support.codes import refused
from support.data_sets import PIXELS, contents, keys, loaded, tensors
from support.mixed_files import jpeg_file, mixed_file
from support.shard_files import write_shard

import jpegcompile
from jpegcompile import ImageDataset
from jpegcompile.data.sample import NO_LABEL
from jpegcompile.errors import ImageError


def bad_folder(folder: Path, places: Sequence[int], count: int = 12) -> list[str]:
    """Files, those at `places` damaged; gives the others."""
    for index, data in enumerate(contents(count)):
        broken = data[: len(data) // 2] if index % 2 else b"no image"
        (folder / f"{index:02}.jpg").write_bytes(broken if index in places else data)
    return [str(folder / f"{i:02}.jpg") for i in range(count) if i not in places]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("places", [(0, 1, 5), (10, 11), (0, 1, 2, 3), (3, 4, 11)])
def test_bad_files_leave_no_gap(places: Sequence[int], workers: int, tmp_path: Path) -> None:
    good = bad_folder(tmp_path, places)
    dataset = ImageDataset(tmp_path, 4, on_error="report", **PIXELS)
    batches = loaded(dataset, workers)
    assert sorted(keys(batches)) == good
    found = sorted(skipped.file for batch in batches for skipped in batch.skipped)
    assert found == [str(tmp_path / f"{index:02}.jpg") for index in places]
    assert sum(len(batch) < 4 for batch in batches) <= max(workers, 1)
    alone = tensors(list(ImageDataset(good, 99, **PIXELS)))
    order = [good.index(key) for key in keys(batches)]
    assert torch.equal(tensors(batches), alone[order])
    if not workers:
        assert keys(batches) == good
        with pytest.raises(ImageError) as caught:
            list(ImageDataset(tmp_path, 4, **PIXELS))
        assert str(caught.value).startswith(f"{tmp_path / f'{places[0]:02}.jpg'}: ")


def test_a_worker_of_bad_files_alone_ends_nothing(tmp_path: Path) -> None:
    good = bad_folder(tmp_path, (4, 5, 6, 7), 8)
    batches = loaded(ImageDataset(tmp_path, 4, on_error="skip", **PIXELS), 2)
    assert [batch.keys for batch in batches] == [good, []]
    assert tensors(batches[1:]).shape == (0, 3, 32, 32)
    assert len(batches[1].skipped) == 4
    with refused("dataset-no-image-usable", ImageError):
        list(ImageDataset(sorted(tmp_path.iterdir())[4:], 4, on_error="skip", **PIXELS))


def test_bad_members_of_shards(tmp_path: Path) -> None:
    whole = jpeg_file(40, 40)
    members = {
        "0.jpg": whole,
        "1.cls": b"1",
        "2.jpg": whole[:300],
        "3.jpg": whole,
        "3.cls": b"dog",
        "4.png": mixed_file("png", 40, 40),
        "4.cls": b"4",
        "5.jpg": whole,
        "5.cls": b"5",
    }
    path = write_shard(tmp_path / "a.tar", members)
    cut = write_shard(tmp_path / "b.tar", {"6.jpg": whole, "7.jpg": whole})
    # Within the header of the second member.
    cut.write_bytes(cut.read_bytes()[: 512 * (1 + -(-len(whole) // 512)) + 100])
    images = [path, cut, tmp_path / "missing.tar"]
    (batch,) = ImageDataset(images, 8, on_error="skip", fallback="pixels", **PIXELS)
    (plain,) = ImageDataset(images, 8, on_error="skip", **PIXELS)
    assert (batch.keys, plain.keys) == (["0", "4", "5", "6"], ["0", "5", "6"])
    assert batch.labels.tolist() == [NO_LABEL, 4, 5, NO_LABEL]
    assert (batch.pixel_fallbacks, plain.pixel_fallbacks) == (1, 0)
    names = [one.file for one in batch.skipped]
    expected = [f"{path}: {key}" for key in "123"]
    assert sorted(names) == sorted([*expected, str(cut), str(tmp_path / "missing.tar")])
    with refused("shard-sample-without-image", ImageError) as caught:
        list(ImageDataset(images, 8, **PIXELS))
    assert "a.tar" in str(caught.value)


def test_the_fallback_is_that_of_sessions(models: dict[str, Path], tmp_path: Path) -> None:
    kinds = ("png", "webp", "cmyk.jpg")
    for index, kind in enumerate(kinds):
        (tmp_path / f"{index}.{kind}").write_bytes(mixed_file(kind, 50, 40, index))
    (tmp_path / "3.jpg").write_bytes(jpeg_file(40, 44))
    for name in ("any", "tensor"):
        (batch,) = ImageDataset(tmp_path, 8, model=models[name], fallback="pixels")
        assert (len(batch), batch.pixel_fallbacks) == (4, 3)
        session = jpegcompile.load(models[name])
        expected = session.run([Path(key) for key in batch.keys], fallback="pixels")
        for actual, wanted in zip(
            session.run_image(tensors([batch]).numpy()), expected, strict=True
        ):
            np.testing.assert_allclose(actual, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    first, last = (
        tensors(list(ImageDataset(tmp_path, 8, fallback="pixels", layout=layout, **PIXELS)))
        for layout in ("NCHW", "NHWC")
    )
    assert torch.equal(first, last.permute(0, 3, 1, 2))
