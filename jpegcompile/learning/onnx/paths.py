"""Paths of modules and parameters: the keys of a `state_dict`.

An initializer that is named like a parameter of PyTorch ("layer1.0.conv1.weight") keeps its name,
so that a checkpoint of the original module loads. Other modules are named after their node: the
exporter of PyTorch names nodes after modules ("/layer1/layer1.0/conv1/Conv"), which gives
"layer1.0.conv1"; from any other name, characters that no attribute can have become "_".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from torch import nn

from jpegcompile.learning.lowering.module import JpegModule

_PATH = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
_RESERVED = frozenset((*dir(JpegModule), *vars(nn.Module()), *JpegModule.kept_attributes))


class Paths:
    """Gives every module its own path."""

    def __init__(self, parameters: Iterable[str] = ()) -> None:
        """Create paths.

        Args:
            parameters: names of parameters that keep their name; no module gets their path.
        """
        self._leaves: set[str] = set()
        self._inner: set[str] = set()
        self._wanted = {p.rpartition(".")[0] for p in parameters if is_path(p)}

    def take(self, wanted: str, *, is_named: bool = False) -> str:
        """Return a free path: the wanted one, or the same with a number.

        Args:
            wanted: the path.
            is_named: whether parameters of the file have this path.
        """
        base, count = _safe(wanted), 1
        if not self._leaves.isdisjoint(_folders(base)):
            # A module has no other modules inside.
            base = base.replace(".", "_")
        path = base
        while self._is_taken(path) or (not is_named and path in self._wanted):
            count += 1
            path = f"{base}_{count}"
        self._leaves.add(path)
        self._inner.update(_folders(path))
        return path

    def _is_taken(self, path: str) -> bool:
        return path in self._inner or path in self._leaves


def is_path(name: str) -> bool:
    """Whether a name of a tensor is a path of PyTorch: identifiers and numbers, joined by dots."""
    return "." in name and _PATH.fullmatch(name) is not None and _safe(name) == name


def path_of_parameter(name: str, role: str) -> str | None:
    """Return the path of the module that owns a parameter; None if the name does not tell.

    Args:
        name: name of the tensor, such as "layer1.0.bn1.running_mean".
        role: what the tensor is in the module, such as "running_mean".
    """
    path, _, last = name.rpartition(".")
    return path if is_path(name) and last == role else None


def path_of_node(name: str, op: str, *, has_parameters: bool) -> str:
    """Return a path from the name of a node; see the header of this file.

    A module without parameters keeps the name of the operator as its last part, because the part
    before it often contains other modules.
    """
    parts = [part for part in name.split("/") if part]
    is_scoped = len(parts) > 1 and re.fullmatch(rf"{re.escape(op)}(_\d+)?", parts[-1])
    if is_scoped and has_parameters:
        parts.pop()
    path: list[str] = []
    for part in parts:
        if path and (part == path[-1] or part.startswith(f"{path[-1]}.")):
            path.pop()
        path.append(part)
    return re.sub(r"[^A-Za-z0-9_.]", "_", ".".join(path)).strip(".") or op


def _folders(path: str) -> list[str]:
    """Return the paths of the modules that contain a module."""
    parts = path.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _safe(path: str) -> str:
    """Return a path whose parts are no attributes of modules."""
    parts = [part or "_" for part in path.split(".")]
    return ".".join(f"{part}_" if part in _RESERVED else part for part in parts)
