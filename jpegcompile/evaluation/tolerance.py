"""The tolerance for conversion errors."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.precision import FLOAT32, Precision

# Tolerance in units of the measured rounding error. For the networks in the tests, conversion
# errors are 0.9 to 2.1 times the rounding error.
MULTIPLE = 8.0
# The same for the error of the original's sums over maps, which is known and not estimated.
PRECISE_MULTIPLE = 2.0
# Smallest tolerances, as fractions of the largest magnitude: a few units in the last place.
FLOOR = 1e-6
HALF_FLOOR = 2.0**-10
# An error above this fraction of the largest magnitude is a jump: another decision, not rounding.
JUMP = 1e-3
HALF_JUMP = 0.1


@dataclass(frozen=True)
class Tolerance:
    """The tolerance of an output.

    Attributes:
        absolute: allowed error as given by the user. If this and `relative` are None, the tolerance
            follows from the measured rounding error.
        relative: allowed error as a fraction of the largest magnitude. The larger of `absolute` and
            `relative` counts.
        is_half: whether the network is in float16.
        precision: precision of the compiled model.
    """

    absolute: float | None = None
    relative: float | None = None
    is_half: bool = False
    precision: Precision = FLOAT32

    @property
    def is_given(self) -> bool:
        """Whether the user has given a tolerance."""
        return self.absolute is not None or self.relative is not None

    @property
    def jump(self) -> float:
        """Fraction of the largest magnitude above which an error is a jump."""
        return HALF_JUMP if self.is_half or self._is_coarse else JUMP

    @property
    def units(self) -> float:
        """Units in the last place by which sums are moved (`moved.py`)."""
        return 1.0 if self.is_half else MULTIPLE

    @property
    def units_counted(self) -> float:
        """Factor that converts the distance due to moved sums to a rounding error."""
        return 1.0 / self.units

    def allowed(self, largest: float, own: float) -> float:
        """Return the allowed error.

        Args:
            largest: largest magnitude of the output.
            own: rounding error of the original.
        """
        if self.is_given:
            return max(self.absolute or 0.0, (self.relative or 0.0) * largest)
        floor = HALF_FLOOR if self.is_half else FLOOR * self._coarseness
        return max(MULTIPLE * self._coarseness * own, floor * largest)

    @property
    def _coarseness(self) -> float:
        """Rounding error of the precision divided by the rounding error of float32.

        The original's rounding error is measured in float32. Storing a number in a coarser
        precision increases its error by this factor; sums are float32 in both. Rounding errors add
        up linearly, so errors at the outputs grow at most by this factor.
        """
        return self.precision.roundoff / FLOAT32.roundoff

    @property
    def _is_coarse(self) -> bool:
        return self.precision.storage != "float32"
