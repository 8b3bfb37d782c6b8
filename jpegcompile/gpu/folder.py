"""The files of a model for `--target triton`, and its manifest."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jpegcompile.errors import AccessError, UnsupportedModelError
from jpegcompile.files import read_json

MODEL = "model.py"
WEIGHTS = "weights.safetensors"
MANIFEST = "manifest.json"
# Kernels that are compiled ahead of time; only where they are asked for.
CUBINS = "kernels.cubins"
FOLDER_FILES = (MODEL, WEIGHTS, MANIFEST)
# Of the manifest; an older tool refuses a newer one.
MANIFEST_FORMAT = 1


def is_module_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a path is the folder of a model for `--target triton`."""
    return (Path(path) / MANIFEST).is_file()


def read_manifest(folder: Path) -> Mapping[str, Any]:
    """The manifest of a folder.

    Raises:
        AccessError: if it cannot be read.
        UnsupportedModelError: if it is of a newer version, or no manifest.
    """
    data = read_json(folder / MANIFEST, "the manifest")
    if not isinstance(data, dict) or not {"format", "info", "files", "tilings"} <= data.keys():
        raise UnsupportedModelError(
            f"{folder / MANIFEST}: is no manifest of jpegcompile; compile the model again"
        )
    if data["format"] > MANIFEST_FORMAT:
        raise UnsupportedModelError(
            f"{folder}: written in format {data['format']}, and this version reads up to format"
            f" {MANIFEST_FORMAT}: upgrade jpegcompile"
        )
    return data


def manifest_text(manifest: Mapping[str, Any]) -> bytes:
    """The content of a manifest's file."""
    return (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()


def require_replaceable(path: str | os.PathLike[str]) -> None:
    """Refuse to write a model into what is no folder, or holds anything but a model.

    Raises:
        AccessError: naming the path.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise AccessError(
            f"{path}: is a file, and --target triton writes a folder; give another path"
        )
    if folder.is_dir() and any(folder.iterdir()) and not is_module_folder(folder):
        raise AccessError(
            f"{path}: holds other files than a model for --target triton; give a new or empty"
            " folder"
        )
