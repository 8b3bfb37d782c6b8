"""How small packed photographs are, and that the benchmark which says so can be trusted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import packed as benchmark
from PIL import Image
from support.images import make_jpeg
from support.tiers import thorough

from jpegcompile.jpeg.packed import PackedBatch, PackedPlane

# Of the bytes of 8-bit pixels.
MOST = 0.25


@thorough
@pytest.mark.shared
def test_photographs_take_a_quarter_of_their_pixels_at_most(shared: Path) -> None:
    images = benchmark.photographs(shared / "images" / "photos")
    assert len(images) >= 20
    files = list(benchmark.encoded(images, 75, "4:2:0"))
    found = benchmark.average([benchmark.sizes_of(file) for file in files])
    assert found.packed <= MOST * benchmark.UINT8_BYTES
    # Not for lack of content.
    assert found.file > 5_000


def test_sizes_of_a_file() -> None:
    file = make_jpeg(48, 32, quality=75, subsampling="4:2:0")
    found = benchmark.sizes_of(file)
    assert found.file == len(file)
    assert found.coefficients == (24 + 2 * 6) * 128 + 3 * 128
    assert 36 * 3 < found.packed < found.coefficients


def test_times_are_of_images_of_each_group() -> None:
    small, large = (benchmark.feeds_of(make_jpeg(side, side)) for side in (8, 256))
    first, second = benchmark.milliseconds([[small, small, large], [large]], rounds=3)
    assert 0 < first < second


def test_the_check_finds_a_wrong_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    feeds = benchmark.feeds_of(make_jpeg(32, 32))
    benchmark.checked(feeds)
    unpack = PackedPlane.unpack

    def wrong(plane: PackedPlane) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
        values = unpack(plane)
        values[..., -1, -1] ^= 1
        return values

    monkeypatch.setattr(PackedPlane, "unpack", wrong)
    with pytest.raises(AssertionError, match="luma"):
        benchmark.checked(feeds)


def test_formats_are_counted_like_what_is_packed() -> None:
    """Without values that no nibble holds, escapes make no difference."""
    feeds = benchmark.feeds_of(make_jpeg(64, 64, quality=50))
    luma = np.clip(feeds["luma"], -8, 7)
    # Whole groups of 16 blocks: nothing is filled up.
    small = {"luma": luma, "quantization": feeds["quantization"]}
    found = benchmark.formats(small)
    assert found[benchmark.NIBBLES] == found[benchmark.THIS] == PackedBatch.of(small).nbytes
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_tables_and_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, record = tmp_path / "photos", tmp_path / "record.json"
    photos.mkdir()
    (photos / "one.jpg").write_bytes(make_jpeg(64, 48, quality=95))
    (photos / "notes.txt").write_text("no photograph")
    monkeypatch.setattr(benchmark, "SIDE", 32)
    arguments = ["--photos", str(photos), "--rounds", "1", "--json", str(record)]
    monkeypatch.setattr(sys, "argv", ["packed.py", *arguments])
    benchmark.main()
    text = capsys.readouterr().out
    lines = [line.split(" | ") for line in text.splitlines() if line.startswith("| 75 | 4:2:0")]
    (file,) = benchmark.encoded(benchmark.photographs(photos), 75, "4:2:0")
    expected = benchmark.sizes_of(file)
    assert [line[5] for line in lines] == [f"{expected.packed:,.0f}"]
    rows = json.loads(record.read_text(encoding="utf-8"))["rows"]
    sizes = [row for row in rows if row["table"] == "sizes"]
    assert [(row["quality"], row["sampling"]) for row in sizes[:2]] == [
        (50, "4:2:0"),
        (75, "4:2:0"),
    ]
    assert sizes[1]["packed"] == expected.packed
    formats = [row for row in rows if row.get("format") == benchmark.THIS]
    assert [row["quality"] for row in formats] == list(benchmark.QUALITIES)


def test_crops_are_of_the_size_of_networks(tmp_path: Path) -> None:
    Image.new("L", (300, 250)).save(tmp_path / "gray.JPEG")
    (image,) = benchmark.photographs(tmp_path)
    assert (image.size, image.mode) == ((224, 224), "RGB")
