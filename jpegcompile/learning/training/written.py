"""The files that a run writes, checked before anything is learned."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jpegcompile.data.cache.layout import MAGIC
from jpegcompile.data.found import SHARD
from jpegcompile.data.patterns import expanded
from jpegcompile.distinct_files import MODEL, require_distinct
from jpegcompile.errors import UsageError
from jpegcompile.evaluation.dataset import suffixes_of
from jpegcompile.files import require_writable
from jpegcompile.learning.training.metrics import require_tensorboard
from jpegcompile.messages import Message
from jpegcompile.weights.read import external_files
from jpegcompile.weights.write import data_file

_WRITTEN = ("output", "compiled", "checkpoint", "metrics", "cache")
# Options whose value may be the path of a file that is read.
_READ = ("preprocess", "frequencies", "labels", "distill", "validation")


def require_outputs(given: Mapping[str, Any]) -> None:
    """Refuse outputs that cannot be written.

    Args:
        given: arguments of `finetune` by name.

    Raises:
        UsageError: if a file would be overwritten that is read, or written twice.
        AccessError: if a file cannot be written, or TensorBoard is missing.
    """
    if given["tensorboard"] is not None:
        require_tensorboard(Path(given["tensorboard"]))
    model = Path(given["model"])
    written = [(f"--{n}", f"--{n}", Path(given[n])) for n in _WRITTEN if given[n] is not None]
    if external_files(model):
        weights = data_file(given["output"])
        written.insert(1, ("the weights of --output", "--output", weights))
    require_distinct(written, {MODEL: model, **dict(_read_files(given))}, None)
    # Other files than images may be in the folder of the images.
    suffixes = suffixes_of("pixels")
    like_images = [one for one in written if one[2].suffix.lower() in suffixes]
    require_distinct(like_images, {MODEL: None}, _folder(given["images"]))
    for _, option, path in written:
        if option != "--cache":
            require_writable(path)
    if given["cache"] is not None:
        _require_cache(Path(given["cache"]))


def _read_files(given: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Yield the files that are read, besides the model, with their names in messages."""
    for name in _READ:
        value = given[name]
        if isinstance(value, str | os.PathLike) and Path(value).is_file():
            yield f"the file of --{name}", Path(value)
    images = given["images"]
    for one in [images] if isinstance(images, str | os.PathLike) else images:
        text = os.fspath(one)
        for file in expanded(text) if text.lower().endswith(SHARD) else [text]:
            if Path(file).is_file():
                yield f"{file} of --images", Path(file)


def _folder(images: Any) -> Path | None:
    is_folder = isinstance(images, str | os.PathLike) and Path(images).is_dir()
    return Path(images) if is_folder else None


def _require_cache(path: Path) -> None:
    """Refuse to replace a file that is not a cache. A cache that exists may be read only."""
    if not path.is_file():
        require_writable(path)
        return
    with path.open("rb") as file:
        if file.read(len(MAGIC)) == MAGIC:
            return
    raise UsageError(
        Message(
            "finetune-cache-other-file",
            f"{path}: exists and is not a cache of images; give another --cache",
        )
    )
