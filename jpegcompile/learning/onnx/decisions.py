"""What the compiler decides for each node: masks, truncation, and which nodes stay spatial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from jpegcompile.frequency_plan import MASKINGS, FrequencyPlan, NodeFrequencies
from jpegcompile.ir.module import Module
from jpegcompile.messages import Message
from jpegcompile.report import NodeReport, Report


@dataclass(frozen=True)
class Decisions:
    """Decisions of a compilation, by the name of the node.

    Attributes:
        frequencies: frequencies of the piecewise linear nodes that the compiler approximates.
        kept: nodes that stay spatial, with the reason.
        report: the report of the compilation.
    """

    frequencies: dict[str, NodeFrequencies]
    kept: dict[str, Message]
    report: Report


def decisions_of(lowered: Module) -> Decisions:
    """Return the decisions of a lowered module, numbers of frequencies as for 8x8 tiles."""
    report, plan = lowered.report, lowered.options.frequencies
    found = {node.name: _frequencies(node, plan) for node in report.nodes if not node.is_exact}
    # A report that was not read from a file has messages.
    kept = {node.name: cast(Message, node.reason) for node in report.kept}
    return Decisions(found, kept, report)


def _frequencies(node: NodeReport, plan: FrequencyPlan) -> NodeFrequencies:
    asked, exact = plan.of(node.name), NodeFrequencies()
    mask = asked.mask if node.masking in MASKINGS else exact.mask
    return NodeFrequencies(mask, asked.keep if node.is_truncated else exact.keep)
