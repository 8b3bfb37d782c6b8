"""How fast a spatial mask is applied to coefficients, in the three ways of `dct/mixing.py`.

    python kernels/relu/bench.py [--tiles N] [--block B] [--rounds N] [--json]

Checks that the three give the same coefficients, within the rounding of float32, then times them in
turn, one pass over all tiles at a time, so that all see the same state of the machine. Harmonic
mixing goes by chunks of tiles: it makes a matrix of order B^2 for each. These are NumPy references;
the ratios say what a tile costs in arithmetic and memory, not what a kernel would take.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

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

Tiles = NDArray[np.float32]
Mask = NDArray[np.bool_]
Way = Callable[[Tiles, Mask], Tiles]

# Frequencies, of an 8x8 tile, that decide the masks.
FREQUENCIES = 8
# Matrices of one chunk take 8 MB at block size 8.
CHUNK = 512


def by_chunks(tiles: Tiles, mask: Mask) -> Tiles:
    """Harmonic mixing, `CHUNK` tiles at a time."""
    result = np.empty_like(tiles)
    for start in range(0, len(tiles), CHUNK):
        part = slice(start, start + CHUNK)
        result[part] = mask_by_harmonic_mixing(tiles[part], mask[part])
    return result


WAYS: dict[str, Way] = {
    "two transforms": mask_between_transforms,
    "half-spatial, by table": mask_half_spatially,
    "harmonic mixing": by_chunks,
}


def tiles_and_masks(count: int, block: int) -> tuple[Tiles, Mask]:
    """Normal coefficients, and the masks that ASM takes for them."""
    tiles = np.random.default_rng(0).standard_normal((count, block, block)).astype(np.float32)
    basis = dct_matrix(block).astype(np.float32)
    below = keep_band(tiles, block, resolve(FREQUENCIES, block))
    return tiles, basis.T @ below @ basis > 0


def rounding(tiles: Tiles) -> NDArray[np.float64]:
    """How far two of the ways may lie apart in any coefficient of each tile: [tiles, 1, 1].

    A way is a chain of at most four products of order b, or one of order b^2, of which a sum of n
    products errs by n u |A| |B| (Higham, Accuracy and Stability of Numerical Algorithms, section
    3.5); matrices were rounded once. |D| enlarges the norm of a tile by its own norm at most.
    """
    block = tiles.shape[-1]
    products = block**2 + 4 * block + 8
    growth = np.linalg.norm(np.abs(dct_matrix(block)), 2) ** 4
    norms = np.linalg.norm(tiles.astype(np.float64), axis=(-2, -1))
    bound = 2 * products * np.finfo(np.float32).eps / 2 * growth * norms
    return np.asarray(bound[:, None, None])


def check_equal(tiles: Tiles, mask: Mask) -> float:
    """The largest difference of any way from the two transforms in float64.

    Raises:
        AssertionError: if rounding does not explain it.
    """
    exact = mask_between_transforms(tiles.astype(np.float64), mask)
    allowed, largest = rounding(tiles), 0.0
    for name, way in WAYS.items():
        result = way(tiles, mask)
        assert result.dtype == np.float32, f"{name}: is not float32"
        difference = np.abs(result - exact)
        assert (difference <= allowed).all(), f"{name}: is off by {difference.max():g}"
        largest = max(largest, float(difference.max()))
    return largest


def seconds(way: Way, tiles: Tiles, mask: Mask) -> float:
    """The time that one pass over all tiles takes."""
    start = time.perf_counter()
    way(tiles, mask)
    return time.perf_counter() - start


def measure(tiles: Tiles, mask: Mask, rounds: int) -> dict[str, float]:
    """Medians in seconds a pass."""
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds + 1):
        for name, way in WAYS.items():
            times[name].append(seconds(way, tiles, mask))
    # The first round warms the caches.
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def main() -> None:
    """Check, measure and print the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiles", type=int, default=20_000)
    parser.add_argument("--block", type=int, choices=(8, 4, 2), default=8)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    tiles, mask = tiles_and_masks(arguments.tiles, arguments.block)
    largest = check_equal(tiles, mask)
    medians = measure(tiles, mask, arguments.rounds)
    first = medians["two transforms"]
    if arguments.json:
        ratios = {name: median / first for name, median in medians.items()}
        about = {"block": arguments.block, "tiles": arguments.tiles, "rounds": arguments.rounds}
        print(json.dumps({**about, "difference": largest, "seconds": medians, "ratios": ratios}))
        return
    size = f"{arguments.block}x{arguments.block}"
    print(
        f"{arguments.tiles} tiles of {size} in float32, {arguments.rounds} rounds; the ways agree:"
    )
    print(f"    largest difference from float64 {largest:.1e}; medians of a pass:")
    for name, median in medians.items():
        tile = median / arguments.tiles * 1e6
        print(f"{name:24}{median * 1e3:9.1f} ms {tile:8.3f} us a tile {median / first:7.2f} x")
    table = row_mixers(arguments.block).astype(np.float32).nbytes
    print(f"    (table of row mixers: {table / 1024:.0f} KiB)")


if __name__ == "__main__":
    main()
