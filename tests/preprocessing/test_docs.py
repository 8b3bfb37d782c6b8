"""docs/preprocessing.md: its examples are taken, and its tables leave nothing out."""

from __future__ import annotations

import json
import re
from pathlib import Path

from jpegcompile.preprocessing.fields import CROP_FIELDS, RESIZE_FIELDS
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.reading import FIELDS, preprocess_of
from jpegcompile.preprocessing.steps import INTERPOLATIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "preprocessing.md"


def test_examples_are_taken() -> None:
    examples = re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(examples) >= 4
    for example in examples:
        assert preprocess_of(json.loads(example)) != Preprocess()


def test_tables_are_complete() -> None:
    rows = re.findall(r"^\| (.*?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    named = set(re.findall(r"`([\w-]+)`", " ".join(rows)))
    assert named >= {*PRESETS, *FIELDS, *RESIZE_FIELDS, *CROP_FIELDS, *INTERPOLATIONS}
