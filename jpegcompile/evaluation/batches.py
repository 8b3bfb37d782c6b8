"""Batches of JPEG files in the three forms that are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.coefficients import Coefficients
from jpegcompile.evaluation.spatial import float_batch, pillow_batch
from jpegcompile.runtime.coefficients import read_coefficients_many
from jpegcompile.runtime.inputs import check_size, preprocess_in
from jpegcompile.runtime.session import Session


@dataclass(frozen=True)
class Batch:
    """Some inputs.

    Attributes:
        files: where the inputs are images.
        coefficients: as files hold them; empty where the inputs are tensors.
        spatial: inputs of the original model; of the float decode where they are images.
        pillow: of Pillow's decode; None where the inputs are tensors.
    """

    files: Sequence[Path]
    coefficients: Sequence[Coefficients]
    spatial: NDArray[np.float32]
    pillow: NDArray[np.float32] | None


def image_batches(session: Session, files: Sequence[Path]) -> Iterator[Batch]:
    """The files in order, as many at once as the session takes.

    Raises:
        ImageError: if an image is damaged or of another size than the network's.
        AccessError: if a file cannot be read.
        UsageError: if the compiled model carries no preprocessing.
    """
    preprocess, info = preprocess_in(session.info), session.info.input
    for start in range(0, len(files), session.batch_size):
        chunk = files[start : start + session.batch_size]
        coefficients = read_coefficients_many(chunk)
        for file, image in zip(chunk, coefficients, strict=True):
            check_size(image, info, str(file))
        spatial = float_batch(coefficients, preprocess, info)
        yield Batch(chunk, coefficients, spatial, pillow_batch(chunk, preprocess, info))
