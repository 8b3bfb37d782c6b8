"""Write the graph after each pass as a model, for Netron, ONNX Runtime and bug reports.

The models share one weight file that contains every distinct tensor once.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import onnx
from onnx.external_data_helper import uses_external_data

from jpegcompile.backends.emit import export
from jpegcompile.errors import AccessError, UsageError
from jpegcompile.files import is_same_file, write_whole
from jpegcompile.ir.module import Module
from jpegcompile.ir.weights import Values, array_of, detached
from jpegcompile.messages import Message
from jpegcompile.weights.read import tensors_of
from jpegcompile.weights.write import SMALLEST, Place, WeightFile, bytes_of

WEIGHTS_NAME = "weights.data"
SOURCE_NAME = "source"


class PassDump:
    """A folder of models `00-source.onnx`, `01-PASS.onnx`, ... and their weight file."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        passes: Sequence[str],
        others: Iterable[Sequence[str]] = (),
    ) -> None:
        """Create the folder if it is missing.

        Args:
            folder: folder to write to.
            passes: names of the passes of the pipeline.
            others: names of the passes of other pipelines. Their dumps in the folder are removed.

        Raises:
            AccessError: if the folder is a file, or cannot be created or written.
        """
        self._folder = Path(folder)
        self.files = dump_files(self._folder, passes)
        earlier = (file for names in others for file in dump_files(self._folder, names))
        self._replaced = {*self.files, *earlier}
        self._done = 0
        self._end = 0
        # Positions by content hash, and by object, so that a tensor that stays is hashed once.
        self._places: dict[str, Place] = {}
        self._known: dict[int, tuple[Values, Place]] = {}
        _require_folder(self._folder)

    def open(self, sources: Iterable[Path]) -> None:
        """Remove an earlier dump and create the weight file.

        Args:
            sources: files of the source model.

        Raises:
            UsageError: if a file of the source model would be overwritten.
            AccessError: if the folder cannot be written.
        """
        for source in sources:
            if any(is_same_file(file, source) for file in self._replaced):
                raise UsageError(
                    Message(
                        "dump-overwrites-source",
                        f"{source}: this file of the model would be overwritten;"
                        " give another folder with --dump-passes",
                    )
                )
        try:
            for file in self._replaced:
                file.unlink(missing_ok=True)
            self.files[0].write_bytes(b"")
        except OSError as error:
            raise _unwritable(self._folder, error) from error

    def write(self, module: Module) -> None:
        """Write the next model.

        Args:
            module: the module after the next pass.

        Raises:
            AccessError: if the model cannot be written.
        """
        with detached(module.graph, SMALLEST) as weights:
            model = export(module, check_types=False)
        self._place(model, weights)
        write_whole(self.files[1 + self._done], model.SerializeToString(deterministic=True))
        self._done += 1

    def write_broken(self, module: Module) -> None:
        """Try to write a graph that the verifier refuses; the caller then raises an error."""
        with suppress(Exception):
            self.write(module)

    def _place(self, model: onnx.ModelProto, weights: Mapping[str, Values]) -> None:
        """Append new weights to the weight file, and make the tensors of a model refer to it."""
        try:
            with self.files[0].open("ab") as stream:
                file = WeightFile(stream, WEIGHTS_NAME, self._end)
                places = {name: self._place_of(values, file) for name, values in weights.items()}
                self._end = file.end
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        for tensor in tensors_of(model.graph):
            if uses_external_data(tensor):
                file.refer(tensor, places[tensor.name])

    def _place_of(self, values: Values, file: WeightFile) -> Place:
        known = self._known.get(id(values))
        if known is not None:
            return known[1]
        array = array_of(values)
        digest = hashlib.sha256(bytes_of(array)).hexdigest()
        if digest not in self._places:
            self._places[digest] = file.append(array)
        # Keep the object alive, or another object could get its id.
        self._known[id(values)] = (values, self._places[digest])
        return self._places[digest]


def dump_files(folder: Path, passes: Sequence[str]) -> list[Path]:
    """Return the files of a dump: the weight file, then the models in order."""
    width = max(2, len(str(len(passes))))
    names = [f"{n:0{width}}-{name}.onnx" for n, name in enumerate((SOURCE_NAME, *passes))]
    return [folder / name for name in (WEIGHTS_NAME, *names)]


def _require_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise AccessError(
            Message(
                "dump-folder-is-file",
                f"{folder}: is not a folder; give another folder with --dump-passes",
            )
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> AccessError:
    return AccessError(
        Message(
            "dump-folder-unwritable",
            f"{folder}: cannot write: {error.strerror}; give another folder with --dump-passes",
        )
    )
