"""Warnings about an original that is no better than chance."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support.codes import refused
from support.commands import few_images

import jpegcompile
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.errors import UsageError
from jpegcompile.evaluation.chance import (
    at_most,
    chance_of,
    chance_warning,
    is_no_better_than_chance,
)


@pytest.mark.parametrize(
    ("successes", "trials", "probability"),
    [(0, 1, 0.5), (3, 10, 0.1), (10, 10, 0.9), (45, 60, 0.75), (-1, 5, 0.5), (500, 5000, 0.1)],
)
def test_the_distribution_is_binomial(successes: int, trials: int, probability: float) -> None:
    exact = Fraction(str(probability))
    expected = sum(
        math.comb(trials, k) * exact**k * (1 - exact) ** (trials - k) for k in range(successes + 1)
    )
    assert at_most(successes, trials, probability) == pytest.approx(float(expected), rel=1e-10)


def test_chance() -> None:
    assert chance_of([0, 1, 2, 3], 1000) == 0.25
    assert chance_of([0, 0, 0, 1], 2) == 0.75
    # With a single class, naming it for all images would be always right.
    assert chance_of([6] * 20, 10) == 0.1


@pytest.mark.parametrize(
    ("right", "images", "chance", "expected"),
    [
        # Shifted labels, and labels in another order.
        (0, 45, 1 / 9, True),
        (0, 40, 0.1, True),
        (20, 200, 0.1, True),
        (0, 1000, 0.001, True),
        (1, 1000, 0.001, True),
        (100, 200, 0.5, True),
        (60, 200, 0.5, True),
        # Weak networks on real images are better than chance.
        (40, 200, 0.1, False),
        (20, 1000, 0.001, False),
        (120, 200, 0.5, False),
        # Too few images for a warning.
        (0, 1, 0.1, False),
        (0, 5, 0.1, False),
        (1, 8, 0.1, False),
        (3, 10, 0.5, False),
        (0, 1, 0.5, False),
        # Nothing is better than always right.
        (20, 20, 1.0, False),
    ],
)
def test_judgements(right: int, images: int, chance: float, expected: bool) -> None:
    assert is_no_better_than_chance(right, images, chance) == expected


@pytest.mark.parametrize("chance", [0.001, 0.1, 0.5])
@pytest.mark.parametrize("images", [4, 10, 20, 50, 200])
def test_false_alarms_are_rare(images: int, chance: float) -> None:
    """At most one data set in twenty for the weakest useful network, far fewer for others."""
    useful = min(chance + 0.1, (1 + chance) / 2)
    for accuracy, most in ((useful, 0.05), (useful + 0.3, 0.005)):
        weights = np.diff([at_most(k, images, accuracy) for k in range(-1, images + 1)])
        alarms = [is_no_better_than_chance(k, images, chance) for k in range(images + 1)]
        assert float(weights @ np.asarray(alarms, float)) <= most + 1e-12


def test_what_is_said() -> None:
    labels = [index % 10 for index in range(200)]
    warning = chance_warning(20, labels, 10, 10)
    assert warning is not None
    assert warning.code == "no-better-than-chance"
    assert "10.00 % of 200 images, no better than chance (10.00 %); check --preprocess" in warning
    assert chance_warning(20, dict.fromkeys(range(10), 20), 10, 10) == warning
    warning = chance_warning(0, labels, 10, 1000)
    assert warning is not None
    assert warning.endswith(" (10 folders here, 1000 classes in the model)")
    assert "folders here" not in str(chance_warning(0, labels, None, 1000))
    assert chance_warning(180, labels, 10, 10) is None


def shifted(folder: Path) -> Path:
    """Return the demo's images without the first class, so that all numbers are off by one."""
    few_images(folder)
    (folder / "0").rename(folder.parent / f"{folder.name}-nought")
    return folder


def test_compare_and_search_say_it(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    shifted(folder)
    path = tmp_path / "c.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(path)
    result = jpegcompile.compare(model_path(), path, folder)
    assert result.warning is not None
    assert "of 36 images, no better than chance (11.11 %)" in result.warning
    assert result.to_json()["warning"] == result.warning
    with refused("search-model-guesses", UsageError):
        jpegcompile.choose_frequencies(
            model_path(), folder, max_drop=40, preprocess=preprocess_path(), cache=tmp_path
        )


def test_one_class_alone(tmp_path: Path) -> None:
    """A single class is numbered 0."""
    folder = tmp_path / "images" / "7"
    folder.mkdir(parents=True)
    for file in (*images_path().glob("7/*.jpg"), *images_path().glob("8/*.jpg")):
        (folder / f"{file.parent.name}-{file.name}").write_bytes(file.read_bytes())
    path = tmp_path / "c.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(path)
    result = jpegcompile.compare(model_path(), path, tmp_path / "images")
    assert result.warning is not None
    assert "of 40 images, no better than chance (10.00 %)" in result.warning
    assert result.warning.endswith(" (1 folder here, 10 classes in the model)")
    with refused("search-model-guesses", UsageError):
        jpegcompile.choose_frequencies(
            model_path(),
            tmp_path / "images",
            max_drop=40,
            preprocess=preprocess_path(),
            cache=tmp_path,
        )
