"""The files that `compile` writes, and a check that they replace no file that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jpegcompile.backends.dump import dump_files
from jpegcompile.errors import UsageError
from jpegcompile.files import is_same_file
from jpegcompile.gpu.folder import FOLDER_FILES
from jpegcompile.gpu.library.files import beside
from jpegcompile.messages import Message
from jpegcompile.pipeline import pass_names
from jpegcompile.target.base import Target
from jpegcompile.weights.read import external_files
from jpegcompile.weights.write import data_file

# Key of the model among the files that are read. Its weights may be in further files.
MODEL = "the model itself"


def written_files(
    output: Path,
    save_frequencies: Path | None,
    dump: Path | None,
    target: Target,
    *,
    weights: bool,
    kernels: bool,
) -> list[tuple[str, str, Path]]:
    """Return a description, the option and the path of every file that is written.

    Args:
        output: path of the model.
        save_frequencies: path of the plan; None if it is not written.
        dump: folder of the graphs after each pass; None if they are not written.
        target: target of the model.
        weights: whether the weights go to a separate file.
        kernels: whether GPU kernels are compiled.
    """
    files = [("--output", "--output", output)]
    if target.chooses_layouts and output.is_dir():
        # The files replace an earlier model in the same folder.
        files = [("a file of --output", "--output", output / name) for name in FOLDER_FILES]
    if weights:
        files.append(("the weights of --output", "--output", data_file(output)))
    if kernels and not target.chooses_layouts:
        files.append(("the GPU kernels of --output", "--output", beside(output)))
    if save_frequencies is not None:
        files.append(("--save-frequencies", "--save-frequencies", save_frequencies))
    if dump is not None:
        dumped = dump_files(dump, pass_names(target))
        files += [("a file of --dump-passes", "--dump-passes", file) for file in dumped]
    return files


def require_distinct(
    written: Sequence[tuple[str, str, Path]],
    inputs: Mapping[str, Path | None],
    images: Path | None,
) -> None:
    """Refuse to overwrite a file that is read, or to write one file twice.

    Args:
        written: result of `written_files`.
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
