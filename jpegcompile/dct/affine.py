"""Affine maps of each channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ChannelAffine:
    """y = scale * x + shift for each channel: float64 [channels] each."""

    scale: NDArray[np.float64]
    shift: NDArray[np.float64]

    def then(self, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> ChannelAffine:
        """Return this map followed by y = scale * x + shift."""
        return ChannelAffine(self.scale * scale, self.shift * scale + shift)

    def __eq__(self, other: object) -> bool:
        """Whether both maps have equal numbers."""
        if not isinstance(other, ChannelAffine):
            return NotImplemented
        return np.array_equal(self.scale, other.scale) and np.array_equal(self.shift, other.shift)

    __hash__ = None  # type: ignore[assignment]
