"""Outputs of a model for batches of images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import UsageError
from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.messages import Message


class RowsError(UsageError):
    """An output does not have one row per input of a batch.

    Attributes:
        output: name of the output.
    """

    output: str


class Outputs(list[NDArray[Any]]):
    """Outputs of a model in its order, each with one row per usable image.

    Attributes:
        used: index of each row's image among all images.
        skipped: unusable images, which have no row, with reasons.
        pixel_fallbacks: number of usable images that went through the pixel fallback.
    """

    def __init__(
        self,
        outputs: Iterable[NDArray[Any]],
        used: Sequence[int],
        skipped: Sequence[Skipped],
        pixel_fallbacks: int = 0,
    ) -> None:
        """Create a list of outputs; the arguments are the attributes."""
        super().__init__(outputs)
        self.used = tuple(used)
        self.skipped = tuple(skipped)
        self.pixel_fallbacks = pixel_fallbacks


def require_rows(names: Sequence[str], outputs: Sequence[Any], count: int) -> None:
    """Raise an error if outputs do not have one row per input.

    Args:
        names: names of the outputs.
        outputs: outputs for one batch.
        count: number of inputs in the batch.

    Raises:
        RowsError: if there are several inputs and an output does not have one row per input, or an
            output is not a tensor.
    """
    for name, output in zip(names, outputs, strict=True):
        if not isinstance(output, np.ndarray) or (count > 1 and output.shape[:1] != (count,)):
            raise without_rows(name)


def joined(
    names: Sequence[str], batches: Sequence[Sequence[NDArray[Any]]], count: int
) -> list[NDArray[Any]]:
    """Concatenate the outputs of several batches.

    Args:
        names: names of the outputs.
        batches: outputs of each batch.
        count: number of inputs in all batches.

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
    """Return the error for an output without one row per image.

    Args:
        output: name of the output.
        views: number of views of each image.
    """
    message = Message(
        "output-without-rows",
        f"output '{output}' does not have one row per image; pass one image at a time to"
        " Session.run, or run the model by Session.inference_session with Session.feeds",
    )
    if views > 1:
        message = Message(
            "output-without-view-rows",
            f"output '{output}' does not have one row per view, so it cannot be averaged over the"
            f' {views} views of an image; leave out "views" in --preprocess',
        )
    error = RowsError(message)
    error.output = output
    return error
