"""Transform matrices between the spatial and the JPEG domain, shared by many nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.dct.blocks import axis_dct, dc_map
from jpegcompile.dct.frequencies import band_map
from jpegcompile.operators.constants import DOMAIN
from jpegcompile.operators.fragments import FORWARD, INVERSE, Pair


class ConstantPool:
    """Constants that nodes share, one for each name and precision.

    The DCT of an axis is stored as one block-diagonal matrix [size, size]. For the maps of a ResNet
    a matrix has at most tens of kilobytes, and any runtime applies it as a matrix product.

    In the methods, `block` is the block size and `dtype` the precision of the constant.
    """

    def __init__(self, fresh: Callable[[str], str]) -> None:
        """Create an empty pool.

        Args:
            fresh: returns an unused name of the graph that begins with the given one.
        """
        self._fresh = fresh
        self._constants: dict[str, gs.Constant] = {}

    def share(self, name: str, values: NDArray[Any], dtype: np.dtype[Any]) -> gs.Constant:
        """Return the constant of that name and precision; the first call creates it.

        Args:
            name: name within the pool.
            values: used by the first call only.
            dtype: precision of the constant.
        """
        suffix = "" if dtype in (np.float32, np.int64) else f".{dtype.name}"
        key = f"{DOMAIN}.{name}{suffix}"
        if key not in self._constants:
            self._constants[key] = gs.Constant(
                self._fresh(key), np.ascontiguousarray(values, dtype)
            )
        return self._constants[key]

    def forward(self, size: int, block: int, dtype: np.dtype[Any]) -> gs.Constant:
        """DCT matrix D of an axis: [size, size]."""
        return self.share(f"dct.{size}.b{block}", axis_dct(size, block), dtype)

    def inverse(self, size: int, block: int, dtype: np.dtype[Any]) -> gs.Constant:
        """Inverse DCT matrix D^T of an axis: [size, size]."""
        return self.share(f"idct.{size}.b{block}", axis_dct(size, block).T, dtype)

    def to_pixels(
        self, size: tuple[int, int], block: int, dtype: np.dtype[Any], names: Pair = INVERSE
    ) -> dict[str, gs.Tensor]:
        """Matrices that transform a map to pixels, by operand name.

        Args:
            size: (H, W) of the map.
            block: block size of the map.
            dtype: precision of the matrices.
            names: operand names of the matrices for H and for W.
        """
        height, width = size
        left, right = self.inverse(height, block, dtype), self.forward(width, block, dtype)
        return dict(zip(names, (left, right), strict=True))

    def to_coefficients(
        self, size: tuple[int, int], block: int, dtype: np.dtype[Any], names: Pair = FORWARD
    ) -> dict[str, gs.Tensor]:
        """Matrices that transform a map to the JPEG domain, by operand name; see `to_pixels`."""
        height, width = size
        left, right = self.forward(height, block, dtype), self.inverse(width, block, dtype)
        return dict(zip(names, (left, right), strict=True))

    def dc(self, height: int, width: int, block: int, dtype: np.dtype[Any]) -> gs.Constant:
        """DCT of a map of ones: [H, W]."""
        name = f"dc.{height}x{width}.b{block}"
        return self.share(name, dc_map(height, width, block), dtype)

    def band(
        self, height: int, width: int, block: int, frequencies: int, dtype: np.dtype[Any]
    ) -> gs.Constant:
        """Mask that is 1 where u + v < `frequencies` in every tile, 0 elsewhere: [H, W]."""
        name = f"band.{height}x{width}.b{block}.n{frequencies}"
        return self.share(name, band_map(height, width, block, frequencies), dtype)

    def flat(self) -> gs.Constant:
        """Target shape of a Reshape to one vector: int64 [1]."""
        return self.share("flat", np.asarray([-1]), np.dtype(np.int64))
