"""The error of ASM and APX on random blocks, compared with an exact ReLU.

Blocks are 4x4, uniform in [-1, 1], with each pixel doubled along both axes to 8x8. Errors are
measured on pixels: D is orthonormal, so the final DCT does not change them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import dct_matrix
from jpegcompile.dct.frequencies import ALL, band
from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.progress import Advance

Doubles = NDArray[np.float64]

_BLOCK = 8
_SMALL = _BLOCK // 2
_PIXELS = _BLOCK * _BLOCK
# Blocks of a chunk. Their pixels fit into a cache, and their products are too small for BLAS to
# distribute over threads, which would take longer than the product.
_CHUNK = 500


@dataclass(frozen=True)
class Mean:
    """A mean over random blocks, and its standard error."""

    value: float
    standard_error: float


@dataclass(frozen=True)
class BlockRmse:
    """Mean over blocks of the RMSE between ReLU and its approximations.

    Attributes:
        blocks: number of random blocks.
        seed: seed of the random numbers.
        asm, apx: means for 1 to 15 frequencies.
    """

    blocks: int
    seed: int
    asm: tuple[Mean, ...]
    apx: tuple[Mean, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        columns = {
            f"{masking}{suffix}": [getattr(mean, field) for mean in means]
            for masking, means in (("asm", self.asm), ("apx", self.apx))
            for suffix, field in (("", "value"), ("_standard_error", "standard_error"))
        }
        frequencies = list(range(1, ALL + 1))
        return {"blocks": self.blocks, "seed": self.seed, "frequencies": frequencies, **columns}


def block_rmse(
    blocks: int = 1_000_000, seed: int = 0, progress: Advance | None = None
) -> BlockRmse:
    """Measure both approximations on random blocks.

    Args:
        blocks: number of blocks; memory does not depend on it.
        seed: seed of the random numbers.
        progress: called with the number of steps done since the last call; `steps` is the total.

    Raises:
        UsageError: as for `require_random`.
    """
    require_random(blocks, seed)
    upscale = projection(ALL)
    approximate = [projection(frequencies) for frequencies in range(1, ALL + 1)]
    sums, squares = np.zeros((2, ALL)), np.zeros((2, ALL))
    for small in _random_blocks(blocks, seed):
        pixels = small @ upscale
        positive, exact = pixels > 0, np.maximum(pixels, 0)
        for index, matrix in enumerate(approximate):
            approximation = small @ matrix
            # The error of ASM is the whole pixel if the two signs differ, and 0 otherwise.
            by_asm = pixels * ((approximation > 0) != positive)
            by_apx = np.maximum(approximation, 0) - exact
            for method, error in enumerate((by_asm, by_apx)):
                mean_square = np.einsum("np,np->n", error, error) / _PIXELS
                sums[method, index] += np.sqrt(mean_square).sum()
                squares[method, index] += mean_square.sum()
        if progress is not None:
            progress(1)
    asm, apx = (
        tuple(_mean(*both, blocks) for both in zip(*rows, strict=True))
        for rows in zip(sums, squares, strict=True)
    )
    return BlockRmse(blocks, seed, asm, apx)


def require_random(blocks: int, seed: int) -> None:
    """Check that `block_rmse` can compute a mean with a standard error.

    Raises:
        UsageError: if there are fewer than two blocks, or the seed is negative.
    """
    if blocks < 2:
        raise UsageError(Message("paper-too-few-blocks", f"blocks is {blocks}; give 2 or more"))
    if seed < 0:
        raise UsageError(Message("paper-negative-seed", f"seed is {seed}; give 0 or more"))


def steps(blocks: int) -> int:
    """Return the number of chunks of `block_rmse`, for its progress."""
    return -(-blocks // _CHUNK)


def projection(frequencies: int) -> Doubles:
    """Return the matrix [16, 64] from 4x4 blocks to 8x8 pixels with u + v < `frequencies`."""
    matrix = dct_matrix(_BLOCK)
    # Adjacent columns of D multiply the same doubled pixel, so their sum gives its coefficients.
    small = matrix.reshape(_BLOCK, _SMALL, 2).sum(axis=2)
    kept = band(_BLOCK, frequencies).ravel()
    return np.asarray(np.kron(small, small)[kept].T @ np.kron(matrix, matrix)[kept], np.float64)


def _random_blocks(blocks: int, seed: int) -> Iterator[Doubles]:
    """Yield 4x4 blocks [N, 16] in chunks."""
    generator = np.random.default_rng(seed)
    for start in range(0, blocks, _CHUNK):
        yield generator.uniform(-1, 1, (min(_CHUNK, blocks - start), _SMALL * _SMALL))


def _mean(total: float, squares: float, count: int) -> Mean:
    """Return the mean and its standard error, from sums of values and of squares."""
    value = total / count
    variance = max(squares / count - value * value, 0.0) * count / (count - 1)
    return Mean(float(value), math.sqrt(variance / count))
