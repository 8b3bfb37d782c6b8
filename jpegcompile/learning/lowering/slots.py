"""Calls of piecewise linear functions, whose frequencies can be set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import FrequencyPlan, NodeFrequencies
from jpegcompile.learning.lowering.options import Decisions
from jpegcompile.learning.modules.domain import Domain, Masking
from jpegcompile.messages import Message


@dataclass(frozen=True)
class Slot:
    """A call of a piecewise linear function.

    Attributes:
        names: names under which a decision finds the call, the most specific first.
        mask: qualified name of the module.
        truncate: qualified name of the truncation of its result.
        domain: domain of its maps.
    """

    names: tuple[str, ...]
    mask: str
    truncate: str
    domain: Domain


def decided(
    names: tuple[str, ...], decisions: Decisions | None, default: NodeFrequencies
) -> NodeFrequencies:
    """Return the frequencies of a call.

    Args:
        names: names under which a decision finds the call.
        decisions: frequencies by name. A call that they do not name stays exact.
        default: frequencies of every call, if there are no decisions.
    """
    if decisions is None:
        return default
    return next((decisions[name] for name in names if name in decisions), NodeFrequencies())


def frequencies_of(mask: nn.Module, keep: int = ALL) -> tuple[NodeFrequencies, Masking | None]:
    """Return the frequencies and the masking of a piecewise linear module.

    Args:
        mask: the module; spatial ones are exact.
        keep: number of kept frequencies of its result.

    Returns:
        The frequencies; and the masking, or None if the mask is exact or the module has no choice.
    """
    part: Any = mask
    count = NodeFrequencies(getattr(part, "frequencies", ALL), keep)
    return count, getattr(part, "masking", None) if count.mask < ALL else None


def plan_of(calls: Iterable[tuple[str, NodeFrequencies, Masking | None]]) -> FrequencyPlan:
    """Return the plan with the name, the frequencies and the masking of each call.

    Raises:
        UsageError: if some masks are ASM and others APX.
    """
    nodes: dict[str, NodeFrequencies] = {}
    maskings: set[Masking] = set()
    for name, count, masking in calls:
        if count != NodeFrequencies():
            nodes[name] = count
        if masking is not None:
            maskings.add(masking)
    if len(maskings) > 1:
        text = "some modules mask by ASM and others by APX; set one masking for all"
        raise UsageError(Message("learning-maskings-differ", text))
    return FrequencyPlan(maskings.pop() if maskings else "asm", NodeFrequencies(), nodes)
