"""Order, labels, workers and ranks of data sets, and arguments that do not fit."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support.codes import refused
from support.data_sets import ANY_SIZE, FILES, PIXELS, keys, loaded, tensors
from support.processes import fresh
from support.tiny_residual import tiny_residual
from torch.utils.data import DataLoader

import jpegcompile
from jpegcompile import ImageBatch, ImageDataset
from jpegcompile.data.sample import NO_LABEL
from jpegcompile.errors import AccessError, ImageError, UnsupportedModelError, UsageError


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
    yield {}, "dataset-target-missing"
    yield {**PIXELS, "size": (0, 9)}, "dataset-size-invalid"
    yield {**PIXELS, "size": 9}, "dataset-size-invalid"
    yield {**PIXELS, "layout": "HWC"}, "dataset-form-unknown"
    yield {**PIXELS, "batch_size": 2.5}, "dataset-option-not-whole"
    yield {**PIXELS, "seed": "1"}, "dataset-option-not-whole"
    yield {**PIXELS, "batch_size": 0}, "dataset-option-too-small"
    yield {**PIXELS, "threads": 0}, "dataset-option-too-small"
    yield {**PIXELS, "seed": -1}, "dataset-option-too-small"
    yield {**PIXELS, "dtype": "int8"}, "dataset-option-unknown"
    yield {**PIXELS, "on_error": "no"}, "dataset-option-unknown"
    yield {**PIXELS, "form": "jpeg"}, "dataset-form-unknown"
    yield {"form": "packed", "block": 8}, "dataset-packed-with-pixels"
    yield {**PIXELS, "block": 8}, "dataset-block-invalid"
    yield {**PIXELS, "form": "tensor", "block": 3}, "dataset-block-invalid"
    yield {**PIXELS, "form": "coefficients", "block": 16}, "dataset-block-invalid"
    yield {**PIXELS, "augment": "flop"}, "augmentation-item-unknown"
    for field in ({"decoder": "libjpeg-turbo"}, {"views": "five"}):
        wrong_field = {**PIXELS, "preprocess": {**ANY_SIZE, **field}}
        yield {**wrong_field, "form": "coefficients"}, "dataset-augment-not-linear"
        yield {**wrong_field, "augment": "flip"}, "dataset-augment-not-linear"
    yield {"model": "any", "augment": "flip"}, "dataset-augment-with-model"
    yield {"model": "any", "block": 8}, "dataset-preprocess-with-model"
    yield {**PIXELS, "rank": 2, "ranks": 2}, "dataset-rank-out-of-range"
    yield {**PIXELS, "rank": 1}, "dataset-rank-incomplete"
    yield {**PIXELS, "ranks": 2}, "dataset-rank-incomplete"
    yield {**PIXELS, "images": []}, "dataset-empty"
    yield {**PIXELS, "images": ["a.tar", "b"]}, "dataset-mixed-kinds"
    yield {**PIXELS, "images": "a.tar", "labels": "l.json"}, "dataset-labels-with-shards"
    yield {**PIXELS, "images": ["a", "b"], "labels": "l"}, "dataset-labels-with-files"
    yield (
        {"model": "any", "size": (32, 32)},
        "dataset-preprocess-with-model",
    )
    yield {"model": "any", "layout": "NHWC"}, "dataset-layout-fixed"
    yield (
        {"model": "any", "form": "packed"},
        "dataset-packed-any-size",
    )
    for form in ("coefficients", "packed"):
        yield {"model": "integers", "form": form}, "dataset-integer-decode"
    yield {"model": "tensor", "form": "packed"}, "dataset-model-for-tensors"
    yield (
        {"model": "fixed", "form": "packed", "fallback": "pixels"},
        "dataset-fallback-with-coefficients",
    )


@pytest.mark.parametrize(("given", "code"), list(wrong()))
def test_arguments_that_do_not_fit(
    given: dict[str, Any], code: str, models: dict[str, Path], folder: Path
) -> None:
    arguments = {"images": folder, "batch_size": 4, **given}
    if "model" in given:
        arguments["model"] = models[given["model"]]
    with refused(code, UsageError):
        ImageDataset(**arguments)


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_keep_their_codes(workers: int, folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "images"
    shutil.copytree(folder, copied)
    unusable = min(copied.iterdir()) / "unusable.jpg"
    unusable.write_bytes(b"not a JPEG file")
    dataset = ImageDataset(copied, 4, **PIXELS)
    with refused("jpeg-not-recognized", ImageError) as caught:
        list(DataLoader(dataset, batch_size=None, num_workers=workers))
    assert str(caught.value).startswith(f"{unusable}: ")


def test_models_that_are_none_of_ours(tmp_path: Path, folder: Path) -> None:
    import onnx

    onnx.save(tiny_residual(), tmp_path / "source.onnx")
    with refused("model-not-compiled", UnsupportedModelError):
        ImageDataset(folder, 4, model=tmp_path / "source.onnx")
    with refused("class-folders-missing", AccessError):
        ImageDataset(tmp_path / "none", 4, **PIXELS)


def test_without_torch_the_error_says_what_to_install() -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nimport jpegcompile\n"
        "try:\n    jpegcompile.ImageDataset\n"
        "except jpegcompile.errors.AccessError as error:\n    print(error.code, error)\n"
    )
    done = fresh(code)
    assert done.stdout.split()[0] == "dataset-needs-torch", done.stderr
    assert "pip install 'jpegcompile[learn]'" in done.stdout
