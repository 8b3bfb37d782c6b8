"""The command `cache`: tables, JSON, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.commands import few_images, refuses, run_json, run_text


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    return few_images(folder)


def test_build_and_check(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "c.jpegcache"
    data = run_json(capsys, "cache", images, "-o", cache, "--threads", 2)
    assert (data["kind"], data["state"], data["images"]) == ("cache", "built", 40)
    assert data["file_bytes"] == cache.stat().st_size
    assert data["classes"]["3"] == 3
    assert "c.jpegcache: is up to date: 40 images" in run_text(capsys, "cache", images, "-o", cache)
    assert "is whole and up to date: 40 images" in run_text(capsys, "cache", "--check", cache)
    assert run_json(capsys, "cache", "--check", cache)["state"] == "fresh"
    (images / "0" / "new.jpg").write_bytes(b"")
    refuses(capsys, 1, "cache-stale", "cache", "--check", cache)
    cache.write_bytes(cache.read_bytes()[:-3])
    refuses(capsys, 4, "cache-damaged", "cache", "--check", cache)


def test_unusable_images(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "c.jpegcache"
    (images / "1" / "bad.jpg").write_bytes(b"no image")
    refuses(capsys, 4, "jpeg-not-recognized", "cache", images, "-o", cache)
    text = run_text(capsys, "cache", images, "-o", cache, "--on-error", "skip")
    assert "40 images" in text
    assert f"  {images}/1/bad.jpg: not a JPEG" in text


def test_lines_that_do_not_fit(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "c.jpegcache"
    refuses(capsys, 2, "cache-arguments-missing", "cache", images)
    refuses(capsys, 2, "cache-arguments-missing", "cache", "-o", cache)
    refuses(capsys, 2, "cache-check-alone", "cache", images, "--check", cache)
    refuses(capsys, 2, "cache-check-alone", "cache", "--tolerant", "--check", cache)
    refuses(capsys, 5, "cache-unreadable", "cache", "--check", cache)


def test_a_cache_without_its_images(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy on another machine: only its contents can be checked, and the command says so."""
    cache = tmp_path / "c.jpegcache"
    run_text(capsys, "cache", images, "-o", cache)
    images.rename(tmp_path / "moved")
    assert run_json(capsys, "cache", "--check", cache)["state"] == "checked"
    assert "is whole (its images are not there" in run_text(capsys, "cache", "--check", cache)
