"""Time the three ways of `dct/mixing.py` to apply a spatial mask to coefficients.

    python kernels/relu/bench.py [--tiles N] [--block B] [--rounds N] [--json FILE]

The benchmark checks that all three return the same coefficients, within the rounding of float32,
then times passes over all tiles in interleaved rounds. Harmonic mixing works on chunks of tiles,
because it makes a matrix of order B^2 for each tile. The three are NumPy references: their ratios
show the arithmetic and memory that a tile costs, not the time of a native kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import dct_matrix
from jpegcompile.dct.frequencies import keep_band, resolve
from jpegcompile.dct.mixing import (
    mask_between_transforms,
    mask_by_harmonic_mixing,
    mask_half_spatially,
    row_mixers,
)
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import interleaved, timed

Tiles = NDArray[np.float32]
Mask = NDArray[np.bool_]
Way = Callable[[Tiles, Mask], Tiles]

# Mask frequencies of an 8x8 tile.
FREQUENCIES = 8
# The matrices of one chunk occupy 8 MB at block size 8.
CHUNK = 512


def by_chunks(tiles: Tiles, mask: Mask) -> Tiles:
    """Apply masks by harmonic mixing, `CHUNK` tiles at a time."""
    result = np.empty_like(tiles)
    for start in range(0, len(tiles), CHUNK):
        part = slice(start, start + CHUNK)
        result[part] = mask_by_harmonic_mixing(tiles[part], mask[part])
    return result


REFERENCE = "two transforms"
WAYS: dict[str, Way] = {
    REFERENCE: mask_between_transforms,
    "half-spatial, by table": mask_half_spatially,
    "harmonic mixing": by_chunks,
}


def tiles_and_masks(count: int, block: int) -> tuple[Tiles, Mask]:
    """Return coefficients from a normal distribution, and the masks that ASM computes for them."""
    tiles = np.random.default_rng(0).standard_normal((count, block, block)).astype(np.float32)
    basis = dct_matrix(block).astype(np.float32)
    below = keep_band(tiles, block, resolve(FREQUENCIES, block))
    return tiles, basis.T @ below @ basis > 0


def rounding(tiles: Tiles) -> NDArray[np.float64]:
    """Return a bound on the difference of two ways, for each tile: [tiles, 1, 1].

    A way is a chain of at most four products of order b, or one product of order b^2. A sum of n
    products has an error of at most n u |A| |B| (Higham, Accuracy and Stability of Numerical
    Algorithms, section 3.5), and each matrix was rounded once. |D| multiplies the norm of a tile by
    its own norm at most.
    """
    block = tiles.shape[-1]
    products = block**2 + 4 * block + 8
    growth = np.linalg.norm(np.abs(dct_matrix(block)), 2) ** 4
    norms = np.linalg.norm(tiles.astype(np.float64), axis=(-2, -1))
    bound = 2 * products * np.finfo(np.float32).eps / 2 * growth * norms
    return np.asarray(bound[:, None, None])


def check_equal(tiles: Tiles, mask: Mask) -> float:
    """Return the largest difference of any way from the two transforms in float64.

    Raises:
        AssertionError: if a difference exceeds the rounding error.
    """
    exact = mask_between_transforms(tiles.astype(np.float64), mask)
    allowed, largest = rounding(tiles), 0.0
    for name, way in WAYS.items():
        result = way(tiles, mask)
        assert result.dtype == np.float32, f"{name}: returns {result.dtype}, not float32"
        difference = np.abs(result - exact)
        assert (difference <= allowed).all(), f"{name}: differs by {difference.max():g}"
        largest = max(largest, float(difference.max()))
    return largest


def main() -> None:
    """Check, measure and print the result."""
    parser = parser_for(__doc__, rounds=15)
    parser.add_argument("--tiles", type=int, default=20_000)
    parser.add_argument("--block", type=int, choices=(8, 4, 2), default=8)
    arguments = parser.parse_args()
    tiles, mask = tiles_and_masks(arguments.tiles, arguments.block)
    largest = check_equal(tiles, mask)
    passes = {name: timed(partial(way, tiles, mask)) for name, way in WAYS.items()}
    found = interleaved(passes, arguments.rounds, warm_up=1)
    if arguments.json:
        rows = [
            {"way": name, "seconds": median, "ratio": found.ratio(name, REFERENCE)}
            for name, median in found.medians().items()
        ]
        settings = {"block": arguments.block, "tiles": arguments.tiles, "rounds": arguments.rounds}
        Record("mask_ways", rows, {**settings, "difference": largest}).write(arguments.json)
    size = f"{arguments.block}x{arguments.block}"
    print(
        f"{arguments.tiles} tiles of {size} in float32, {arguments.rounds} rounds; results agree:"
    )
    print(f"    largest difference from float64 {largest:.1e}; medians of a pass:")
    for name, median in found.medians().items():
        tile = median / arguments.tiles * 1e6
        ratio = found.ratio(name, REFERENCE)
        print(f"{name:24}{median * 1e3:9.1f} ms {tile:8.3f} us a tile {ratio:7.2f} x")
    table = row_mixers(arguments.block).astype(np.float32).nbytes
    print(f"    (table of row mixers: {table / 1024:.0f} KiB)")


if __name__ == "__main__":
    main()
