"""What `compile` writes, and that none of it is anything that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jpegcompile.backends.dump import dump_files
from jpegcompile.errors import UsageError
from jpegcompile.files import is_same_file
from jpegcompile.gpu.folder import FOLDER_FILES
from jpegcompile.gpu.library.files import beside
from jpegcompile.pipeline import pass_names
from jpegcompile.target.base import Target
from jpegcompile.weights.read import external_files
from jpegcompile.weights.write import data_file

# Which of the files that are read is the model, whose weights may lie in more of them.
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
    """What each written file is, the option that names it, and its path.

    Args:
        output: the model.
        save_frequencies: the plan, None if it is not written.
        dump: folder of graphs behind each pass, None if they are not written.
        target: of the model.
        weights: whether weights go to a file of their own.
        kernels: whether GPU kernels are compiled.
    """
    files = [("--output", "--output", output)]
    if target.chooses_layouts and output.is_dir():
        # The files of a model that was written there before are replaced.
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
    """Refuse to write over what is read, and one file over the other.

    Args:
        written: as `written_files` gives them.
        inputs: files that are read, by what a message calls them; None where there is none.
        images: folder of images that are read.

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
            raise UsageError(f"{file}: is {clashes[0]}; give another {option}")
