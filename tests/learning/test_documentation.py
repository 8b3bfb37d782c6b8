"""The examples of docs/augmentation.md, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.mixed_files import jpeg_file

TEXT = Path(__file__).resolve().parents[2].joinpath("docs", "augmentation.md")


def test_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for index in range(10):
        Path(f"photos/{index}.jpg").write_bytes(jpeg_file(32, 32, index))
    text = TEXT.read_text(encoding="utf-8")
    codes = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(codes) == 2
    shared: dict[str, object] = {}
    for code in codes:
        exec(code, shared)
        assert len(shared["maps"]) == 2  # type: ignore[arg-type]
