"""Calls of piecewise linear functions, whose frequencies can be set."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.frequency_plan import NodeFrequencies
from jpegcompile.learning.lowering.options import Decisions
from jpegcompile.learning.modules.domain import Domain


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
