"""The cache of measurements."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.codes import refused

from jpegcompile.errors import AccessError
from jpegcompile.search.cache import Cache, default_folder, key_of


def test_values_come_back(tmp_path: Path) -> None:
    first = Cache(tmp_path / "new" / "folder", "key")
    first.put("a", 0.25)
    first.put("b", [1, 2])
    again = Cache(tmp_path / "new" / "folder", "key")
    assert (again.get("a"), again.get("b"), again.get("c")) == (0.25, [1, 2], None)
    assert Cache(tmp_path / "new" / "folder", "other").get("a") is None


def test_a_torn_line_is_measured_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "key")
    cache.put("a", 1)
    cache.put("b", 2)
    path = tmp_path / "key.jsonl"
    path.write_bytes(path.read_bytes()[:-3])
    torn = Cache(tmp_path, "key")
    assert (torn.get("a"), torn.get("b")) == (1, None)
    torn.put("b", 3)
    torn.put("c", 4)
    whole = Cache(tmp_path, "key")
    assert [whole.get(name) for name in "abc"] == [1, 3, 4]


@pytest.mark.parametrize("line", [b"5", b'["a"]', b'["a", 1, 2]', b"[1, 2]", b"{}", b"\xff\xfe"])
def test_lines_of_another_form_are_passed_over(tmp_path: Path, line: bytes) -> None:
    cache = Cache(tmp_path, "key")
    cache.put("a", 1)
    with (tmp_path / "key.jsonl").open("ab") as stream:
        stream.write(line + b"\n")
    cache.put("b", 2)
    again = Cache(tmp_path, "key")
    assert (again.get("a"), again.get("b")) == (1, 2)


def test_infinite_losses_come_back(tmp_path: Path) -> None:
    Cache(tmp_path, "key").put("a", float("inf"))
    assert Cache(tmp_path, "key").get("a") == float("inf")


def test_key(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"one")
    key = key_of(["model", "asm"], [file])
    assert key == key_of(["model", "asm"], [file])
    assert key != key_of(["model", "apx"], [file])
    file.write_bytes(b"two")
    assert key != key_of(["model", "asm"], [file])
    with refused("search-image-unreadable", AccessError) as caught:
        key_of([], [tmp_path / "b.jpg"])
    assert "b.jpg: " in str(caught.value)
    assert "No such file or directory" in str(caught.value)


def test_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "jpegcompile" / "frequencies"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", os.fspath(tmp_path / "home"))
    assert default_folder() == tmp_path / "home" / ".cache" / "jpegcompile" / "frequencies"


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with refused("search-cache-unwritable", AccessError):
        Cache(tmp_path / "file", "key")
    cache = Cache(tmp_path / "gone", "key")
    (tmp_path / "gone").rmdir()
    with refused("search-cache-unwritable", AccessError) as caught:
        cache.put("a", 1)
    assert "gone: " in str(caught.value)
    assert "No such file" in str(caught.value)


WRITER = """
import sys
from pathlib import Path
from jpegcompile.search.cache import Cache
cache = Cache(Path(sys.argv[1]), "key")
sys.stdin.readline()
for number in range(300):
    cache.put(f"{sys.argv[2]} {number}", [number] * (1 + 40 * (number % 50)))
"""


def test_searches_that_share_a_file(tmp_path: Path) -> None:
    """Lines of several KB stay whole when two processes write concurrently."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", WRITER, tmp_path, name], stdin=subprocess.PIPE
        )
        for name in "ab"
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    cache = Cache(tmp_path, "key")
    for name in "ab":
        for number in range(300):
            assert cache.get(f"{name} {number}") == [number] * (1 + 40 * (number % 50))


def test_a_line_torn_by_another_search(tmp_path: Path) -> None:
    """A line written after an incomplete line does not become part of it."""
    first, second = Cache(tmp_path, "key"), Cache(tmp_path, "key")
    first.put("a", 1)
    with (tmp_path / "key.jsonl").open("ab") as stream:
        stream.write(b'["b", 1')
    second.put("c", 3)
    again = Cache(tmp_path, "key")
    assert [again.get(name) for name in "abc"] == [1, None, 3]


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path, "key")
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda handle, line: real(handle, line[:5]))
        with refused("search-cache-unwritable", AccessError) as caught:
            cache.put("a", 1)
        assert "No space left on device" in str(caught.value)
    cache.put("b", 2)
    again = Cache(tmp_path, "key")
    assert (again.get("a"), again.get("b")) == (None, 2)
