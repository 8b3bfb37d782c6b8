"""Event files for TensorBoard: what it shows, also of a run that was interrupted."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from support.codes import refused
from support.learning_tasks import small_task
from support.tiers import thorough

from jpegcompile.errors import AccessError
from jpegcompile.learning.training.checkpoint import CheckpointFile
from jpegcompile.learning.training.loop import Loop, Outputs
from jpegcompile.learning.training.metrics import Board, require_tensorboard, row_of


class KilledError(Exception):
    """Stands for the end of the process."""


def shown(folder: Path) -> dict[str, dict[int, float]]:
    """What TensorBoard shows: the values of every tag by step, each of which occurs once."""
    found = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events: Any = found.EventAccumulator(str(folder), size_guidance={found.SCALARS: 0})
    events.Reload()
    values = {}
    for tag in events.Tags()["scalars"]:
        steps = [one.step for one in events.Scalars(tag)]
        assert len(steps) == len(set(steps)), tag
        values[tag] = {one.step: one.value for one in events.Scalars(tag)}
    return values


@thorough
def test_an_interrupted_run_shows_every_step_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    folder, checkpoint = tmp_path / "board", CheckpointFile(tmp_path / "c.pt", {})

    def until(step: int | None) -> Loop:
        def progress(done: int, total: int) -> None:
            if done == step:
                raise KilledError

        task = small_task(batch=4, epochs=3)
        loop = Loop(task, Outputs(checkpoint, board=folder, progress=progress))
        if checkpoint.path.exists():
            loop.resume()
        loop.run()
        return loop

    steps = small_task(batch=4).steps
    # After the first epoch, and within the second one, whose steps so far are repeated.
    for killed in (steps + 1, 2 * steps - 1):
        with pytest.raises(KilledError):
            until(killed)
    course = until(None).course
    found = shown(folder)
    for number, epoch in enumerate(course.epochs, 1):
        for name, value in row_of(epoch).items():
            shown_values = found[f"epoch/{name}"]
            assert len(shown_values) == 3
            # The time of an epoch is measured anew.
            if "second" not in name:
                assert shown_values[number * steps] == pytest.approx(value, rel=1e-6)
    assert list(found["step/loss"]) == sorted(found["step/loss"])
    assert {16, 32, 48, steps, 2 * steps, 3 * steps} <= found["step/learning_rate"].keys()


def test_folders_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jpegcompile.learning.training.metrics.find_spec", lambda name: True)
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "board"):
        with refused("tensorboard-folder", AccessError):
            require_tensorboard(folder)
    require_tensorboard(tmp_path / "new" / "board")
    monkeypatch.setattr("jpegcompile.learning.training.metrics.find_spec", lambda name: None)
    with refused("tensorboard-missing", AccessError):
        require_tensorboard(tmp_path)


def test_a_full_disk(tmp_path: Path) -> None:
    board = Board.__new__(Board)
    board._folder = tmp_path
    with refused("tensorboard-write-failed", AccessError) as caught, board._writing():
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "No space left on device; free some space" in str(caught.value)
