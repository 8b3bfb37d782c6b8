"""Make the table of `docs/models.md` of the outcomes of the tests.

pytest tests/models/test_families.py -m "" --zoo-results results.jsonl
python docs/models_table.py results.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).with_name("models.md")
BEGIN, END = "<!-- begin table -->", "<!-- end table -->"
# What the compilation of the largest may take.
MOST_SECONDS = 30.0
HEADERS = ("network", "written by", "lowered", "kept", "largest error", "casts left", "seconds", "")


def is_good(outcome: dict[str, Any]) -> bool:
    """Whether the test that gave an outcome passes."""
    return (
        outcome["kept"] == outcome["exact"]
        and outcome["casts"] == outcome["casts_allowed"]
        and outcome["error"] <= outcome["allowed"]
        and outcome["seconds"] <= MOST_SECONDS
    )


def _kept(outcome: dict[str, Any]) -> str:
    """How many nodes stay spatial, and whether discontinuous operators are why."""
    kept, exact = outcome["kept"], outcome["exact"]
    if not exact:
        return str(kept)
    return f"{kept} (exact)" if kept == exact else f"{kept} (exact {exact})"


def row(outcome: dict[str, Any]) -> tuple[str, ...]:
    """The cells of an outcome."""
    return (
        outcome["family"],
        outcome["exporter"],
        str(outcome["lowered"]),
        _kept(outcome),
        f"{outcome['error']:.1e}",
        str(outcome["casts"]),
        f"{outcome['seconds']:.1f}",
        "ok" if is_good(outcome) else "**RED**",
    )


def table(outcomes: list[dict[str, Any]]) -> str:
    """A Markdown table, in the order of the outcomes."""
    lines = [HEADERS, tuple("---" for _ in HEADERS), *(row(outcome) for outcome in outcomes)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main(results: str) -> int:
    """Write the table into the document; returns how many of its rows are red."""
    lines = Path(results).read_text().splitlines()
    # Of a case that ran twice the last outcome counts; workers append in any order.
    latest = {(o["family"], o["exporter"]): o for o in map(json.loads, lines)}
    text = DOCUMENT.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    outcomes = [latest[key] for key in sorted(latest)]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{table(outcomes)}\n\n{END}{after}")
    red = sum(not is_good(outcome) for outcome in outcomes)
    print(f"{DOCUMENT}: {len(outcomes)} rows, {red} red")
    return red


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    raise SystemExit(1 if main(sys.argv[1]) else 0)
