"""RMSE on random blocks: published values, and the definition followed block by block."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.block_errors import ALLOWED, BLOCKS, HALF_UNIT, MEANS
from support.codes import refused
from support.tiers import thorough
from torch.nn import functional

from jpegcompile.errors import UsageError
from jpegcompile.reproduction import block_rmse as module
from jpegcompile.reproduction.block_rmse import BlockRmse, block_rmse, projection, steps


def values(result: BlockRmse) -> NDArray[np.float64]:
    return np.array([[mean.value for mean in means] for means in (result.asm, result.apx)])


def errors(result: BlockRmse) -> NDArray[np.float64]:
    return np.array([[mean.standard_error for mean in means] for means in (result.asm, result.apx)])


@thorough
def test_a_million_blocks() -> None:
    result = block_rmse(BLOCKS, seed=1)
    assert (np.abs(values(result) - MEANS) <= ALLOWED).all()


def test_fewer_blocks_are_as_near_as_their_standard_errors_say() -> None:
    result = block_rmse(40_000, seed=2)
    # The known values are means of a million blocks: five times as precise.
    allowed = 6 * errors(result) + HALF_UNIT
    assert (np.abs(values(result) - MEANS) <= allowed).all()
    # A neighboring number of frequencies is another value: the check tells them apart.
    shifted = np.roll(MEANS, 1, axis=1)
    assert (np.abs(values(result) - shifted) > allowed).all()


def naive(small: NDArray[np.float64], frequencies: int) -> tuple[float, float]:
    """Both errors of one block, by the text: double pixels, cosine by cosine, ReLU, RMSE."""
    pixels = functional.interpolate(torch.from_numpy(small)[None, None], scale_factor=2)[0, 0]
    index = torch.arange(8, dtype=torch.float64)
    cosines = torch.cos(index[:, None] * (2 * index + 1) * torch.pi / 16) / 2
    cosines[0] /= 2**0.5
    approximation = torch.zeros_like(pixels)
    for u in range(8):
        for v in range(8):
            if u + v < frequencies:
                wave = torch.outer(cosines[u], cosines[v])
                approximation += (pixels * wave).sum() * wave
    exact = functional.relu(pixels)
    masked = torch.where(approximation > 0, pixels, 0.0)
    return tuple(  # type: ignore[return-value]
        float(torch.sqrt(torch.mean((y - exact) ** 2)))
        for y in (masked, functional.relu(approximation))
    )


@pytest.mark.parametrize("frequencies", range(1, 15))
def test_the_definition(frequencies: int) -> None:
    """The mean equals the mean of single blocks, computed by the definition."""
    result = block_rmse(20, seed=3)
    small = np.random.default_rng(3).uniform(-1, 1, (20, 16))
    expected = np.mean([naive(block.reshape(4, 4), frequencies) for block in small], axis=0)
    np.testing.assert_allclose(values(result)[:, frequencies - 1], expected, rtol=1e-12, atol=1e-15)
    other = np.mean([naive(block.reshape(4, 4), frequencies + 1) for block in small], axis=0)
    assert (np.abs(values(result)[:, frequencies - 1] - other) > 1e-6).all()


def test_standard_errors() -> None:
    """Errors match those of 20 single blocks, and the scatter of runs with other seeds."""
    small = np.random.default_rng(3).uniform(-1, 1, (20, 16))
    single = np.array([naive(block.reshape(4, 4), 6) for block in small])
    expected = single.std(axis=0, ddof=1) / np.sqrt(20)
    np.testing.assert_allclose(errors(block_rmse(20, seed=3))[:, 5], expected, rtol=1e-10)
    runs = np.array([values(block_rmse(500, seed)) for seed in range(30)])
    ratio = runs.std(axis=0, ddof=1)[:, :12] / errors(block_rmse(500, 0))[:, :12]
    assert ((ratio > 0.5) & (ratio < 1.6)).all()


def test_the_projection_of_all_frequencies_doubles_pixels() -> None:
    block = np.arange(16.0)
    doubled = np.kron(block.reshape(4, 4), np.ones((2, 2)))
    np.testing.assert_allclose(block @ projection(15), doubled.ravel(), atol=1e-13)
    mean = np.full(64, block.mean())
    np.testing.assert_allclose(block @ projection(1), mean, atol=1e-13)


def test_all_frequencies_leave_no_error() -> None:
    assert (values(block_rmse(1000))[:, 14] < 1e-15).all()


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, again, other = block_rmse(700, 4), block_rmse(700, 4), block_rmse(700, 5)
    assert first == again
    assert not np.array_equal(values(first), values(other))
    data = first.to_json()
    assert data["asm"] == [mean.value for mean in first.asm]
    assert data["frequencies"] == list(range(1, 16))


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last chunk is incomplete; progress counts all chunks."""
    done: list[int] = []
    whole = block_rmse(1234, 6, done.append)
    assert sum(done) == steps(1234) == 3
    monkeypatch.setattr(module, "_CHUNK", 1234)
    np.testing.assert_allclose(values(block_rmse(1234, 6)), values(whole), rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(
    ("blocks", "seed", "code"),
    [(1, 0, "paper-too-few-blocks"), (10, -1, "paper-negative-seed")],
)
def test_refusals(blocks: int, seed: int, code: str) -> None:
    with refused(code, UsageError):
        block_rmse(blocks, seed)
