"""The files that `compile` writes."""

from __future__ import annotations

from pathlib import Path

from jpegcompile.backends.dump import dump_files
from jpegcompile.gpu.folder import FOLDER_FILES
from jpegcompile.gpu.library.files import beside
from jpegcompile.pipeline import pass_names
from jpegcompile.target.base import Target
from jpegcompile.weights.write import data_file


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
