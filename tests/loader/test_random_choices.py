"""What is chosen at random, and how augmentations are described."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from support.codes import refused
from support.images import make_jpeg

from jpegcompile.data.augmentation import Augmentation
from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.augmentation.placing import random_box, random_choice
from jpegcompile.data.augmentation.text import PRESETS, augmentation_of
from jpegcompile.errors import UsageError
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.preprocessing.reading import preprocess_of

COLOR = "brightness=0.4,contrast=0.5,saturation=0.6,hue=0.2"


def test_random_numbers_stay_what_they_are() -> None:
    """A run that goes on after an upgrade sees what it would have seen."""
    draws = Draws(1, 2, "3")
    assert draws.uniform("flip", 2) == (0.6546834960543833, 0.5868335193583483)
    assert draws.uniform("flip", 2)[:1] == draws.uniform("flip", 1)
    many = np.array([Draws(0, 0, str(n)).uniform("crop", 2) for n in range(4000)])
    # Of 4,000 uniform numbers the mean has a standard deviation of 1 / sqrt(12 * 4000).
    assert np.abs(many.mean(axis=0) - 0.5).max() < 5 / np.sqrt(12 * 4000)
    assert abs(np.corrcoef(many.T)[0, 1]) < 5 / np.sqrt(4000)


def test_choices_have_the_distributions_of_torchvision() -> None:
    frame = read_coefficients(make_jpeg(32, 32)).frame
    geometry, cifar = preprocess_of("cifar10").geometry, PRESETS["cifar"]
    choices = [
        random_choice(frame, geometry, (32, 32), cifar, Draws(0, 0, str(n))) for n in range(4050)
    ]
    flips = sum(choice.is_flipped for choice in choices)
    assert abs(flips - 2025) < 5 * np.sqrt(4050 / 4)
    corners = Counter(choice.corner for choice in choices)
    # All of 9 x 9 corners, each 50 times but for five standard deviations.
    assert len(corners) == 81
    assert all(abs(count - 50) < 5 * np.sqrt(50) for count in corners.values())
    assert {side for corner in corners for side in corner or ()} == set(range(-4, 5))
    boxes = [random_box((375, 500), PRESETS["imagenet"], Draws(0, 0, str(n))) for n in range(2000)]
    areas = np.array([tall * wide / (375 * 500) for _, _, tall, wide in boxes])
    ratios = np.array([wide / tall for _, _, tall, wide in boxes])
    assert areas.min() > 0.078
    assert areas.max() <= 1.0
    assert ratios.min() > 0.72
    assert ratios.max() < 1.38
    assert all(top + tall <= 375 and left + wide <= 500 for top, left, tall, wide in boxes)
    # Areas near 1 seldom fit, so the mean is below that of uniform numbers.
    assert 0.4 < areas.mean() < 0.54
    tall = Augmentation(scale=(1.0, 1.0))
    assert random_box((10, 100), tall, Draws(0, 0, "")) == (0, 43, 10, 13)
    assert random_box((100, 10), tall, Draws(0, 0, "")) == (43, 0, 13, 10)


def test_texts_and_records() -> None:
    assert augmentation_of("flip,crop=4") == PRESETS["cifar"]
    assert augmentation_of("none") == Augmentation()
    full = augmentation_of(f"imagenet,flip=0.25,resized-crop=0.5:1:0.5:2,{COLOR},cutout=8:0.5")
    assert full.flip == 0.25
    assert full.scale == (0.5, 1)
    assert full.ratio == (0.5, 2)
    assert (full.cutout, full.cutout_probability, full.hue) == (8, 0.5, 0.2)
    assert augmentation_of(full.to_json()) == augmentation_of(full) == full
    assert augmentation_of("crop=4,aligned").aligned


WRONG: dict[str, list[Any]] = {
    "augmentation-item-unknown": ["flop", "", "imagenet=1", "flip,,crop=4"],
    "augmentation-item-malformed": ["crop", "crop=a", "crop=1:2", "resized-crop=1", "aligned=1"],
    "augmentation-out-of-range": [
        *("crop=-1", "crop=1.5", "flip=2", "flip=nan", "hue=0.6", "brightness=-1", "contrast=inf"),
        *("resized-crop=0:1", "resized-crop=0.5:2", "resized-crop=1:0.5", "cutout=2.5"),
        *({"scale": 3}, {"aligned": 1}, {"flip": "a"}, {"ratio": [2, 1]}),
    ],
    "augmentation-two-crops": ["cifar,imagenet"],
    "augmentation-field-unknown": [{"flop": 1}],
}


@pytest.mark.parametrize("code", WRONG)
def test_augmentations_that_are_none(code: str) -> None:
    for given in WRONG[code]:
        with refused(code, UsageError):
            augmentation_of(given)
