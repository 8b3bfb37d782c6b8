"""Random numbers of an image in an epoch, the same in every process and on every machine.

Each purpose has its own numbers, so a further change of images does not change the others.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import blake2b

# Uniform numbers in one digest of BLAKE2b.
_NUMBERS = 8


@dataclass(frozen=True)
class Draws:
    """The random numbers of one image in one epoch.

    Attributes:
        seed: seed of the dataset.
        epoch: number of the epoch.
        identity: what tells the image from others; see `Sample.identity`.
    """

    seed: int
    epoch: int
    identity: str

    def uniform(self, purpose: str, count: int) -> tuple[float, ...]:
        """Return numbers in [0, 1), 8 at most.

        Args:
            purpose: what the numbers are for, at most 16 characters.
            count: how many numbers.
        """
        text = f"{self.seed}/{self.epoch}/{self.identity}".encode("utf-8", "surrogateescape")
        digest = blake2b(text, digest_size=8 * _NUMBERS, person=purpose.encode()).digest()
        # The upper 53 bits are the mantissa of a float64.
        return tuple((n >> 11) * 2.0**-53 for n in struct.unpack(f"<{_NUMBERS}Q", digest)[:count])


def between(number: float, low: float, high: float) -> float:
    """Map a number in [0, 1) to [low, high)."""
    return low + (high - low) * number


def whole_between(number: float, low: int, high: int) -> int:
    """Map a number in [0, 1) to a whole number from `low` to `high`, both included."""
    return low + int(number * (high - low + 1))
