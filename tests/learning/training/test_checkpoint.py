"""Checkpoint files: what is refused, and that a failed write changes nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from support.codes import refused

from jpegcompile.errors import AccessError, JpegCompileError, UsageError
from jpegcompile.learning.training import checkpoint
from jpegcompile.learning.training.checkpoint import CheckpointFile


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "c.pt", {"batch": 8, "size": (32, 32)})
    file.require_absent()
    file.write({"weights": {"w": torch.arange(3)}, "place": [1, 2]})
    found = file.read()
    assert found["place"] == [1, 2]
    assert torch.equal(found["weights"]["w"], torch.arange(3))
    with refused("checkpoint-exists", UsageError):
        file.require_absent()


def test_checkpoints_of_other_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.pt"
    CheckpointFile(path, {"batch": 8, "seed": 1}).write({})
    with refused("checkpoint-of-another-run", UsageError) as caught:
        CheckpointFile(path, {"batch": 16, "seed": 1}).read()
    assert "with batch 8, and now it is 16" in str(caught.value)
    monkeypatch.setattr(checkpoint, "FORMAT", checkpoint.FORMAT + 1)
    with refused("checkpoint-format", UsageError):
        CheckpointFile(path, {"batch": 8, "seed": 1}).read()


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    with refused("checkpoint-unreadable", AccessError):
        CheckpointFile(path, {}).read()
    for content in (b"", b"text", b"PK\x03\x04 half a file"):
        path.write_bytes(content)
        with refused("checkpoint-damaged", AccessError):
            CheckpointFile(path, {}).read()
    torch.save({"weights": 1}, path)
    with refused("checkpoint-damaged", AccessError):
        CheckpointFile(path, {}).read()
    # Reading runs no code.
    torch.save({"format": 1, "identity": Path("x")}, path)
    with refused("checkpoint-damaged", AccessError):
        CheckpointFile(path, {}).read()


def test_changed_bits_are_noticed(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "c.pt", {"batch": 8})
    weights = torch.randn(500, generator=torch.Generator().manual_seed(0))
    file.write({"weights": weights, "place": [1, 2]})
    whole = file.path.read_bytes()
    generator, codes = random.Random(1), list[str]()
    for _ in range(100):
        place = generator.randrange(len(whole))
        changed = bytearray(whole)
        changed[place] ^= 1 << generator.randrange(8)
        file.path.write_bytes(changed)
        try:
            found = file.read()
        except JpegCompileError as error:
            codes.append(error.code)
        else:
            # Between the parts of the file are bytes without a meaning.
            assert torch.equal(found["weights"], weights)
            assert found["place"] == [1, 2]
    assert len(codes) > 50
    assert set(codes) <= {"checkpoint-damaged", "checkpoint-format"}
    for length in range(0, len(whole), 500):
        file.path.write_bytes(whole[:length])
        with refused("checkpoint-damaged", AccessError):
            file.read()


def test_an_edited_checkpoint_is_refused(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "c.pt", {"batch": 8})
    file.write({"place": 1})
    stored = torch.load(file.path, weights_only=True)
    for changed in ({"identity": "{}"}, {"state": "text"}, {"hash": 0}):
        torch.save({**stored, **changed}, file.path)
        with refused("checkpoint-damaged", AccessError):
            file.read()


def test_a_failed_write_keeps_the_earlier_checkpoint(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "c.pt", {})
    file.write({"place": 1})
    with pytest.raises(AttributeError):
        file.write({"place": lambda: None})
    assert file.read()["place"] == 1
    assert list(tmp_path.iterdir()) == [file.path]
