"""Schedules and parameter groups against PyTorch's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from support.learning_tasks import SETTINGS, small
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, MultiStepLR, SequentialLR

from jpegcompile.learning.training.optimizers import LearningRate, optimizer_of

STEPS = 5


def rates(**changed: object) -> list[float]:
    settings = replace(SETTINGS, epochs=4, learning_rate=0.3, **changed)  # type: ignore[arg-type]
    rate = LearningRate(settings, STEPS)
    return [rate.of(epoch, step) for epoch in range(4) for step in range(STEPS)]


def reference(kind: str) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.3)
    match kind:
        case "cosine":
            schedule: object = CosineAnnealingLR(optimizer, 4 * STEPS)
        case "step":
            schedule = MultiStepLR(optimizer, [STEPS, 3 * STEPS])
        case _:
            rise = LinearLR(optimizer, 1 / STEPS, total_iters=STEPS - 1)
            fall = CosineAnnealingLR(optimizer, 3 * STEPS)
            schedule = SequentialLR(optimizer, [rise, fall], [STEPS])
    found = []
    for _ in range(4 * STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()  # type: ignore[attr-defined]
    return found


@pytest.mark.filterwarnings("ignore:The epoch parameter")
def test_schedules() -> None:
    assert rates() == pytest.approx(reference("cosine"))
    assert rates(schedule="step", milestones=(1, 3)) == pytest.approx(reference("step"))
    assert rates(warmup=1.0) == pytest.approx(reference("warmup"))
    assert rates(schedule="constant") == [0.3] * 20
    assert rates() != pytest.approx(reference("step"))


def test_an_epoch_with_more_steps_than_expected_keeps_the_last_rate() -> None:
    assert LearningRate(replace(SETTINGS, epochs=1), STEPS).of(0, 99) == 0.0


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_biases_and_scales_need_not_decay(name: str) -> None:
    network = small()
    settings = replace(SETTINGS, optimizer=name, decay="weights")  # type: ignore[arg-type]
    decayed, bare = optimizer_of(network, settings).param_groups
    assert decayed["weight_decay"] == SETTINGS.weight_decay
    assert bare["weight_decay"] == 0
    assert {id(one) for one in bare["params"]} == {
        id(one) for key, one in network.named_parameters() if "bn" in key or "bias" in key
    }
    [every] = optimizer_of(network, replace(settings, decay="all")).param_groups
    assert len(every["params"]) == len(list(network.parameters()))
