"""Names of a graph as names of Python."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

# Characters of a name, of which the last ones are kept: they tell nodes apart.
_MOST = 60


class Names:
    """Makes a distinct identifier of each name of a graph."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        """Avoid what is `taken`."""
        self._taken = set(taken)
        self._made: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The identifier of a name, the same each time."""
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
    """A name in lower case, with underscores in place of what identifiers may not have.

    A part that is repeated, as in `layer1/layer1.0/relu`, is left out.
    """
    parts = [part for part in re.split(r"[^0-9A-Za-z]+", name) if part]
    parts = [part.lower() for part in parts]
    kept = [p for i, p in enumerate(parts) if i + 1 >= len(parts) or parts[i + 1] != p]
    made = "_".join(kept)[-_MOST:].strip("_") or "node"
    if made[0].isdigit() or keyword.iskeyword(made):
        made = f"n_{made}"
    return made
