"""Check the options of `finetune` that need no model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from jpegcompile.data.augmentation.text import augmentation_of
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import FrequencyPlan, frequency_plan
from jpegcompile.messages import Message
from jpegcompile.options import training as option
from jpegcompile.results.finetuning import TrainingSettings
from jpegcompile.whole_numbers import is_whole_number

_WHOLE = {"epochs": 1, "batch": 1, "seed": 0}
_SHARES = ("label_smoothing", "distill_weight", "momentum")
_NOT_NEGATIVE = ("learning_rate", "weight_decay", "warmup")
_RATE, _LOW_RATE = 0.01, 0.001
# Tensors have no larger numbers.
_LARGEST = 3.4e38


def settings_of(
    given: Mapping[str, Any],
    resolution: tuple[int, int],
    *,
    is_normalized: bool,
    plan: FrequencyPlan | None = None,
) -> TrainingSettings:
    """Return the settings that options ask for.

    Args:
        given: options of `finetune` by name.
        resolution: (height, width) of the network's input while learning.
        is_normalized: whether the network has normalization layers. Without them, a large learning
            rate makes a network diverge.
        plan: frequencies while learning; None for those that the options say.

    Raises:
        UsageError: if the value of an option is invalid, or options exclude each other.
    """
    if given["learning_rate"] is None:
        is_low = given["optimizer"] == "adamw" or not is_normalized
        given = {**given, "learning_rate": _LOW_RATE if is_low else _RATE}
    for name, least in _WHOLE.items():
        is_right = is_whole_number(given[name]) and given[name] >= least
        _require(name, given[name], is_right, f"a whole number, {least} or more")
    for name in _SHARES:
        _require(name, given[name], 0 <= given[name] <= 1, "a number from 0 to 1")
    for name in _NOT_NEGATIVE:
        _require(name, given[name], 0 <= given[name] <= _LARGEST, f"a number from 0 to {_LARGEST}")
    for name in ("temperature", "clip"):
        is_right = given[name] is None or 0 < given[name] <= _LARGEST
        _require(name, given[name], is_right, f"a number above 0, at most {_LARGEST}")
    for each in (option.OPTIMIZER, option.DECAY, option.SCHEDULE, option.KEEP, option.AMP):
        known = (*each.choices, None) if each is option.AMP else each.choices
        _require(each.name, given[each.name], given[each.name] in known, " or ".join(each.choices))
    augmentation_of(given["augment"])
    validation = validation_of(given["validation"])
    if validation == 0:
        for flag in ("patience", "evaluate_original"):
            if given[flag]:
                raise UsageError(
                    Message(
                        "option-needs-validation",
                        f"--{flag.replace('_', '-')} needs validation images; leave"
                        " --validation 0 out",
                    )
                )
    _require_others(given)
    asked = frequency_plan(given["frequencies"], given["relu"], given["truncate"])
    epochs = given["epochs"]
    changed = {
        "milestones": tuple(given["milestones"] or sorted({epochs // 2, 3 * epochs // 4} - {0})),
        "validation": validation,
        "frequencies": (plan or asked).to_json(),
        "resolution": resolution,
    }
    named = {each.name: given[each.name] for each in fields(TrainingSettings) if each.name in given}
    return TrainingSettings(**{**named, **changed})


def _require_others(given: Mapping[str, Any]) -> None:
    """Refuse options that have no effect without another one."""
    if given["resume"] and given["checkpoint"] is None:
        text = "--resume continues from a checkpoint; add --checkpoint FILE"
        raise UsageError(Message("resume-without-checkpoint", text))
    if given["checkpoint_every"] is not None and given["checkpoint"] is None:
        text = "--checkpoint-every says how often to write a checkpoint; add --checkpoint FILE"
        raise UsageError(Message("checkpoint-every-without-checkpoint", text))
    if given["cache"] is not None and given["fallback"] != "none":
        text = "--cache contains coefficients only, and --fallback needs the files; leave one out"
        raise UsageError(Message("finetune-cache-with-fallback", text))
    if given["nesterov"] and (given["optimizer"] != "sgd" or given["momentum"] == 0):
        text = "--nesterov changes the momentum of sgd; add --optimizer sgd and a --momentum"
        raise UsageError(Message("nesterov-without-momentum", text))
    if given["milestones"] and given["schedule"] != "step":
        text = "--milestones are the epochs of --schedule step; add it, or leave --milestones out"
        raise UsageError(Message("milestones-without-steps", text))


def validation_of(given: float | str | os.PathLike[str]) -> float | str:
    """Return the share of images that is held out, or the path of validation images.

    Raises:
        UsageError: if a number is no share.
    """
    text = os.fspath(given) if isinstance(given, str | os.PathLike) else given
    try:
        share = float(text)
    except ValueError:
        return str(text)
    _require("validation", given, 0 <= share < 1, "a share from 0 to 1, or a folder")
    return share


def _require(name: str, value: Any, is_right: bool, wanted: str) -> None:
    if not is_right:
        flag = f"--{name.replace('_', '-')}"
        text = f"{flag} is {value}; give {wanted}"
        raise UsageError(Message("training-option-range", text))
