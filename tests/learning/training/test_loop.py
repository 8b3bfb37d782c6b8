"""The loop learns, continues exactly from checkpoints, and stops as it should."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.codes import refused
from support.learning_tasks import small, small_task
from support.tiers import thorough

from jpegcompile.data.sample import NO_LABEL
from jpegcompile.errors import CheckFailedError, ImageError, InternalError, UsageError
from jpegcompile.learning.training.checkpoint import CheckpointFile
from jpegcompile.learning.training.feeds import Feed, Pair
from jpegcompile.learning.training.loop import Loop, Outputs
from jpegcompile.learning.training.task import Task, weights_of

Weights = dict[str, torch.Tensor]


class KilledError(Exception):
    """Stands for the end of the process: nothing is written after it."""


def run_until(task: Task, file: Path | None, step: int | None, every: int | None = 2) -> Loop:
    """Learn, resuming if there is a checkpoint, until a step or to the end."""

    def progress(done: int, total: int) -> None:
        if done == step:
            raise KilledError

    checkpoint = None if file is None else CheckpointFile(file, {"run": "test"}, every)
    loop = Loop(task, Outputs(checkpoint, progress=progress))
    if file is not None and file.exists():
        loop.resume()
    loop.run()
    return loop


def same(first: Weights, second: Weights) -> bool:
    return all(torch.equal(one, second[name]) for name, one in first.items())


@pytest.mark.parametrize(
    ("kills", "changed"),
    [
        ((3, 7), {}),
        pytest.param(
            (2, 5, 9),
            {"optimizer": "adamw", "learning_rate": 0.01, "clip": 1.0},
            marks=thorough,
        ),
        pytest.param((4,), {"amp": "float16", "nesterov": True}, marks=thorough),
        pytest.param((6,), {"amp": "bfloat16", "keep": "last"}, marks=thorough),
    ],
)
def test_a_killed_run_ends_with_the_same_weights(
    tmp_path: Path, kills: tuple[int, ...], changed: dict[str, Any]
) -> None:
    whole_task = small_task(**changed)
    whole = run_until(whole_task, None, None)
    file = tmp_path / "checkpoint.pt"
    for step in kills:
        with pytest.raises(KilledError):
            run_until(small_task(**changed), file, step)
    task = small_task(network=small(99), **changed)
    resumed = run_until(task, file, None)
    assert same(weights_of(whole_task.student), weights_of(task.student))
    assert resumed.course.best.epoch == whole.course.best.epoch
    assert same(whole.course.best.weights, resumed.course.best.weights)
    times: Any = {"seconds": 0.0, "images_per_second": 0.0}
    assert [replace(e, **times) for e in whole.course.epochs] == [
        replace(e, **times) for e in resumed.course.epochs
    ]
    assert 0 <= kills[-1] - resumed.resumed <= 2


@thorough
def test_another_seed_learns_other_weights() -> None:
    tasks = [small_task(epochs=1, seed=seed) for seed in (3, 3, 4)]
    for task in tasks:
        Loop(task, Outputs()).run()
    first, again, other = (weights_of(task.student) for task in tasks)
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=thorough)])
def test_an_interrupt_leaves_a_checkpoint(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "checkpoint.pt"
    whole_task = small_task(epochs=1)
    Loop(whole_task, Outputs()).run()

    def progress(done: int, total: int) -> None:
        if done == 3:
            signal.raise_signal(number)

    def terminate(*_: object) -> None:
        raise KilledError

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        checkpoint = CheckpointFile(file, {"run": "test"})
        expected = KeyboardInterrupt if number == signal.SIGINT else KilledError
        with pytest.raises(expected) as caught:
            Loop(small_task(epochs=1), Outputs(checkpoint, progress=progress)).run()
        if number == signal.SIGINT:
            assert "after 3 steps; continue with --resume" in str(caught.value)
    finally:
        signal.signal(signal.SIGTERM, before)
    task = small_task(epochs=1)
    loop = run_until(task, file, None)
    assert loop.resumed == 3
    assert same(weights_of(whole_task.student), weights_of(task.student))


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    task = small_task(learning_rate=1e30)
    with refused("loss-not-finite", CheckFailedError):
        run_until(task, file, None, every=3)
    assert not file.exists()


def test_early_stop() -> None:
    loop = Loop(small_task(epochs=9, learning_rate=0.0, patience=2, decay="all"), Outputs())
    loop.run()
    # Without learning only the running statistics change.
    assert loop.stops_early
    assert loop.course.epoch == loop.course.best.epoch + 2


def test_images_without_labels(tmp_path: Path) -> None:
    for index, file in enumerate(sorted(Path(str(images())).rglob("*.jpg"))[:40]):
        (tmp_path / f"{index}.jpg").write_bytes(file.read_bytes())
    with refused("finetune-without-labels", UsageError):
        Loop(small_task(tmp_path), Outputs()).run()
    loop = Loop(small_task(tmp_path, teacher=small(5), batch=8, epochs=1), Outputs())
    loop.run()
    found = loop.course.epochs[0]
    assert found.label_loss is None
    assert found.validation is not None
    assert found.validation.top1 is None
    assert found.validation.labeled == 0
    assert found.loss == found.distill_loss


@thorough
def test_a_student_approaches_its_teacher() -> None:
    teacher = small(5)
    task = small_task(teacher=teacher, epochs=6, distill_weight=1.0)
    loop = Loop(task, Outputs())
    loop.run()
    losses = [epoch.loss for epoch in loop.course.epochs]
    assert losses[-1] < losses[0] / 2
    assert same(weights_of(small(5)), weights_of(teacher))


def images() -> Path:
    from jpegcompile.digits import images_path

    return images_path()


def test_labels_that_are_no_classes() -> None:
    task = replace(small_task(), classes=9)
    with refused("finetune-label-too-large", UsageError):
        Loop(task, Outputs()).run()


def test_no_usable_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Feed, "pairs", lambda self, epoch: iter(()))
    with refused("finetune-no-batch", ImageError):
        Loop(small_task(has_validation=False), Outputs()).run()


def test_unusable_files_are_counted_once(tmp_path: Path) -> None:
    root = tmp_path / "images"
    for group in sorted(images().iterdir())[:3]:
        (root / group.name).mkdir(parents=True)
        for file in sorted(group.iterdir())[:8]:
            (root / group.name / file.name).write_bytes(file.read_bytes())
    broken = root / "1" / "broken.jpg"
    broken.write_bytes(b"no image")
    loop = Loop(small_task(root, batch=8, has_validation=False), Outputs())
    loop.run()
    [skipped] = loop.course.seen.all_skipped()
    assert skipped.file == str(broken)
    assert loop.course.epochs[0].steps == 3


def test_mean_loss_is_of_labeled_images() -> None:
    task = small_task(epochs=1)
    loop = Loop(task, Outputs())
    pair = next(task.training.pairs(0))
    labels = pair.student.labels.clone()
    labels[::2] = NO_LABEL
    half = Pair(replace(pair.student, labels=labels), pair.teacher)
    stepper = loop._stepper
    sums = stepper.learn(half, task.counted(half), 0, 0, 0)
    assert sums[3:].tolist() == [32, 16]
    np.testing.assert_allclose(sums[0], sums[1])


def test_every_seed_is_allowed() -> None:
    task = small_task(epochs=1, seed=2**64 - 1)
    pair = next(task.training.pairs(0))
    sums = Loop(task, Outputs())._stepper.learn(pair, task.counted(pair), 0, 0, 0)
    assert sums.isfinite().all()


def test_student_and_teacher_must_read_the_same_images(tmp_path: Path) -> None:
    other = tmp_path / "0"
    other.mkdir()
    for file in sorted((images() / "1").iterdir())[:8]:
        (other / file.name).write_bytes(file.read_bytes())
    task = small_task(tmp_path, teacher=small(5), batch=8, has_validation=False)
    for index, file in enumerate(sorted((images() / "2").iterdir())[:8]):
        (other / f"{index}.jpg").write_bytes(file.read_bytes())
    more = small_task(tmp_path, batch=8, has_validation=False)
    feed = replace(task.training, teacher=more.training.student)
    with refused("finetune-batches-differ", InternalError):
        list(feed.pairs(0))
