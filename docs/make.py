"""Make every generated part of the documentation.

    python docs/make.py            writes all pages
    python docs/make.py --check    writes nothing; exits 1 and names the files that are stale

Tables of measured results come from `docs/results/*.json` (see `generate/tables.py`). Other pages
come from the sources of the package: operators, messages, options, predictions and the picture.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))

import gpu_predictions  # noqa: E402
from generate import curve, errors, idea, tables  # noqa: E402

from jpegcompile.operators import table as operators  # noqa: E402
from jpegcompile.options import table as options  # noqa: E402

README = DOCS.parent / "README.md"
# Pages that are generated as a whole.
PAGES: dict[str, Callable[[], str]] = {
    "operators.md": operators.table,
    "options.md": options.page,
    "errors.md": errors.page,
    "gpu_predictions.md": gpu_predictions.page,
    "idea.svg": idea.picture,
    "learning_curve.svg": curve.picture,
}


def wanted() -> Iterator[tuple[Path, str]]:
    """Yield each file that contains generated text, and the text that it should have."""
    for name, make in PAGES.items():
        yield DOCS / name, make()
    for path in [README, *sorted(DOCS.glob("*.md"))]:
        if path.name not in PAGES:
            yield path, tables.filled(path.read_text(encoding="utf-8"), path)


def stale() -> dict[Path, str]:
    """Return the files that differ from what they should contain, with that text."""
    return {
        path: text
        for path, text in wanted()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def main() -> int:
    """Write or check all files; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="only name the stale files")
    is_check = parser.parse_args().check
    try:
        files = stale()
    except tables.TableError as error:
        print(f"docs/make.py: {error}", file=sys.stderr)
        return 2
    for path, text in files.items():
        name = path.relative_to(DOCS.parent)
        if is_check:
            print(f"{name} is stale; run python docs/make.py", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return 1 if is_check and files else 0


if __name__ == "__main__":
    raise SystemExit(main())
