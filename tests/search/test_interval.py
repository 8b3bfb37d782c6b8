"""Confidence intervals of a paired change: published values, closed forms, coverage."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from jpegcompile.search.interval import (
    PairedCounts,
    images_needed,
    is_guessing,
    mean_counts,
    score_bound,
    smallest_budget,
)

Z = NormalDist().inv_cdf(0.975)


def counts(images: int, lost: int, gained: int) -> PairedCounts:
    return PairedCounts(images, images // 2, lost, gained)


def test_tango_by_its_definition() -> None:
    """At each bound, the squared score with a maximized likelihood is the squared quantile."""
    sample = counts(50, lost=2, gained=12)
    for bound in sample.interval():
        # Maximize the likelihood under the constraint gained - lost = bound by brute force.
        loss = np.linspace(max(0.0, -bound) + 1e-9, (1 - bound) / 2 - 1e-9, 2_000_001)
        gain = loss + bound
        likelihood = 2 * np.log(loss) + 12 * np.log(gain) + 36 * np.log1p(-loss - gain)
        best = loss[likelihood.argmax()]
        variance = 50 * (2 * best + bound - bound**2)
        assert (10 - 50 * bound) ** 2 / variance == pytest.approx(Z**2, rel=1e-4)


def test_no_change_has_a_closed_form() -> None:
    low, high = counts(54, 0, 0).interval()
    assert high == pytest.approx(Z**2 / (54 + Z**2), abs=1e-12)
    assert low == pytest.approx(-high, abs=1e-12)


def test_losses_mirror_gains() -> None:
    low, high = counts(200, 3, 11).interval()
    mirrored = counts(200, 11, 3).interval()
    assert mirrored == pytest.approx((-high, -low), abs=1e-12)
    assert low < 8 / 200 < high


@pytest.mark.parametrize(("lost", "gained"), [(0, 100), (100, 0), (50, 50)])
def test_extremes(lost: int, gained: int) -> None:
    low, high = PairedCounts(100, lost, lost, gained).interval()
    assert -1 <= low <= (gained - lost) / 100 <= high <= 1


def test_the_one_sided_bound_is_a_two_sided_one_of_less_confidence() -> None:
    sample = counts(1000, 14, 17)
    assert sample.lowest_change(0.95) == sample.interval(0.90)[0]
    assert sample.lowest_change() > sample.interval()[0]


def test_counts_of_predictions() -> None:
    before, after = np.array([1, 1, 1, 0, 0]) > 0, np.array([1, 0, 0, 1, 0]) > 0
    found = PairedCounts.of(before, after)
    assert found == PairedCounts(5, right=3, lost=2, gained=1)
    assert found.after == pytest.approx(after.mean())


def test_mean_counts() -> None:
    several = [counts(1000, 4, 1), counts(1000, 9, 3)]
    mean = mean_counts(several)
    assert mean == PairedCounts(1000, 500, 6.5, 2.0)
    assert mean.change == pytest.approx((several[0].change + several[1].change) / 2)
    bounds = sorted(each.lowest_change() for each in several)
    assert bounds[0] < mean.lowest_change() < bounds[1]


@pytest.mark.parametrize("most", [0.005, 0.01, 0.05, 0.3])
def test_images_needed(most: float) -> None:
    needed = images_needed(most)
    assert counts(needed, 0, 0).lowest_change() >= -most
    assert counts(needed - 1, 0, 0).lowest_change() < -most


@pytest.mark.parametrize("images", [30, 100, 268, 1000])
def test_smallest_budget(images: int) -> None:
    budget = smallest_budget(images)
    assert images_needed(budget / 100) <= images < images_needed((budget - 0.1) / 100)


def test_guessing() -> None:
    """For ten equal classes, chance is 10 % and three standard deviations above it are 19 %."""
    labels = [index % 10 for index in range(100)]
    assert is_guessing(10, labels)
    assert is_guessing(19, labels)
    assert not is_guessing(20, labels)
    # Always predicting the most frequent class is correct on 90 images.
    assert is_guessing(90, [0] * 90 + [1] * 10)
    assert not is_guessing(0, [3] * 100)


@pytest.mark.parametrize(("loss", "gain"), [(0.02, 0.01), (0.05, 0.05), (0.004, 0.0)])
def test_coverage(loss: float, gain: float) -> None:
    """95 % of 2,000 samples cover the true change, within four standard errors."""
    generator = np.random.default_rng(7)
    samples = generator.multinomial(400, [loss, gain, 1 - loss - gain], size=2000)
    quantile = NormalDist().inv_cdf(0.95)
    covered = [
        score_bound(PairedCounts(400, 300, int(lost), int(gained)), quantile) <= gain - loss
        for lost, gained, _ in samples
    ]
    error = np.sqrt(0.95 * 0.05 / 2000)
    # A discrete sample can cover more than the confidence, but only by chance less.
    assert np.mean(covered) >= 0.95 - 4 * error


def test_a_bound_without_the_score_misses() -> None:
    """The coverage test detects a wrong interval: the normal one, if few predictions differ."""
    generator = np.random.default_rng(7)
    lost = generator.binomial(400, 0.004, size=2000)
    bound = -lost / 400 - NormalDist().inv_cdf(0.95) * np.sqrt(lost) / 400
    assert np.mean(bound <= -0.004) < 0.95 - 4 * np.sqrt(0.95 * 0.05 / 2000)


def test_json_gives_the_counts_again() -> None:
    sample = PairedCounts(997, 611, 13, 7)
    assert PairedCounts.from_json(sample.to_json()) == sample


def test_nothing_lost_is_no_negative_number() -> None:
    assert str(PairedCounts(100, 80, 0, 0).to_json()["drop"]) == "0.0"


def test_json() -> None:
    data = PairedCounts(100, 80, lost=5, gained=2).to_json()
    low, high = data.pop("interval")
    # The one-sided bound is closer.
    assert low < 3 < data.pop("drop_bound") < high
    assert data == {
        "images": 100,
        "before": 0.8,
        "after": 0.77,
        "lost": 5,
        "gained": 2,
        "drop": pytest.approx(3.0),
    }
