"""The files of a model for `--target triton`, and their manifest."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jpegcompile.errors import AccessError, UnsupportedModelError
from jpegcompile.files import read_json
from jpegcompile.messages import Message

MODEL = "model.py"
WEIGHTS = "weights.safetensors"
MANIFEST = "manifest.json"
# Kernels that are compiled ahead of time, with --aot only.
CUBINS = "kernels.cubins"
FOLDER_FILES = (MODEL, WEIGHTS, MANIFEST)
# Version of the manifest. Newer versions are refused.
MANIFEST_FORMAT = 1


def is_module_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a path is the folder of a model for `--target triton`."""
    return (Path(path) / MANIFEST).is_file()


def read_manifest(folder: Path) -> Mapping[str, Any]:
    """Read the manifest of a folder.

    Raises:
        AccessError: if the manifest cannot be read.
        UnsupportedModelError: if it is not a manifest, or of a newer version.
    """
    data = read_json(folder / MANIFEST, "the manifest")
    if not isinstance(data, dict) or not {"format", "info", "files", "tilings"} <= data.keys():
        raise UnsupportedModelError(
            Message(
                "manifest-invalid",
                f"{folder / MANIFEST}: is not a manifest of jpegcompile; compile the model again",
            )
        )
    if data["format"] > MANIFEST_FORMAT:
        raise UnsupportedModelError(
            Message(
                "manifest-too-new",
                f"{folder}: has format {data['format']}, but this version reads formats up to"
                f" {MANIFEST_FORMAT}; upgrade jpegcompile",
            )
        )
    return data


def manifest_text(manifest: Mapping[str, Any]) -> bytes:
    """Return the content of a manifest file."""
    return (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()


def require_replaceable(path: str | os.PathLike[str]) -> None:
    """Require that a path is free, an empty folder, or the folder of a model to replace.

    Raises:
        AccessError: if the path is a file, or a folder with other files.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise AccessError(
            Message(
                "triton-output-is-file",
                f"{path}: is a file, but --target triton writes a folder; give another path",
            )
        )
    if folder.is_dir() and any(folder.iterdir()) and not is_module_folder(folder):
        raise AccessError(
            Message(
                "triton-output-has-other-files",
                f"{path}: contains files that are not a model for --target triton; give a new or"
                " empty folder",
            )
        )
