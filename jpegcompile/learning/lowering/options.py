"""The options of a lowering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import NodeFrequencies
from jpegcompile.learning.modules.domain import (
    Domain,
    Masking,
    check_frequencies,
    check_masking,
)
from jpegcompile.messages import Message

DomainChoice = Literal["jpeg", "auto"]
Decisions = Mapping[str, NodeFrequencies]


@dataclass(frozen=True)
class LoweringOptions:
    """Options of a lowering.

    Attributes:
        domain: "jpeg" to keep every map in the JPEG domain, "auto" for coefficients only where they
            pay.
        frequencies: number of mask frequencies of piecewise linear functions, 1 to 15; 15 is exact.
        masking: "asm" or "apx".
        truncate: number of kept frequencies of the results of piecewise linear functions, 1 to 15.
        input: domain of the image that the module takes: "jpeg" (at its `input_block`), or
            "spatial" for pixels.
    """

    domain: DomainChoice = "jpeg"
    frequencies: int = ALL
    masking: Masking = "asm"
    truncate: int = ALL
    input: Domain = "jpeg"

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            UsageError: if an option has no such value.
        """
        check_frequencies(self.frequencies)
        check_frequencies(self.truncate)
        check_masking(self.masking)
        for name, value, known in (
            ("domain", self.domain, get_args(DomainChoice)),
            ("input", self.input, get_args(Domain)),
        ):
            if value not in known:
                text = f"{name} is {value!r}; use {' or '.join(map(repr, known))}"
                raise UsageError(Message("learning-option-unknown", text))

    @property
    def default(self) -> NodeFrequencies:
        """Frequencies of a node without a decision."""
        return NodeFrequencies(self.frequencies, self.truncate)
