"""Write the schemas of all verbs: `python -m jpegcompile.results.schemas`."""

from __future__ import annotations

from pathlib import Path

from jpegcompile.results.schemas import VERBS
from jpegcompile.results.schemas.documents import schema_text

if __name__ == "__main__":
    for verb in VERBS:
        path = Path(__file__).with_name(f"{verb}.json")
        path.write_text(schema_text(verb), encoding="utf-8")
