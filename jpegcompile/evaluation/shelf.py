"""Arrays by name, large ones in files: two models in turn need not hold each other's maps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Bytes from which on an array goes to a file.
LARGE = 1 << 26


class Shelf(Mapping[str, NDArray[Any]]):
    """Arrays by name; those in files are mapped when they are asked for."""

    def __init__(self, folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Put `arrays` on a shelf whose files are in `folder`."""
        self._folder = folder
        self._numbers = count()
        self._arrays: dict[str, NDArray[Any] | Path] = {}
        self.put(arrays)

    def put(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Add arrays, or replace them."""
        for name, values in arrays.items():
            self.drop([name])
            if values.nbytes < LARGE:
                self._arrays[name] = values
                continue
            path = self._folder / f"{next(self._numbers)}.npy"
            np.save(path, values)
            self._arrays[name] = path

    def drop(self, names: Iterable[str]) -> None:
        """Forget arrays, and delete their files; those that are mapped can still be read."""
        for name in names:
            values = self._arrays.pop(name, None)
            if isinstance(values, Path):
                values.unlink()

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The array of that name."""
        values = self._arrays[name]
        return np.load(values, mmap_mode="r") if isinstance(values, Path) else values

    def __iter__(self) -> Iterator[str]:
        """Names of the arrays."""
        return iter(tuple(self._arrays))

    def __len__(self) -> int:
        """How many arrays there are."""
        return len(self._arrays)
