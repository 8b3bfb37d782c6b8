"""Arrays by name, the large ones in files, so that the maps of two models need less memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Arrays of this many bytes or more are stored in files.
LARGE = 1 << 26


class Shelf(Mapping[str, NDArray[Any]]):
    """Arrays by name; arrays in files are memory-mapped when they are read."""

    def __init__(self, folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Create a shelf.

        Args:
            folder: folder for the files of large arrays.
            arrays: arrays to put on the shelf.
        """
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
        """Forget arrays and delete their files; mapped arrays can still be read."""
        for name in names:
            values = self._arrays.pop(name, None)
            if isinstance(values, Path):
                values.unlink()

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the array with a name."""
        values = self._arrays[name]
        return np.load(values, mmap_mode="r") if isinstance(values, Path) else values

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(tuple(self._arrays))

    def __len__(self) -> int:
        """Return the number of arrays."""
        return len(self._arrays)
