"""Write the table of operators in `docs/operators.md` from their definitions.

    python -m jpegcompile.operators.table [PATH]

The default of PATH is `docs/operators.md` in the current folder.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from jpegcompile.operators.constants import CHANNEL_GROUP, DOMAIN
from jpegcompile.operators.definition import PIXELS, Attribute, Operand, Operator
from jpegcompile.operators.registry import OPERATORS

_HEAD = f"""# Operators

`python docs/make.py` makes this page from the definitions in `jpegcompile/operators/`, one file for
each family. All operators are in the operator domain `{DOMAIN}`.

- Inputs and outputs have the order of the node. Letters are sizes that agree within a node, `?` is
  any size. *map@block* is a feature map in tiles of the block size in that attribute, *pixels* is a
  map at block size 1. A *vector* broadcasts to its shape. Other roles are constants.
- Attributes with `=` have this default. Maps under *groups* may have the layout of grouped channels
  (groups of {CHANNEL_GROUP}), as the attribute `NAME_group` says. Maps under *compact* may store
  only some coefficients of each tile, as `NAME_frequencies` says. Function bodies ignore both.
- *Kernel* is the maker in C++, *reference* is in `kernels/`. Operators marked *no body* have no
  function body: they need the native library, or get a body from each model.

| operator | computes | inputs | outputs | attributes | groups | compact | kernel, reference |
|---|---|---|---|---|---|---|---|
"""


def table(operators: Mapping[str, Operator] = OPERATORS) -> str:
    """Return the page as Markdown."""
    rows = [
        _row([one.name, *(other.name for other in others)], one)
        for one, others in _alike(operators.values())
    ]
    return _HEAD + "\n".join(rows) + "\n"


def _alike(operators: Iterable[Operator]) -> Iterator[tuple[Operator, list[Operator]]]:
    """Yield operators, each with the following ones that differ only in name."""
    for _, group in groupby(operators, lambda operator: replace(operator, name="")):
        first, *others = group
        yield first, others


def _row(names: list[str], operator: Operator) -> str:
    called = f"`{names[0]}`" if len(names) == 1 else f"`{names[0]}` to `{names[-1]}`"
    layouts = (
        ", ".join(m.name for m in operator.maps if getattr(m, layout)) or "-"
        for layout in ("is_grouped", "is_compact")
    )
    made_by = ["no body"] if not operator.bodies else []
    made_by += [f"`{name}`" for name in (operator.kernel, operator.reference) if name]
    cells = (
        called,
        operator.summary,
        ", ".join(map(_operand, operator.inputs)),
        ", ".join(map(_operand, operator.outputs)),
        ", ".join(map(_attribute, operator.attributes)) or "-",
        *layouts,
        ", ".join(made_by),
    )
    return f"| {' | '.join(cells)} |"


def _operand(operand: Operand) -> str:
    role: str = operand.role
    if role == "map":
        role = "pixels" if operand.block == PIXELS else f"map@{operand.block}"
    kind = "" if operand.type == "float" else f" {operand.type}"
    optional = ", optional" if operand.is_optional else ""
    return f"{operand.name} ({role}{kind} [{operand.shape}]{optional})"


def _attribute(attribute: Attribute) -> str:
    if attribute.default is None:
        return f"{attribute.name} {attribute.type}"
    return f"{attribute.name} {attribute.type} = {attribute.default!r}"


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/operators.md")
    target.write_text(table(), encoding="utf-8")
