"""Write the results behind the table of `docs/models.md`, from the outcomes of the tests.

pytest tests/models/test_families.py -m "" --zoo-results results.jsonl
python docs/models_table.py results.jsonl
python docs/make.py
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jpegcompile.processors import available_processors

RESULTS = Path(__file__).with_name("results") / "models.json"
# Compiling the largest network may take this long.
MOST_SECONDS = 30.0


def is_good(outcome: dict[str, Any]) -> bool:
    """Return whether the test of an outcome passes."""
    return bool(
        outcome["kept"] == outcome["exact"]
        and outcome["casts"] == outcome["casts_allowed"]
        and outcome["error"] <= outcome["allowed"]
        and outcome["seconds"] <= MOST_SECONDS
    )


def row(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return the row of an outcome."""
    return {
        "network": outcome["family"],
        "exporter": outcome["exporter"],
        "lowered": outcome["lowered"],
        "kept": outcome["kept"],
        "exact": outcome["exact"],
        "error": float(f"{outcome['error']:.1e}"),
        "casts": outcome["casts"],
        "seconds": round(outcome["seconds"], 1),
        "verdict": "ok" if is_good(outcome) else "**RED**",
    }


def results(outcomes: list[dict[str, Any]]) -> str:
    """Return the file of results; of a network tested twice, the last outcome counts."""
    latest = {(outcome["family"], outcome["exporter"]): outcome for outcome in outcomes}
    head = {
        "benchmark": "models",
        "command": 'pytest tests/models/test_families.py -m "" --zoo-results results.jsonl',
        "machine": {"cores": f"{available_processors()} cores"},
        "versions": {"ONNX Runtime": version("onnxruntime"), "PyTorch": version("torch")},
    }
    lines = [f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items()]
    rows = ",\n".join(f"    {json.dumps(row(latest[key]))}" for key in sorted(latest))
    return "{\n" + "".join(lines) + f'  "rows": [\n{rows}\n  ]\n}}\n'


def main(path: str) -> int:
    """Write the results; returns how many networks fail."""
    outcomes = list(map(json.loads, Path(path).read_text(encoding="utf-8").splitlines()))
    RESULTS.write_text(results(outcomes), encoding="utf-8")
    red = sum(not is_good(outcome) for outcome in outcomes)
    print(f"{RESULTS}: {red} red")
    return red


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    raise SystemExit(1 if main(sys.argv[1]) else 0)
