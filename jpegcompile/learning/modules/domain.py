"""What the modules of the JPEG domain share: their domain, and the frequencies of their masks."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.learning.transforms import (
    block_dct,
    inverse_block_dct,
    keeps_all,
    low_frequencies,
    pixels_of_band,
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
    """Return the pixels of maps [N, C, H, W] or [C, H, W] in a domain.

    Tensors with fewer dimensions have no tiles: they are the same in both domains.
    """
    return maps if domain == "spatial" or maps.dim() < 3 else inverse_block_dct(maps)


def maps_of(pixels: Tensor, domain: Domain) -> Tensor:
    """Return pixels [N, C, H, W] or [C, H, W] as maps in a domain."""
    return pixels if domain == "spatial" or pixels.dim() < 3 else block_dct(pixels)


def rough_pixels(maps: Tensor, domain: Domain, frequencies: int) -> Tensor | None:
    """Return the pixels of maps from few frequencies; None if all frequencies are kept.

    Gradients flow through the result. A caller that uses it for masks has to detach it.
    """
    if maps.dim() < 3 or keeps_all(maps, frequencies):
        return None
    if domain == "spatial":
        return low_frequencies(maps, frequencies)
    return pixels_of_band(maps, frequencies)
