"""Files appear complete or not at all, whatever happens."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from support.codes import refused

from jpegcompile.errors import AccessError
from jpegcompile.files import write_together, write_whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_pair(folder: Path, first: bytes, second: bytes) -> None:
    write_together(
        [
            (folder / "a", lambda out: out.write(first)),
            (folder / "b", lambda out: out.write(second)),
        ]
    )


MODES = """
import os, sys
os.umask(int(sys.argv[2], 8))
from jpegcompile.files import write_whole
def refuse(mask):
    raise AssertionError("other threads make files by this")
os.umask = refuse
write_whole(sys.argv[1], b"content")
"""


@pytest.mark.parametrize("mask", ["000", "022", "027", "077"])
def test_rights_are_those_of_any_new_file(tmp_path: Path, mask: str) -> None:
    """Modes do not require changing the umask, which all threads share."""
    path = tmp_path / "file"
    subprocess.run([sys.executable, "-P", "-c", MODES, path, mask], check=True, timeout=60)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~int(mask, 8)
    assert names(tmp_path) == ["file"]


def test_no_moment_without_the_files(tmp_path: Path) -> None:
    write_pair(tmp_path, b"0" * 1000, b"0" * 1000)
    done = threading.Event()
    found: list[object] = []

    def look() -> None:
        while not done.is_set():
            for name in "ab":
                try:
                    found.append(len((tmp_path / name).read_bytes()))
                except OSError as error:
                    found.append(error)

    looking = threading.Thread(target=look)
    looking.start()
    for number in range(50):
        write_pair(tmp_path, str(number % 10).encode() * 1000, b"1" * 1000)
    done.set()
    looking.join()
    assert len(found) > 10
    assert set(found) == {1000}
    assert names(tmp_path) == ["a", "b"]


def test_content_reaches_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(handle: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        events.append("folder" if is_folder else f"content of {os.fstat(handle).st_size}")
        real_sync(handle)

    def replace(source: Path, target: Path) -> None:
        events.append(target.name)
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    write_pair(tmp_path, b"one", b"second")
    assert events == ["content of 3", "content of 6", "a", "folder", "b", "folder"]


def fails_at(number: int, real: Any, code: int) -> Any:
    """Return a function that fails at a given call."""
    calls = iter(range(1, 1000))

    def call(*arguments: Any) -> Any:
        if next(calls) == number:
            raise OSError(code, os.strerror(code))
        return real(*arguments)

    return call


@pytest.mark.parametrize("stands", ["both", "first", "second", "none"])
@pytest.mark.parametrize(
    ("function", "number"),
    [("fsync", 1), ("fsync", 2), ("replace", 1), ("replace", 2), ("open", 2)],
)
def test_a_failure_leaves_what_stood_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stands: str, function: str, number: int
) -> None:
    before = {"both": "ab", "first": "a", "second": "b", "none": ""}[stands]
    for name in before:
        (tmp_path / name).write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, function, fails_at(number, getattr(os, function), errno.EIO))
        with refused("output-write-failed", AccessError):
            write_pair(tmp_path, b"new", b"new")
    assert names(tmp_path) == list(before)
    for name in before:
        assert (tmp_path / name).read_bytes() == b"old"


def test_a_failure_of_the_second_writer(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def fail(out: BinaryIO) -> None:
        out.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_together([(tmp_path / "a", lambda out: out.write(b"new")), (tmp_path / "b", fail)])
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_file_systems_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(tmp_path, b"old a", b"old b")
    monkeypatch.setattr(os, "link", fails_at(1, os.link, errno.EPERM))
    monkeypatch.setattr(os, "replace", fails_at(2, os.replace, errno.EIO))
    with pytest.raises(AccessError):
        write_pair(tmp_path, b"new a", b"new b")
    assert (tmp_path / "a").read_bytes() == b"old a"
    assert (tmp_path / "b").read_bytes() == b"old b"
    write_pair(tmp_path, b"newer a", b"newer b")
    assert (tmp_path / "a").read_bytes() == b"newer a"
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_folders_that_cannot_be_synchronised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(os, "fsync", fails_at(2, os.fsync, code))
    write_whole(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_disk_that_fails_behind_the_last_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", fails_at(2, os.fsync, errno.EIO))
    with refused("output-folder-not-flushed", AccessError):
        write_whole(tmp_path / "file", b"content")
    assert names(tmp_path) == ["file"]


CRASH = """
import os, sys
from jpegcompile import files
real = os.replace
def replace(source, target):
    if os.path.basename(target) == "b":
        os._exit(9)
    real(source, target)
os.replace = replace
files.write_together([(sys.argv[1] + "/" + name, lambda out: out.write(b"new")) for name in "ab"])
"""


def test_what_a_crash_between_two_files_leaves(tmp_path: Path) -> None:
    """The first file is new, the second old, and both can be completed or restored."""
    for name in "ab":
        (tmp_path / name).write_bytes(b"old")
    done = subprocess.run([sys.executable, "-P", "-c", CRASH, tmp_path], timeout=60, check=False)
    assert done.returncode == 9
    kept = {
        "new" if ".old" not in path.name else "old": path.read_bytes()
        for path in tmp_path.glob(".jpegcompile-*")
    }
    assert kept == {"new": b"new", "old": b"old"}
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "b").read_bytes() == b"old"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"
