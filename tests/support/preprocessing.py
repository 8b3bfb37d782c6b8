"""The native ingest against the reference in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.ingest import ingest
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.read import ImageSource, read_coefficients
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.runtime.preprocessor import Preprocessor

# A value goes through some sixty sums, each rounded by at most 2^-24 of its partial sum. The errors
# are even and have random signs: were all partial sums as large as the largest result, they
# would add up to a standard deviation of sqrt(60 / 3) times that. Few are nearly as large.
ROUNDING = 8 * 2.0**-24


def network(size: tuple[int, int], layout: Any = "NCHW", **fields: Any) -> NetworkInput:
    """A network of three channels, or one for color L, with ImageNet's numbers unless given."""
    channels = 1 if fields.get("color") == "L" else 3
    numbers = {"scale": 1 / 255, "mean": [0.45] * channels, "std": [0.22, 0.23, 0.24][:channels]}
    taken = NetworkInput("image", channels, *size, layout)
    return taken.normalized(preprocess_of({**numbers, **fields}))


def tolerance(expected: NDArray[np.float64]) -> float:
    """What float32 may differ by, in the units of the result."""
    return ROUNDING * max(4.0, float(np.abs(expected).max(initial=0.0)))


def native(source: ImageSource, taken: NetworkInput, block: int) -> NDArray[np.float32]:
    """The native result for one file, channels first."""
    batch = Preprocessor(taken, block, threads=1).read([source])
    assert not batch.errors, batch.errors
    image: NDArray[np.float32] = batch.tensor[0]
    return image.transpose(2, 0, 1) if taken.layout == "NHWC" else image


def assert_as_reference(source: ImageSource, taken: NetworkInput, block: int) -> None:
    """The native result is the reference's, to float32's rounding."""
    expected = ingest(read_coefficients(source), taken, block)
    np.testing.assert_allclose(
        native(source, taken, block), expected, rtol=0, atol=tolerance(expected)
    )


def assert_as_reference_or_refused(source: bytes, taken: NetworkInput, block: int) -> None:
    """As `assert_as_reference`, or both refuse the image by the same words."""
    refusal = _refusal(source, taken)
    if refusal is None:
        assert_as_reference(source, taken, block)
    else:
        batch = Preprocessor(taken, block, threads=1).read([source])
        assert str(batch.errors[0]) == f"bytes: {refusal}"


def _refusal(source: bytes, taken: NetworkInput) -> str | None:
    try:
        taken.geometry.place(read_coefficients(source).frame, taken.size)
    except ImageError as error:
        return str(error)
    return None
