"""Write the graph after each pass, for Netron, ONNX Runtime and bug reports.

The models share one file of weights, in which every distinct tensor is once.
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
from jpegcompile.weights.read import tensors_of
from jpegcompile.weights.write import SMALLEST, Place, WeightFile, bytes_of

WEIGHTS_NAME = "weights.data"
SOURCE_NAME = "source"


class PassDump:
    """A folder of models `00-source.onnx`, `01-PASS.onnx`, ... and their file of weights."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        passes: Sequence[str],
        others: Iterable[Sequence[str]] = (),
    ) -> None:
        """Make the folder, if it is missing.

        Args:
            folder: to write to.
            passes: names of the pipeline's passes.
            others: of other pipelines, of which the folder may hold a dump.

        Raises:
            AccessError: if it is a file, or cannot be made or written.
        """
        self._folder = Path(folder)
        self.files = dump_files(self._folder, passes)
        earlier = (file for names in others for file in dump_files(self._folder, names))
        self._replaced = {*self.files, *earlier}
        self._done = 0
        self._end = 0
        # By content; and by the object itself, so that one that stays is hashed once.
        self._places: dict[str, Place] = {}
        self._known: dict[int, tuple[Values, Place]] = {}
        _require_folder(self._folder)

    def open(self, sources: Iterable[Path]) -> None:
        """Remove an earlier dump and begin the file of weights.

        Args:
            sources: files that the source model is read from.

        Raises:
            UsageError: if one of them would be overwritten.
            AccessError: if the folder cannot be written.
        """
        for source in sources:
            if any(is_same_file(file, source) for file in self._replaced):
                raise UsageError(
                    f"{source}: belongs to the model and would be overwritten;"
                    " give another --dump-passes"
                )
        try:
            for file in self._replaced:
                file.unlink(missing_ok=True)
            self.files[0].write_bytes(b"")
        except OSError as error:
            raise _unwritable(self._folder, error) from error

    def write(self, module: Module) -> None:
        """Write the next model.

        Raises:
            AccessError: if it cannot be written.
        """
        with detached(module.graph, SMALLEST) as weights:
            model = export(module, check_types=False)
        self._place(model, weights)
        write_whole(self.files[1 + self._done], model.SerializeToString(deterministic=True))
        self._done += 1

    def write_broken(self, module: Module) -> None:
        """Write a graph that the verifier refuses, if there is any way to: an error follows."""
        with suppress(Exception):
            self.write(module)

    def _place(self, model: onnx.ModelProto, weights: Mapping[str, Values]) -> None:
        """Append new weights to their file, and let the tensors of a model refer to it."""
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
        # The object is kept, or another one could get its id.
        self._known[id(values)] = (values, self._places[digest])
        return self._places[digest]


def dump_files(folder: Path, passes: Sequence[str]) -> list[Path]:
    """What a dump writes: the file of weights, then the models in order."""
    width = max(2, len(str(len(passes))))
    names = [f"{n:0{width}}-{name}.onnx" for n, name in enumerate((SOURCE_NAME, *passes))]
    return [folder / name for name in (WEIGHTS_NAME, *names)]


def _require_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise AccessError(f"{folder}: is not a folder; give another --dump-passes")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> AccessError:
    return AccessError(f"{folder}: cannot write: {error.strerror}; give another --dump-passes")
