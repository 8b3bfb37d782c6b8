"""Convert names of a graph to Python identifiers."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

# Longest identifier. A longer name keeps only its end, which distinguishes nodes.
_MOST = 60


class Names:
    """Converts each name of a graph to a distinct identifier."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        """Avoid the identifiers in `taken`."""
        self._taken = set(taken)
        self._made: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return the identifier of a name, always the same one."""
        if name not in self._made:
            base = identifier(name)
            made, count = base, 1
            while made in self._taken:
                count += 1
                made = f"{base}_{count}"
            self._taken.add(made)
            self._made[name] = made
        return self._made[name]


def identifier(name: str) -> str:
    """Convert a name to lower case, with underscores for characters that identifiers exclude.

    A repeated part, as in `layer1/layer1.0/relu`, is removed.
    """
    parts = [part for part in re.split(r"[^0-9A-Za-z]+", name) if part]
    parts = [part.lower() for part in parts]
    kept = [p for i, p in enumerate(parts) if i + 1 >= len(parts) or parts[i + 1] != p]
    made = "_".join(kept)[-_MOST:].strip("_") or "node"
    if made[0].isdigit() or keyword.iskeyword(made):
        made = f"n_{made}"
    return made
