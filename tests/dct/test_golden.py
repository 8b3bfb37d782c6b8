"""The decode and the ingest against values that another program computed, in ../shared/golden."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from support.network_inputs import network_input

from jpegcompile.dct import decode as decode_module
from jpegcompile.dct import ingest as ingest_module
from jpegcompile.dct.blocks import block_size, to_spatial
from jpegcompile.dct.color import mixing_matrix
from jpegcompile.dct.decode import decode
from jpegcompile.dct.ingest import ingest
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.preprocessing.presets import PRESETS

pytestmark = pytest.mark.shared

Doubles = NDArray[np.float64]


class Golden:
    """The file of golden values, and the images beside it."""

    def __init__(self, shared: Path) -> None:
        self.images = shared / "images"
        with np.load(shared / "golden" / "decode.npz") as archive:
            self.arrays = {name: archive[name] for name in archive.files}
        self.names = sorted({name.split("|")[0] for name in self.arrays})

    def coefficients(self, name: str) -> Coefficients:
        return read_coefficients(self.images / name)

    def check(self, name: str, pixels: Doubles) -> None:
        """The stored values have the digits of float64: 4e-13 was measured."""
        assert pixels.shape == tuple(self.arrays[f"{name}|shape"])
        values = pixels.reshape(-1)[self.arrays[f"{name}|index"]]
        expected = cast(Doubles, self.arrays[f"{name}|value"])
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6, err_msg=name)


@pytest.fixture(scope="module")
def golden(shared: Path) -> Golden:
    return Golden(shared)


def ingested_pixels(coefficients: Coefficients) -> Doubles:
    taken = network_input(coefficients.frame, "RGB", PRESETS["none"].affine(3))
    result = ingest(coefficients, taken)
    return to_spatial(result, block_size(*result.shape[1:])).transpose(1, 2, 0)


def test_decode_of_every_image(golden: Golden) -> None:
    assert len(golden.names) >= 50
    for name in golden.names:
        golden.check(name, decode(golden.coefficients(name)))


def test_ingest_of_every_image(golden: Golden) -> None:
    for name in golden.names:
        golden.check(name, ingested_pixels(golden.coefficients(name)))


@pytest.mark.parametrize("module", [decode_module, ingest_module])
@pytest.mark.parametrize("fault", ["swapped chroma", "replication"])
def test_planted_faults_are_seen(
    golden: Golden, module: object, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels_of = decode if module is decode_module else ingested_pixels
    name = next(n for n in golden.names if golden.coefficients(n).sampling[0] == (2, 2))
    golden.check(name, pixels_of(golden.coefficients(name)))
    if fault == "swapped chroma":
        monkeypatch.setattr(module, "mixing_matrix", lambda *a: mixing_matrix(*a)[:, [0, 2, 1]])
    else:
        monkeypatch.setattr("jpegcompile.dct.upsampling._TRIANGLE_FACTORS", set())
    with pytest.raises(AssertionError, match="Mismatched elements"):
        golden.check(name, pixels_of(golden.coefficients(name)))
