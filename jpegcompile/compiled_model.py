"""A compiled model in memory, and how it is saved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray

from jpegcompile.files import write_folder
from jpegcompile.gpu.cubin_file import is_cubin_file
from jpegcompile.gpu.folder import CUBINS, require_replaceable
from jpegcompile.gpu.library.files import beside
from jpegcompile.options.compiling import EXTERNAL_DATA
from jpegcompile.report import Report
from jpegcompile.weights.write import save


@dataclass(frozen=True)
class CompiledModel:
    """A compiled model in memory.

    Attributes:
        model: the ONNX model. Above 2 GB it lacks the values of its larger weights.
        report: which nodes were lowered, and which stay spatial and why.
        weights: the values that `model` lacks, by the names of the initializers.
        files: for `--target triton`, the files of the folder. The runtime uses only these files;
            `model` describes in ONNX what they compute.
        cubins: for `--target ort` with `aot`, the file of GPU kernels.
    """

    model: onnx.ModelProto = field(repr=False)
    report: Report = field(repr=False)
    weights: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    cubins: bytes = field(default=b"", repr=False)

    def save(
        self, path: str | os.PathLike[str], *, external_data: bool = EXTERNAL_DATA.default
    ) -> None:
        """Write the model. Its files appear complete or not at all.

        Args:
            path: file to write; for `--target triton`, the folder.
            external_data: whether to write weights to a separate file, `path` with the suffix
                `.data`. Weights of models above 2 GB are always separate.

        Raises:
            AccessError: if a file cannot be written.
        """
        if self.files:
            require_replaceable(path)
            write_folder(path, self.files)
            if CUBINS not in self.files:
                # The file belongs to an earlier model in the same folder.
                (Path(path) / CUBINS).unlink(missing_ok=True)
            return
        kernels = beside(path)
        companions = {kernels: self.cubins} if self.cubins else {}
        save(self.model, path, self.weights, external_data=external_data, companions=companions)
        if not self.cubins and is_cubin_file(kernels):
            # The file belongs to an earlier model of the same name.
            kernels.unlink()
