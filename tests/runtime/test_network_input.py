"""What a network takes: its shape, and how pixels become it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_coefficients

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.ingest import ingest
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import PRESETS

PLAIN = NetworkInput("x", 3, 16, 24, "NCHW")


def test_shape_follows_the_layout() -> None:
    assert (PLAIN.size, PLAIN.shape) == ((16, 24), (3, 16, 24))
    assert NetworkInput("x", 1, 16, 24, "NHWC").shape == (16, 24, 1)


def test_preprocessing_says_how_pixels_become_it() -> None:
    taken = PLAIN.normalized(PRESETS["imagenet"])
    assert taken.from_pixels == ("RGB", PRESETS["imagenet"].affine(3))
    with refused("preprocess-channels-mismatch", UsageError):
        PLAIN.normalized(Preprocess(color="L"))


def test_tensors_do_not_come_of_pixels() -> None:
    with pytest.raises(UsageError) as caught:
        ingest(random_coefficients(SAMPLINGS["4:2:0"], 24, 16), PLAIN)
    assert caught.value.code == "input-takes-tensors"


@pytest.mark.parametrize("size", [(24, 17), (23, 16), (16, 24)])
def test_the_ingest_takes_files_of_the_networks_size(size: tuple[int, int]) -> None:
    image = random_coefficients(SAMPLINGS["4:2:0"], *size)
    with refused("image-size-mismatch", ImageError) as caught:
        ingest(image, PLAIN.normalized(PRESETS["none"]))
    assert str(caught.value).startswith(f"is {size[0]}x{size[1]} but the model takes 24x16;")


@pytest.mark.parametrize("taken", [PLAIN, PLAIN.normalized(PRESETS["cifar10"])])
def test_it_survives_json(taken: NetworkInput) -> None:
    assert NetworkInput.from_json(json.loads(json.dumps(taken.to_json()))) == taken


def test_affine_maps_are_compared_by_their_numbers() -> None:
    one = ChannelAffine(np.array([2.0, 3.0]), np.array([1.0, -1.0]))
    assert one == ChannelAffine(np.array([2.0, 3.0]), np.array([1.0, -1.0]))
    assert one != ChannelAffine(np.array([2.0, 3.5]), np.array([1.0, -1.0]))
    assert one != (one.scale, one.shift)
