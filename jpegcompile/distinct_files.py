"""Refuse to overwrite a file that a command reads, or to write one file twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jpegcompile.errors import UsageError
from jpegcompile.files import is_same_file
from jpegcompile.messages import Message
from jpegcompile.weights.read import external_files

# Key of the model among the files that are read. Its weights may be in further files.
MODEL = "the model itself"


def require_distinct(
    written: Sequence[tuple[str, str, Path]],
    inputs: Mapping[str, Path | None],
    images: Path | None,
) -> None:
    """Refuse to overwrite a file that is read, or to write one file twice.

    Args:
        written: description, option and path of every file that is written.
        inputs: files that are read, by their names in messages; None for a file that is not given.
        images: folder of the images that are read.

    Raises:
        UsageError: naming the file and the option to change.
    """
    read = [(name, path) for name, path in inputs.items() if path is not None]
    model = inputs[MODEL]
    if model is not None and any(file.exists() for _, _, file in written):
        read += [("a file of the model's weights", file) for file in external_files(model)]
    for index, (_, option, file) in enumerate(written):
        clashes = [name for name, path in read if is_same_file(file, path)]
        if images is not None and images.resolve() in file.resolve().parents:
            clashes.append("in the folder of --images")
        others = [(name, path) for name, other, path in written[:index] if other != option]
        clashes += [f"{name} too" for name, path in others if is_same_file(file, path)]
        if clashes:
            text = f"{file}: is {clashes[0]}; give another {option}"
            raise UsageError(Message("output-is-input", text))
