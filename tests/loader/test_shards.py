"""Shards, their names, and who reads what."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from support.codes import refused
from support.shard_files import write_shard

from jpegcompile.data.division import Reader
from jpegcompile.data.order import made_ahead, shuffled
from jpegcompile.data.patterns import expanded
from jpegcompile.data.sample import NO_LABEL, Sample
from jpegcompile.data.shards import shard_samples
from jpegcompile.errors import UsageError
from jpegcompile.messages import code_of


def read(path: Path) -> list[Sample]:
    return list(shard_samples(str(path), "none"))


def test_braces_are_those_of_shells() -> None:
    assert expanded("a.tar") == ["a.tar"]
    assert expanded("s-{008..011}.tar") == ["s-008.tar", "s-009.tar", "s-010.tar", "s-011.tar"]
    assert expanded("{a,b}/{9..10}") == ["a/9", "a/10", "b/9", "b/10"]
    for wrong in ("{3..1}", "{1..9999999}"):
        with refused("shard-pattern-range", UsageError):
            expanded(wrong)
    with refused("shard-pattern-too-large", UsageError):
        expanded("{0..999}" * 3)


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_of_one_key_are_one_sample(format: int, tmp_path: Path) -> None:
    long = f"{'d' * 60}/{'k' * 90}"
    path = write_shard(
        tmp_path / "s.tar",
        {
            "a/1.jpg": b"one",
            "a/1.cls": b" 7\n",
            "b/1.json": json.dumps({"label": 3, "cls": 5}).encode(),
            "b/1.JPEG": b"two",
            "v1.0/x.input.jpg": b"three",
            "._v1.0": b"of a system",
            f"{long}.jpg": b"four",
            f"{long}.txt": b"caption",
        },
        format,
    )
    samples = read(path)
    assert [(s.key, s.source, s.label, s.problem) for s in samples] == [
        ("a/1", b"one", 7, None),
        ("b/1", b"two", 3, None),
        ("v1.0/x", b"three", NO_LABEL, None),
        (long, b"four", NO_LABEL, None),
    ]
    assert samples[0].name == f"{path}: a/1"


def test_samples_without_an_image_or_a_class(tmp_path: Path) -> None:
    path = write_shard(
        tmp_path / "s.tar",
        {
            "1.cls": b"1",
            "1.txt": b"",
            "2.jpg": b"x",
            "2.cls": b"cat",
            "3.jpg": b"x",
            "3.cls": b"-1",
            "4.jpg": b"x",
            "4.json": b"{",
            "5.jpg": b"x",
            "5.json": b'{"label": true}',
            "6.jpg": b"x",
            "6.json": b"[]",
        },
    )
    problems = [s.problem or "" for s in read(path)]
    assert list(map(code_of, problems)) == [
        "shard-sample-without-image",
        "shard-label-not-whole",
        "shard-label-not-whole",
        "shard-label-not-json",
        "shard-label-not-whole",
        "",
    ]
    assert "(cls, txt)" in problems[0]
    assert '"cat"' in problems[1]
    assert problems[5] == ""


def test_damage_of_a_shard_is_never_its_end(tmp_path: Path) -> None:
    members = {f"{index}.jpg": bytes(700) for index in range(4)}
    path = write_shard(tmp_path / "s.tar", members)
    whole = path.read_bytes()
    assert [s.problem for s in read(path)] == [None] * 4
    # 512 of a header and 1024 of data a member.
    for size, left in ((100, 0), (512, 0), (1536, 1), (1600, 1), (2048, 1), (2100, 1), (6144, 4)):
        path.write_bytes(whole[:size])
        samples = read(path)
        assert [s.key for s in samples if s.problem is None] == [f"{i}" for i in range(left)]
        assert samples[-1].source is None
        assert code_of(samples[-1].problem or "") == "shard-damaged"
    damaged = bytearray(whole)
    damaged[1536 + 20] ^= 1
    path.write_bytes(damaged)
    assert [s.problem is None for s in read(path)] == [True, False]
    (sample,) = read(tmp_path / "none.tar")
    assert sample.problem == "cannot read: No such file or directory; check the path"
    assert code_of(sample.problem or "") == "shard-unreadable"


@pytest.mark.parametrize("count", [0, 1, 7, 40, 41])
@pytest.mark.parametrize(("ranks", "workers"), [(1, 1), (1, 3), (3, 1), (2, 4)])
def test_items_are_read_once(count: int, ranks: int, workers: int) -> None:
    items = list(range(count))
    readers = [Reader(r, ranks, w, workers) for r in range(ranks) for w in range(workers)]
    assert [reader.index for reader in readers] == list(range(ranks * workers))
    parts = [list(reader.items(items, 4)) for reader in readers]
    assert sorted(chain.from_iterable(parts)) == items
    # As without workers, where their batches are taken in turn.
    alone = list(Reader(0, ranks).items(items, 4))
    batches = [
        part[start : start + 4]
        for start in range(0, count, 4)
        for part in parts[:workers]
        if part[start : start + 4]
    ]
    assert list(chain.from_iterable(batches)) == alone


@pytest.mark.parametrize("count", [1, 3, 8, 9, 20])
@pytest.mark.parametrize(("ranks", "workers"), [(1, 1), (1, 3), (2, 4)])
def test_shards_are_read_once(count: int, ranks: int, workers: int) -> None:
    shards = list(range(count))
    found = []
    for rank in range(ranks):
        for worker in range(workers):
            reader = Reader(rank, ranks, worker, workers)
            own = reader.shards(shards)
            samples = [(shard, index) for shard in own for index in range(5)]
            found += list(reader.samples(samples, shards))
    assert sorted(found) == [(shard, index) for shard in shards for index in range(5)]


def test_shuffling_keeps_all_and_follows_the_seed() -> None:
    orders = [list(shuffled(range(50), 8, np.random.default_rng(seed))) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == list(range(50))
    # The buffer holds eight, so no item is ahead of its place by more.
    assert all(place >= item - 8 for place, item in enumerate(orders[0]))
    assert list(shuffled([], 8, np.random.default_rng(0))) == []


def test_items_ahead_keep_their_order_and_errors() -> None:
    made: list[int] = []

    def items(most: int) -> Iterator[int]:
        for index in range(most):
            made.append(index)
            yield index
        raise UsageError("the end")

    ahead = made_ahead(items(9), 2, "test")
    assert next(ahead) == 0
    ahead.close()
    assert len(made) <= 4
    ahead = made_ahead(items(5), 3, "test")
    assert [next(ahead) for _ in range(5)] == list(range(5))
    with pytest.raises(UsageError, match="the end"):
        next(ahead)
