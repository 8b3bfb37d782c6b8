"""What is given to be read: paths that cannot be opened, several sources, and other objects."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.codes import refused
from support.decode_refusals import flat_frame
from support.jpeg_writer import EOI, SOI, write_jpeg

from jpegcompile.errors import AccessError, ImageError, UsageError
from jpegcompile.jpeg.read import read_coefficients, read_coefficients_many


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, cause in (
        (tmp_path / "missing.jpg", "cannot read: No such file or directory; check the path"),
        (tmp_path, "is a directory; give the path of a JPEG file"),
        (pipe, "is not a regular file; pass its bytes"),
    ):
        with refused("image-unreadable", AccessError) as caught:
            read_coefficients(path)
        assert str(caught.value) == f"{path}: {cause}"
    for awkward in ("new\nline.jpg", "zero\0byte.jpg", ""):
        with pytest.raises(AccessError) as caught:
            read_coefficients(awkward)
        assert str(caught.value).isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(SOI + EOI)
    path.chmod(0)
    with refused("image-unreadable", AccessError) as caught:
        read_coefficients(path)
    assert str(caught.value).startswith(f"{path}: cannot read: Permission denied;")


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_first_failing_source_is_named(tmp_path: Path, threads: int) -> None:
    good = write_jpeg(flat_frame(400, 400))
    sources: list[Any] = [good] * 40
    sources[17], sources[18], sources[30] = good[:-40], b"text", tmp_path / "missing.jpg"
    for _ in range(5):
        with refused("jpeg-damaged", ImageError) as caught:
            read_coefficients_many(sources, threads=threads)
        assert str(caught.value).startswith("bytes (image 17): ")


def test_usage() -> None:
    wrong: Any
    for wrong in (3, None, Path, ["a.jpg"]):
        with refused("image-source-type-unknown", UsageError):
            read_coefficients(wrong)
    for wrong in ("a.jpg", b"data", Path("a.jpg")):
        with refused("sources-not-a-sequence", UsageError):
            read_coefficients_many(wrong)
    with refused("read-option-not-positive", UsageError):
        read_coefficients_many([], threads=0)
    with refused("read-option-not-positive", UsageError):
        read_coefficients(b"", max_pixels=0)
