"""Outputs of batches: which row is whose, and several batches as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import UsageError
from jpegcompile.jpeg.unusable import Skipped


class RowsError(UsageError):
    """An output does not hold one row for each input of a batch.

    Attributes:
        output: its name.
    """

    output: str


class Outputs(list[NDArray[Any]]):
    """Outputs of a model in its order, each with a row for every image that could be used.

    Attributes:
        used: place of each row's image among those given.
        skipped: images that have no row, and why.
        pixel_fallbacks: how many of the images went through the pixel fallback.
    """

    def __init__(
        self,
        outputs: Iterable[NDArray[Any]],
        used: Sequence[int],
        skipped: Sequence[Skipped],
        pixel_fallbacks: int = 0,
    ) -> None:
        """A list of `outputs` that says whose rows they are."""
        super().__init__(outputs)
        self.used = tuple(used)
        self.skipped = tuple(skipped)
        self.pixel_fallbacks = pixel_fallbacks


def require_rows(names: Sequence[str], outputs: Sequence[Any], count: int) -> None:
    """Refuse outputs that cannot be told apart by input.

    Args:
        names: of the outputs.
        outputs: for one batch.
        count: inputs of the batch.

    Raises:
        RowsError: if there are several inputs, and an output does not hold one row for each; or if
            an output is no tensor.
    """
    for name, output in zip(names, outputs, strict=True):
        if not isinstance(output, np.ndarray) or (count > 1 and output.shape[:1] != (count,)):
            raise without_rows(name)


def joined(
    names: Sequence[str], batches: Sequence[Sequence[NDArray[Any]]], count: int
) -> list[NDArray[Any]]:
    """Outputs of several batches as those of one.

    Args:
        names: of the outputs.
        batches: the outputs of each batch.
        count: inputs of all batches.

    Raises:
        RowsError: as `require_rows`.
    """
    if len(batches) == 1:
        return list(batches[0])
    outputs = []
    for name, *parts in zip(names, *batches, strict=True):
        first = parts[0]
        if not all(part.ndim and part.shape[1:] == first.shape[1:] for part in parts):
            raise without_rows(name)
        outputs.append(np.concatenate(parts))
    require_rows(names, outputs, count)
    return outputs


def without_rows(output: str, views: int = 1) -> RowsError:
    """The error of an output; `views` is how many of an image the network sees."""
    text = (
        f"output '{output}' does not hold one row for each image; give Session.run one image at a"
        " time, or run the model by Session.inference_session with Session.feeds"
    )
    if views > 1:
        text = (
            f"output '{output}' does not hold one row for each of the {views} views of an image, so"
            ' it cannot be averaged over them; leave "views" out of --preprocess'
        )
    error = RowsError(text)
    error.output = output
    return error
