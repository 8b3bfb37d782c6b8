"""What the modules of the JPEG domain share: their domain, and the frequencies of their masks."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.learning.transforms import (
    block_dct,
    inverse_block_dct,
    keep_band,
    keeps_all,
    low_frequencies,
)
from jpegcompile.messages import Message

Domain = Literal["jpeg", "spatial"]
Masking = Literal["asm", "apx"]


def check_frequencies(frequencies: int) -> int:
    """Return a number of frequencies of an 8x8 tile.

    Raises:
        UsageError: if it is not a whole number from 1 to 15.
    """
    if type(frequencies) is not int or not 1 <= frequencies <= ALL:
        raise UsageError(
            Message(
                "learning-frequencies-range",
                f"frequencies is {frequencies!r}; give a whole number from 1 to {ALL}",
            )
        )
    return frequencies


def check_masking(masking: Masking) -> Masking:
    """Return how a module masks.

    Raises:
        UsageError: if there is no such masking.
    """
    if masking not in get_args(Masking):
        raise UsageError(
            Message("learning-masking-unknown", f"masking is {masking!r}; use 'asm' or 'apx'")
        )
    return masking


def pixels_of(maps: Tensor, domain: Domain) -> Tensor:
    """Return the pixels of maps [N, C, H, W] in a domain."""
    return maps if domain == "spatial" else inverse_block_dct(maps)


def maps_of(pixels: Tensor, domain: Domain) -> Tensor:
    """Return pixels [N, C, H, W] as maps in a domain."""
    return pixels if domain == "spatial" else block_dct(pixels)


def rough_pixels(maps: Tensor, domain: Domain, frequencies: int) -> Tensor | None:
    """Return the pixels of maps from few frequencies; None if all frequencies are kept.

    Gradients flow through the result. A caller that uses it for masks has to detach it.
    """
    if keeps_all(maps, frequencies):
        return None
    if domain == "spatial":
        return low_frequencies(maps, frequencies)
    return inverse_block_dct(keep_band(maps, frequencies))
