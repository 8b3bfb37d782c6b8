"""Models and files that data sets read."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.data_sets import ANY_SIZE, FILES, NUMBERS, contents
from support.shard_files import write_shard
from support.tiny_residual import tiny_residual

import jpegcompile


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    paths = {name: folder / f"{name}.onnx" for name in ("fixed", "any", "tensor", "integers")}
    model = tiny_residual()
    jpegcompile.compile(model, preprocess=NUMBERS).save(paths["fixed"])
    jpegcompile.compile(model, preprocess=ANY_SIZE).save(paths["any"])
    jpegcompile.compile(model, preprocess=ANY_SIZE, input="tensor").save(paths["tensor"])
    integers = {**ANY_SIZE, "decoder": "libjpeg-turbo"}
    jpegcompile.compile(model, preprocess=integers).save(paths["integers"])
    return paths


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
