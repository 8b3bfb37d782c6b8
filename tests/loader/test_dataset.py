"""Batches of folders and shards against what sessions and preprocessors make of the same files."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.coefficient_files import SAMPLINGS, random_file
from support.mixed_files import jpeg_file, mixed_file
from support.processes import fresh
from support.shard_files import write_shard
from support.tiny_residual import tiny_residual
from torch.utils.data import DataLoader

import jpegcompile
from jpegcompile import ImageBatch, ImageDataset
from jpegcompile.data.sample import NO_LABEL
from jpegcompile.errors import AccessError, ImageError, UnsupportedModelError, UsageError
from jpegcompile.jpeg.packed import PackedBatch

NUMBERS = {"scale": 1 / 255, "mean": [0.4, 0.45, 0.5], "std": [0.2, 0.25, 0.3]}
ANY_SIZE = {**NUMBERS, "resize": 36, "crop": "center"}
PIXELS: dict[str, Any] = {"preprocess": ANY_SIZE, "size": (32, 32)}
FILES = 11


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    paths = {name: folder / f"{name}.onnx" for name in ("fixed", "any", "tensor")}
    model = tiny_residual()
    jpegcompile.compile(model, preprocess=NUMBERS).save(paths["fixed"])
    jpegcompile.compile(model, preprocess=ANY_SIZE).save(paths["any"])
    jpegcompile.compile(model, preprocess=ANY_SIZE, input="tensor").save(paths["tensor"])
    return paths


def contents(count: int = FILES) -> list[bytes]:
    """Files of many sizes."""
    return [jpeg_file(36 + 3 * index, 50 - index, index) for index in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, files in turn."""
    root = tmp_path_factory.mktemp("classes")
    for index, data in enumerate(contents()):
        group = root / "abc"[index % 3]
        group.mkdir(exist_ok=True)
        (group / f"{index:02}.jpg").write_bytes(data)
    return root


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same in four shards, the last of which is short."""
    root = tmp_path_factory.mktemp("shards")
    data = contents()
    for shard in range(4):
        members = {}
        for index in range(3 * shard, min(3 * shard + 3, FILES)):
            members[f"{index:02}.jpg"] = data[index]
            members[f"{index:02}.cls"] = str(index % 3).encode()
        write_shard(root / f"s-{shard}.tar", members)
    return str(root / "s-{0..3}.tar")


def keys(batches: Sequence[ImageBatch]) -> list[str]:
    return [key for batch in batches for key in batch.keys]


def tensors(batches: Sequence[ImageBatch]) -> torch.Tensor:
    parts = [batch.inputs for batch in batches]
    return torch.cat([part for part in parts if isinstance(part, torch.Tensor)])


def loaded(dataset: ImageDataset, workers: int, **options: Any) -> list[ImageBatch]:
    return list(DataLoader(dataset, batch_size=None, num_workers=workers, **options))


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
    assert skipped.reason == "is 4:4:4 but the model is compiled for 4:2:0; use form tensor"
    (packed,) = ImageDataset(files, 8, form="packed", **given)
    assert isinstance(packed.inputs, PackedBatch)
    for name, values in packed.inputs.unpack().items():
        np.testing.assert_array_equal(values, expected[name])
    (empty,) = loaded(ImageDataset(files[2:3], 8, form="coefficients", **given, rank=0, ranks=2), 0)
    assert isinstance(empty.inputs, dict)
    assert {name: values.shape[1:] for name, values in empty.inputs.items()} == {
        name: values.shape[1:] for name, values in expected.items()
    }


def test_labels_are_those_of_folders(folder: Path, tmp_path: Path) -> None:
    batches = list(ImageDataset(folder, 4, **PIXELS))
    assert torch.cat([b.labels for b in batches]).tolist() == [0] * 4 + [1] * 4 + [2] * 3
    labels = tmp_path / "labels.json"
    labels.write_text('{"a": 7, "c": 3}')
    batches = list(ImageDataset(folder, 4, labels=labels, **PIXELS))
    assert torch.cat([b.labels for b in batches]).tolist() == [7] * 4 + [3] * 3
    batches = list(ImageDataset(folder / "a", 4, **PIXELS))
    assert torch.cat([b.labels for b in batches]).tolist() == [NO_LABEL] * 4
    assert (
        torch.nn.functional.cross_entropy(
            torch.tensor([[9.0, 0], [0, 1]]), torch.tensor([NO_LABEL, 1])
        )
        < 0.5
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_give_the_same_batches_of_a_folder(workers: int, folder: Path) -> None:
    dataset = ImageDataset(folder, 2, **PIXELS)
    alone, together = list(dataset), loaded(dataset, workers)
    assert [batch.keys for batch in together] == [batch.keys for batch in alone]
    assert torch.equal(tensors(together), tensors(alone))


@pytest.mark.parametrize(("ranks", "workers"), [(1, 2), (2, 2), (3, 2)])
def test_shards_are_read_once_by_workers_of_all_ranks(
    ranks: int, workers: int, shards: str
) -> None:
    found: list[ImageBatch] = []
    for rank in range(ranks):
        dataset = ImageDataset(shards, 2, shuffle=True, rank=rank, ranks=ranks, **PIXELS)
        found += loaded(dataset, workers)
    assert sorted(keys(found)) == [f"{index:02}" for index in range(FILES)]
    order = [int(key) for key in keys(found)]
    assert torch.cat([batch.labels for batch in found]).tolist() == [i % 3 for i in order]
    alone = list(ImageDataset(shards, FILES, **PIXELS))
    assert keys(alone) == [f"{index:02}" for index in range(FILES)]
    assert torch.equal(tensors(found), tensors(alone)[order])


@pytest.mark.parametrize("source", ["folder", "shards"])
def test_epochs_have_orders_of_their_own(source: str, folder: Path, shards: str) -> None:
    images = folder if source == "folder" else shards
    dataset = ImageDataset(images, 3, shuffle=True, seed=5, buffer=4, **PIXELS)
    # Workers that stay see the epoch, too.
    loader = DataLoader(dataset, batch_size=None, num_workers=2, persistent_workers=True)
    orders = []
    for epoch in (0, 1, 0):
        dataset.set_epoch(epoch)
        orders.append(keys(list(loader)))
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(keys(list(dataset)))
    other = ImageDataset(images, 3, shuffle=True, seed=6, buffer=4, **PIXELS)
    assert keys(list(other)) != keys(list(dataset))


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
    with pytest.raises(ImageError, match=r"^none of 4 images can be used; the first is .*04.jpg: "):
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
    with pytest.raises(ImageError, match=r"a.tar: 1: has no image among its members"):
        list(ImageDataset(images, 8, **PIXELS))


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


def test_last_batches(folder: Path) -> None:
    assert [len(b) for b in ImageDataset(folder, 4, **PIXELS)] == [4, 4, 3]
    assert [len(b) for b in ImageDataset(folder, 4, drop_last=True, **PIXELS)] == [4, 4]
    assert list(ImageDataset(folder, 12, drop_last=True, **PIXELS)) == []
    some = iter(ImageDataset(folder, 1, **PIXELS))
    assert len(next(some).keys) == 1


def test_data_sets_pickle(models: dict[str, Path], folder: Path) -> None:
    """As they must for workers that are started afresh."""
    dataset = ImageDataset(folder, 4, model=jpegcompile.load(models["any"]))
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(tensors(list(copy)), tensors(list(dataset)))


def test_ranks_are_those_of_torch_distributed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = ImageDataset(folder, 4, **PIXELS)
    every = keys(list(dataset))
    with monkeypatch.context() as patch:
        patch.setattr(torch.distributed, "is_initialized", lambda: True)
        patch.setattr(torch.distributed, "get_rank", lambda: 1)
        patch.setattr(torch.distributed, "get_world_size", lambda: 3)
        assert keys(list(dataset)) == every[1::3]
        copy = pickle.loads(pickle.dumps(dataset))
    # A worker that is started afresh is not part of the group.
    assert keys(list(copy)) == every[1::3]
    assert keys(list(dataset)) == every


def wrong() -> Iterator[tuple[dict[str, Any], str]]:
    yield {}, "give the compiled model that batches are for; or preprocess and size, for pixels"
    yield {**PIXELS, "size": (0, 9)}, "size is (0, 9); give (height, width) in pixels"
    yield {**PIXELS, "size": 9}, "size is 9; give (height, width) in pixels"
    yield {**PIXELS, "layout": "HWC"}, "layout is 'HWC'; use one of NCHW, NHWC"
    yield {**PIXELS, "batch_size": 2.5}, "batch_size is 2.5; give a whole number"
    yield {**PIXELS, "seed": "1"}, "seed is '1'; give a whole number"
    yield {**PIXELS, "batch_size": 0}, "batch_size is 0; give 1 or more"
    yield {**PIXELS, "threads": 0}, "threads is 0; give 1 or more"
    yield {**PIXELS, "seed": -1}, "seed is -1; give 0 or more"
    yield {**PIXELS, "dtype": "int8"}, "dtype is 'int8'; use one of float32, float16"
    yield {**PIXELS, "on_error": "no"}, "on_error is 'no'; use one of stop, skip, report"
    yield {**PIXELS, "form": "jpeg"}, "form is 'jpeg'; use one of tensor, pixels, coefficients,"
    yield {**PIXELS, "form": "packed"}, "form packed is for a compiled model; give one"
    yield {**PIXELS, "rank": 2, "ranks": 2}, "rank is 2 of 2; give both, the first less than"
    yield {**PIXELS, "images": []}, "no images are given; give a folder, files or shards"
    yield {**PIXELS, "images": ["a.tar", "b"]}, "some of the images are shards and some are not"
    yield {**PIXELS, "images": "a.tar", "labels": "l.json"}, "labels are for a folder; shards hold"
    yield {**PIXELS, "images": ["a", "b"], "labels": "l"}, "labels are for a folder with one folder"
    yield (
        {"model": "any", "size": (32, 32)},
        "a compiled model says how images come to it",
    )
    yield {"model": "any", "layout": "NHWC"}, "takes its tensor as NCHW; leave layout out"
    yield {"model": "any", "form": "packed"}, "whose coefficients make no batch; use form tensor"
    yield {"model": "tensor", "form": "packed"}, "takes tensors, and no coefficients; use form"
    yield (
        {"model": "fixed", "form": "packed", "fallback": "pixels"},
        "pixels have no coefficients to batch; leave fallback out",
    )


@pytest.mark.parametrize(("given", "message"), list(wrong()))
def test_arguments_that_do_not_fit(
    given: dict[str, Any], message: str, models: dict[str, Path], folder: Path
) -> None:
    arguments = {"images": folder, "batch_size": 4, **given}
    if "model" in given:
        arguments["model"] = models[given["model"]]
    with pytest.raises(UsageError) as caught:
        ImageDataset(**arguments)
    assert message in str(caught.value)


def test_models_that_are_none_of_ours(tmp_path: Path, folder: Path) -> None:
    import onnx

    onnx.save(tiny_residual(), tmp_path / "source.onnx")
    with pytest.raises(UnsupportedModelError, match="was not written by jpegcompile"):
        ImageDataset(folder, 4, model=tmp_path / "source.onnx")
    with pytest.raises(AccessError, match="no such folder"):
        ImageDataset(tmp_path / "none", 4, **PIXELS)


def test_without_torch_the_error_says_what_to_install() -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nimport jpegcompile\n"
        "try:\n    jpegcompile.ImageDataset\n"
        "except jpegcompile.errors.AccessError as error:\n    print(error)\n"
    )
    done = fresh(code)
    assert done.stdout == (
        "ImageDataset needs torch, which is not installed; pip install 'jpegcompile[learn]'\n"
    ), done.stderr
