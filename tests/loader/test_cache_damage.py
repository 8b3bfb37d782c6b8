"""Damaged and hostile caches end in one line, or in batches; nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.caches import entries_of, with_header, with_index
from support.codes import refused

from jpegcompile import CoefficientCache, ImageDataset, build_cache, check_cache
from jpegcompile.data.cache.layout import ENTRY, HEADER_BYTES
from jpegcompile.errors import AccessError, ImageError, JpegCompileError


@pytest.fixture(scope="module")
def cache(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cache") / "c.jpegcache"
    (folder / "a" / "no.jpg").write_bytes(b"no image")
    build_cache(folder, path, on_error="skip")
    (folder / "a" / "no.jpg").unlink()
    return path


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_files_that_are_no_caches(tmp_path: Path, cache: Path) -> None:
    for data in (b"", b"\xff\xd8\xff", bytes(500)):
        with refused("cache-not-recognized", ImageError):
            CoefficientCache(written(tmp_path / "x", data))
    with refused("cache-unreadable", AccessError):
        CoefficientCache(tmp_path / "none")
    with refused("cache-unreadable", AccessError):
        CoefficientCache(tmp_path)
    data = with_header(cache.read_bytes(), version=2)
    with refused("cache-version-unknown", ImageError):
        CoefficientCache(written(tmp_path / "x", data))


def test_headers_and_sizes(tmp_path: Path, cache: Path) -> None:
    data, header = entries_of(cache)
    wrong: list[bytes] = [
        data[:100],
        data[:-1],
        data + b"\0",
        data[:20] + b"\1" + data[21:],
        data[:127] + b"\1" + data[128:],
        with_header(data, file_bytes=len(data) - 1),
        with_header(data, tables=5),
        with_header(data, tables=2**63),
        with_header(data, samples=header.samples + 1),
        with_header(data, samples=2**60),
        with_header(data, table_count=header.table_count + 1),
        with_header(data, key_bytes=header.key_bytes - 1),
        with_header(data, index_hash=bytes(16)),
    ]
    for number, one in enumerate(wrong):
        with refused("cache-damaged", ImageError) as caught:
            CoefficientCache(written(tmp_path / str(number), one))
        assert caught.value.exit_code == 4


def hostile_rows() -> list[tuple[str, int]]:
    most = 2**64 - 1
    return [
        *(("offset", value) for value in (0, HEADER_BYTES - 1, 2**40, most)),
        *(("size", value) for value in (2**40, most)),
        *(("key_end", value) for value in (0, 2**40, most)),
        ("label", -101),
        ("shard", 1),
        ("kind", 2),
    ]


@pytest.mark.parametrize(("field", "value"), hostile_rows())
def test_hostile_rows(field: str, value: int, tmp_path: Path, cache: Path) -> None:
    """Of a file whose hashes are right."""
    data, header = entries_of(cache)
    rows = np.frombuffer(data[header.entries : header.keys], ENTRY).copy()
    rows[field][3] = value
    with refused("cache-damaged", ImageError):
        CoefficientCache(written(tmp_path / "x", with_index(data, header.entries, rows.tobytes())))


@pytest.mark.parametrize("meta", [b"{", b"[]", b"null", b'"\xff"', b"[" * 9999])
def test_hostile_descriptions(meta: bytes, tmp_path: Path, cache: Path) -> None:
    data, header = entries_of(cache)
    cut = data[: header.meta] + meta
    sized = with_header(cut, file_bytes=len(cut), meta_bytes=len(meta))
    with refused("cache-damaged", ImageError):
        CoefficientCache(written(tmp_path / "x", with_index(sized, header.meta, meta)))


def test_a_description_with_hostile_paths(tmp_path: Path, cache: Path) -> None:
    """Paths that no system call accepts are not there; a file of classes is named in the error."""
    data, header = entries_of(cache)
    meta = json.loads(data[header.meta :])
    for change in ({"images": ["x" * 5000]}, {"images": ["\0"]}, {"labels": "\0"}):
        new = json.dumps({**meta, **change}).encode()
        cut = data[: header.meta] + new
        sized = with_header(cut, file_bytes=len(cut), meta_bytes=len(new))
        path = written(tmp_path / "x", with_index(sized, header.meta, new))
        if "labels" in change:
            with refused("json-unreadable", AccessError):
                check_cache(path)
        else:
            assert check_cache(path).state == "checked"


def test_every_payload_has_a_hash(tmp_path: Path, cache: Path) -> None:
    data, header = entries_of(cache)
    CoefficientCache(cache).verify()
    for place in range(HEADER_BYTES, header.tables, 97):
        path = written(tmp_path / "x", data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
        opened = CoefficientCache(path)
        with refused("cache-damaged", ImageError) as caught:
            opened.verify()
        assert "does not have its hash" in str(caught.value)
        with refused("cache-damaged", ImageError):
            check_cache(path)


def test_an_unusable_sample_without_a_reason(tmp_path: Path, cache: Path) -> None:
    data, _ = entries_of(cache)
    opened = CoefficientCache(cache)
    (index,) = opened.unusable
    kept = bytes(opened._contents.payload(index))
    assert opened.skipped[0].file.endswith("no.jpg")
    for changed in (kept.replace(b"ImageError", b"imageError"), kept.replace(b"[", b"{"), b"9"):
        other = data.replace(kept, changed.ljust(len(kept)))
        spoiled = CoefficientCache(written(tmp_path / "x", other))
        with refused("cache-damaged", ImageError):
            _ = spoiled.skipped
        with refused("cache-damaged", ImageError):
            _ = spoiled[index]


@pytest.mark.parametrize("form", ["packed", "pixels"])
def test_random_bytes(form: Any, tmp_path: Path, cache: Path) -> None:
    """A changed payload makes batches, or one error with a code."""
    data, header = entries_of(cache)
    generator = np.random.default_rng(11)
    given: Any = {"form": form, "on_error": "skip", "threads": 1}
    if form == "pixels":
        given |= {"preprocess": {"resize": [32, 32]}, "size": (32, 32)}
    expected = {key for batch in ImageDataset(cache, 4, **given) for key in batch.keys}
    outcomes = set()
    for turn in range(60):
        changed = bytearray(data)
        for place in generator.integers(HEADER_BYTES, header.entries, 1 + turn % 3):
            changed[place] = generator.integers(256)
        path = written(tmp_path / "x.jpegcache", with_index(bytes(changed), header.entries, b""))
        try:
            for batch in ImageDataset(path, 4, **given):
                assert set(batch.keys) <= expected
                outcomes.add("skipped" if len(batch.skipped) > 1 else "read")
                if form == "packed":
                    batch.inputs.unpack()  # type: ignore[union-attr]
        except JpegCompileError as error:
            outcomes.add(error.code or "no code")
    assert "read" in outcomes
    assert len(outcomes) > 1
    assert outcomes <= {"read", "skipped", "packed-block-damaged", "cache-damaged"}
