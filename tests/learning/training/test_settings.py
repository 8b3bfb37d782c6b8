"""Options that `finetune` refuses before it reads a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.codes import refused

from jpegcompile.errors import AccessError, UsageError
from jpegcompile.learning.training.distributed import device_of
from jpegcompile.learning.training.settings import settings_of, validation_of
from jpegcompile.options.learning_verbs import FINETUNE

DEFAULTS = {option.name: option.default for option in FINETUNE.options}


def settings(**changed: Any) -> Any:
    return settings_of({**DEFAULTS, **changed}, (32, 32), is_normalized=True)


def test_defaults() -> None:
    found = settings()
    assert found.milestones == (1, 2)
    assert found.learning_rate == 0.01
    assert settings(optimizer="adamw").learning_rate == 0.001
    assert settings_of(DEFAULTS, (32, 32), is_normalized=False).learning_rate == 0.001
    assert found.frequencies["frequencies"] == 15
    assert settings(epochs=1, schedule="step").milestones == ()
    assert settings(milestones=(5, 9), schedule="step").milestones == (5, 9)


@pytest.mark.parametrize(
    "changed",
    [
        {"epochs": 0},
        {"batch": 2.5},
        {"momentum": 1.5},
        {"learning_rate": float("nan")},
        {"temperature": 0.0},
        {"clip": -1.0},
        {"optimizer": "adam"},
        {"amp": "float32"},
        {"validation": 1.0},
        {"validation": "-0.5"},
    ],
    ids=str,
)
def test_values_out_of_range(changed: dict[str, Any]) -> None:
    with refused("training-option-range", UsageError) as caught:
        settings(**changed)
    assert str(caught.value).startswith(f"--{next(iter(changed)).replace('_', '-')} is ")


def test_options_that_need_others() -> None:
    with refused("option-needs-validation", UsageError):
        settings(validation=0, patience=3)
    with refused("option-needs-validation", UsageError):
        settings(validation="0", evaluate_original=True)
    with refused("resume-without-checkpoint", UsageError):
        settings(resume=True)
    with refused("checkpoint-every-without-checkpoint", UsageError):
        settings(checkpoint_every=5)
    with refused("finetune-cache-with-fallback", UsageError):
        settings(cache="c.jpegcache", fallback="pixels")
    for changed in ({"momentum": 0.0}, {"optimizer": "adamw"}):
        with refused("nesterov-without-momentum", UsageError):
            settings(nesterov=True, **changed)
    with refused("milestones-without-steps", UsageError):
        settings(milestones=(2,))
    assert settings(milestones=(2,), schedule="step").milestones == (2,)


def test_validation_is_a_share_or_a_path() -> None:
    assert validation_of("0.25") == 0.25
    assert validation_of(Path("photos")) == "photos"


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_of("cpu").type == "cpu"
    for text in ("gpu", "mps"):
        with refused("device-unknown", UsageError):
            device_of(text)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert str(device_of("cuda")) == "cuda:1"
    with refused("device-missing", AccessError):
        device_of("cuda:2")
