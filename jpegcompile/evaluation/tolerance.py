"""How large a conversion error may be."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.precision import FLOAT32, Precision

# Over the networks in the tests a conversion error is 0.9 to 2.1 times the original's own rounding.
MULTIPLE = 8.0
# The same of what is known and not estimated: how far the original's sums over maps are off.
PRECISE_MULTIPLE = 2.0
# Of the largest magnitude: some units in the last place of the answer itself.
FLOOR = 1e-6
HALF_FLOOR = 2.0**-10
# An entry that is off by more than this part of the largest is not rounded but decided otherwise.
JUMP = 1e-3
HALF_JUMP = 0.1


@dataclass(frozen=True)
class Tolerance:
    """What is allowed at an output.

    Attributes:
        absolute: an error, whatever was measured; None to go by what is measured.
        relative: the same as a fraction of the largest magnitude; the larger of the two counts.
        is_half: whether the network is in float16.
        precision: that the compiled model is computed in.
    """

    absolute: float | None = None
    relative: float | None = None
    is_half: bool = False
    precision: Precision = FLOAT32

    @property
    def is_given(self) -> bool:
        """Whether the user has said what is allowed."""
        return self.absolute is not None or self.relative is not None

    @property
    def jump(self) -> float:
        """Part of the largest magnitude from which on an error is no rounding."""
        return HALF_JUMP if self.is_half or self._is_coarse else JUMP

    @property
    def units(self) -> float:
        """By how many units in the last place sums are moved to see what that does."""
        return 1.0 if self.is_half else MULTIPLE

    @property
    def units_counted(self) -> float:
        """What the distance that moved sums make counts, as own rounding."""
        return 1.0 / self.units

    def allowed(self, largest: float, own: float) -> float:
        """Error allowed where an output reaches `largest` and its own rounding is `own`."""
        if self.is_given:
            return max(self.absolute or 0.0, (self.relative or 0.0) * largest)
        floor = HALF_FLOOR if self.is_half else FLOOR * self._coarseness
        return max(MULTIPLE * self._coarseness * own, floor * largest)

    @property
    def _coarseness(self) -> float:
        """Roundings of the precision to one of float32.

        The original's own rounding is measured in float32. Each number that a coarser precision
        stores is off by so many times as much, and sums are float32 in both, so errors at the
        outputs, to which roundings add up linearly, grow by this factor at most.
        """
        return self.precision.roundoff / FLOAT32.roundoff

    @property
    def _is_coarse(self) -> bool:
        return self.precision.storage != "float32"
