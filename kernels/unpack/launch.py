"""Launches of the unpacking of coefficients on GPUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegcompile.gpu.launch import Launch, Tiling
from jpegcompile.jpeg.packed import GROUP, ZIGZAG

# With four warps, code for sm_80 spills registers.
_WARPS = 8


@dataclass(frozen=True)
class Unpack:
    """The unpacking of a plane.

    Attributes:
        blocks: number of blocks of the plane, at least 1.
    """

    blocks: int

    @property
    def tensors(self) -> Mapping[str, NDArray[np.generic]]:
        """Tensors that the kernel reads in addition to the packed plane, by argument."""
        return {"order": ZIGZAG.astype(np.int32)}

    def launch(self) -> Launch:
        """Return the launch for the whole plane."""
        types = {"stream": "u8", "lengths": "u8", "offsets": "i32", "order": "i32", "y": "i16"}
        grid = (-(-self.blocks // GROUP), 1, 1)
        numbers = {"blocks": self.blocks}
        tiling = Tiling(GROUP, 64, 0, _WARPS, 1)
        return Launch("unpack.triton:unpack", grid, types, numbers, {"GROUP": GROUP}, tiling)
