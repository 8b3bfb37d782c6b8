"""Batches from a cache are those of its files or shards."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from support.caches import assert_same_batches
from support.codes import refused
from support.data_sets import ANY_SIZE, PIXELS, loaded
from support.mixed_files import jpeg_file, mixed_file
from support.shard_files import write_shard

import jpegcompile
from jpegcompile import CoefficientCache, ImageDataset, build_cache, unpack_batch
from jpegcompile.errors import AccessError, CheckFailedError, ImageError, UsageError
from jpegcompile.jpeg.packed_images import PackedImages
from jpegcompile.jpeg.read import read_coefficients


@pytest.fixture(scope="module")
def caches(folder: Path, shards: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("caches")
    for name, images in (("folder", folder), ("shards", shards)):
        build_cache(images, root / f"{name}.jpegcache")
    return {name: root / f"{name}.jpegcache" for name in ("folder", "shards")}


FORMS: dict[str, dict[str, Any]] = {
    "pixels": PIXELS,
    "integers": {"preprocess": {**ANY_SIZE, "decoder": "libjpeg-turbo"}, "size": (32, 32)},
    "half": {**PIXELS, "dtype": "float16", "layout": "NHWC"},
    "tensor": {"model": "any"},
    "coefficients": {"model": "any", "form": "coefficients"},
    "packed": {"form": "packed"},
    "for training": {**PIXELS, "form": "packed", "augment": "flip,resized-crop,contrast=0.4"},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_that_of_the_files(
    form: str, models: dict[str, Path], folder: Path, caches: dict[str, Path]
) -> None:
    given = dict(FORMS[form])
    if "model" in given:
        given["model"] = models[given["model"]]
    expected = list(ImageDataset(folder, 4, **given))
    assert_same_batches(list(ImageDataset(caches["folder"], 4, **given)), expected)
    assert_same_batches(list(ImageDataset(folder, 4, cache=caches["folder"], **given)), expected)


def test_models_of_one_size(models: dict[str, Path], tmp_path: Path) -> None:
    """And files of which some do not fit."""
    for index, size in enumerate((32, 32, 40, 32)):
        (tmp_path / f"{index}.jpg").write_bytes(jpeg_file(size, 32, 5))
    build_cache(tmp_path, tmp_path / "c.jpegcache")
    for form in ("tensor", "coefficients", "packed"):
        given: Any = {"model": models["fixed"], "form": form, "on_error": "skip"}
        expected = list(ImageDataset(tmp_path, 3, **given))
        assert len(expected[0].skipped) == 1
        assert_same_batches(list(ImageDataset(tmp_path / "c.jpegcache", 3, **given)), expected)


@pytest.mark.parametrize(("ranks", "workers"), [(1, 0), (2, 2)])
@pytest.mark.parametrize("kind", ["folder", "shards"])
def test_order_workers_and_ranks(
    kind: str, ranks: int, workers: int, folder: Path, shards: str, caches: dict[str, Path]
) -> None:
    images = folder if kind == "folder" else shards
    for rank in range(ranks):
        given: Any = {"shuffle": True, "seed": 3, "buffer": 4, "rank": rank, "ranks": ranks}
        given |= FORMS["for training"]
        made = ImageDataset(caches[kind], 2, **given)
        expected = ImageDataset(images, 2, **given)
        for epoch in (0, 1):
            made.set_epoch(epoch)
            expected.set_epoch(epoch)
            assert_same_batches(loaded(made, workers), loaded(expected, workers))


def test_spawned_workers_open_the_cache_again(folder: Path, caches: dict[str, Path]) -> None:
    dataset = ImageDataset(caches["folder"], 4, **PIXELS)
    copy = pickle.loads(pickle.dumps(dataset))
    assert_same_batches(list(copy), list(ImageDataset(folder, 4, **PIXELS)))


def test_a_cache_that_was_replaced_is_not_mixed_up(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.jpegcache"
    build_cache(folder, path)
    state = pickle.dumps(CoefficientCache(path))
    path.unlink()
    build_cache(folder / "a", path)
    with refused("cache-replaced", UsageError):
        pickle.loads(state)


def test_random_access(folder: Path, caches: dict[str, Path]) -> None:
    cache = CoefficientCache(caches["folder"])
    files = sorted(folder.rglob("*.jpg"))
    assert len(cache) == len(files)
    assert cache.meta.classes == {"a": 0, "b": 1, "c": 2}
    assert [sample.key for sample in cache[2:5]] == [str(file) for file in files[2:5]]
    assert cache[-1].label == 2
    with pytest.raises(IndexError):
        _ = cache[len(files)]
    batch = cache.images([7, 2])
    assert isinstance(batch, PackedImages)
    dense = unpack_batch(batch)
    assert set(dense) == {"luma", "chroma", "quantization"}
    for row, index in enumerate((7, 2)):
        expected = read_coefficients(files[index])
        rows, columns = expected.planes[0].shape[:2]
        own = dense["luma"][row, 0, :rows, :columns].numpy()
        assert (own == expected.planes[0]).all()
        assert (dense["quantization"][row].numpy() == expected.quantization).all()
    assert dense["luma"].dtype == torch.int16
    assert dense["quantization"].dtype == torch.uint16
    assert cache.packed_bytes < cache.source_bytes


def test_strips_of_a_batch(caches: dict[str, Path]) -> None:
    batch = CoefficientCache(caches["folder"]).images(range(9))
    whole = unpack_batch(batch, threads=1)
    seen = 0
    for strip, tensors in jpegcompile.unpacked_strips(batch, images=4):
        count, _, rows, columns = tensors["luma"].shape[:4]
        seen += count
        assert torch.equal(tensors["luma"], whole["luma"][strip, :, :rows, :columns])
        assert torch.equal(tensors["quantization"].int(), whole["quantization"][strip].int())
    assert seen == 9


@pytest.fixture
def spoiled(folder: Path, tmp_path: Path) -> Path:
    """The folder with files that are unusable, each for another reason."""
    copied = tmp_path / "images"
    shutil.copytree(folder, copied)
    (copied / "a" / "broken.jpg").symlink_to("nowhere")
    (copied / "b" / "00.jpg").write_bytes(b"not a JPEG file")
    (copied / "b" / "cut.jpg").write_bytes(jpeg_file(40, 40)[:-300])
    (copied / "c" / "cmyk.jpg").write_bytes(mixed_file("cmyk.jpg", 40, 40))
    (copied / "c" / "chroma.jpg").write_bytes(mixed_file("chroma.jpg", 40, 40))
    (copied / "c" / "folder.jpg").mkdir()
    return copied


def test_unusable_images_are_listed(spoiled: Path, tmp_path: Path) -> None:
    cache = tmp_path / "c.jpegcache"
    report = build_cache(spoiled, cache, on_error="skip")
    assert len(report.skipped) == 5
    assert report.images == 12
    given: Any = {"form": "packed", "on_error": "skip"}
    expected = list(ImageDataset(spoiled, 4, **given))
    assert sum(len(batch.skipped) for batch in expected) == 6
    assert_same_batches(list(ImageDataset(cache, 4, **given)), expected)
    for images in (spoiled, cache):
        with refused("image-unreadable", AccessError) as caught:
            list(ImageDataset(images, 20, form="packed"))
        assert str(caught.value).startswith(f"{spoiled}/a/broken.jpg: cannot read: ")
    with refused("image-unreadable", AccessError):
        build_cache(spoiled, cache)
    index = CoefficientCache(cache).unusable[0]
    with refused("image-unreadable", AccessError):
        CoefficientCache(cache).images([index])


def test_damage_is_read_as_when_the_cache_was_built(spoiled: Path, tmp_path: Path) -> None:
    cache = tmp_path / "c.jpegcache"
    given: Any = {"form": "packed", "on_error": "skip"}
    build_cache(spoiled, cache, on_error="skip", tolerant=True)
    expected = list(ImageDataset(spoiled, 4, tolerant=True, **given))
    assert_same_batches(list(ImageDataset(cache, 4, tolerant=True, **given)), expected)
    with refused("dataset-cache-tolerant", UsageError):
        ImageDataset(cache, 4, **given)


def test_shards_with_damage(tmp_path: Path) -> None:
    shards = [tmp_path / "a.tar", tmp_path / "b.tar"]
    image = jpeg_file(40, 40)
    write_shard(shards[0], {"0.txt": b"no image", "1.jpg": image, "2.jpg": image, "2.cls": b"x"})
    write_shard(shards[1], {"3.jpg": image, "4.jpg": image})
    shards[1].write_bytes(shards[1].read_bytes()[:-11_000])
    build_cache(shards, tmp_path / "c.jpegcache", on_error="skip")
    given: Any = {"form": "packed", "on_error": "skip"}
    expected = list(ImageDataset(shards, 4, **given))
    assert [one.file for one in expected[0].skipped] == [
        *(f"{shards[0]}: {key}" for key in "02"),
        str(shards[1]),
    ]
    assert_same_batches(list(ImageDataset(tmp_path / "c.jpegcache", 4, **given)), expected)


def test_arguments_that_do_not_fit(folder: Path, caches: dict[str, Path]) -> None:
    for more in ({"cache": caches["folder"]}, {"labels": "labels.json"}):
        with refused("dataset-cache-with-more", UsageError):
            ImageDataset(caches["folder"], 4, **more, **PIXELS)
    with refused("dataset-cache-with-fallback", UsageError):
        ImageDataset(caches["folder"], 4, fallback="pixels", **PIXELS)
    with refused("cache-unreadable", AccessError):
        ImageDataset(folder, 4, cache=folder / "none", **PIXELS)


def test_caches_that_are_out_of_date(folder: Path, tmp_path: Path) -> None:
    copied, cache = tmp_path / "images", tmp_path / "c.jpegcache"
    shutil.copytree(folder, copied)
    build_cache(copied, cache)
    # A copy with another time has the same content.
    first = min((copied / "a").iterdir())
    first.touch()
    ImageDataset(copied, 4, cache=cache, **PIXELS)
    changes: list[tuple[str, Any]] = [
        ("is new", lambda: (copied / "b" / "99.jpg").write_bytes(jpeg_file(40, 40))),
        (f"{first} is missing", first.unlink),
        ("is missing", lambda: max((copied / "c").iterdir()).unlink()),
        ("has changed", lambda: first.write_bytes(bytes(len(first.read_bytes())))),
        ("the classes have changed", lambda: (copied / "a").rename(copied / "d")),
    ]
    for text, change in changes:
        change()
        with refused("cache-stale", CheckFailedError) as caught:
            ImageDataset(copied, 4, cache=cache, **PIXELS)
        assert text in str(caught.value)
        shutil.rmtree(copied)
        shutil.copytree(folder, copied)
    with refused("cache-stale", CheckFailedError):
        ImageDataset(copied / "a", 4, cache=cache, **PIXELS)


def test_shards_that_have_changed(tmp_path: Path) -> None:
    shard, cache = tmp_path / "a.tar", tmp_path / "c.jpegcache"
    members = {f"{index}.jpg": jpeg_file(40, 40, index) for index in range(3)}
    write_shard(shard, members)
    build_cache(shard, cache)
    shard.touch()
    CoefficientCache(cache).require_fresh(shard)
    data = shard.read_bytes()
    place = data.index(members["1.jpg"])
    shard.write_bytes(data[: place + 9] + b"?" + data[place + 10 :])
    with refused("cache-stale", CheckFailedError) as caught:
        CoefficientCache(cache).require_fresh()
    assert f"{shard}: 1 has changed" in str(caught.value)
    shard.write_bytes(data + bytes(512))
    with refused("cache-stale", CheckFailedError) as caught:
        CoefficientCache(cache).require_fresh(shard)
    assert f"{shard} has changed" in str(caught.value)


def test_a_folder_without_usable_images(tmp_path: Path) -> None:
    (tmp_path / "0.jpg").write_bytes(b"no image")
    with refused("cache-without-images", ImageError):
        build_cache(tmp_path, tmp_path / "c.jpegcache", on_error="skip")
