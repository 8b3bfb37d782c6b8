"""Several views of each image, over which outputs are averaged.

The network's input for N images is [N, ...], or [N, views, ...] with several views of each image.
The mean is over the raw outputs, as for torchvision's FiveCrop and TenCrop: over probabilities if
the network ends in a softmax, otherwise over its scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from jpegcompile.jpeg.frame import Frame
from jpegcompile.preprocessing.geometry import Geometry, Placement
from jpegcompile.preprocessing.steps import Size
from jpegcompile.runtime.outputs import RowsError, joined, without_rows

Kind = TypeVar("Kind", bound=np.generic)
# A NumPy array or a PyTorch tensor.
Images = TypeVar("Images", bound=Any)


def of_each_view(geometry: Geometry, make: Callable[[Geometry], NDArray[Kind]]) -> NDArray[Kind]:
    """Compute each view of an image.

    Args:
        geometry: geometry with one or several views.
        make: computes one view.

    Returns:
        The result for a single view; several results are stacked along a new first axis.
    """
    return stacked(geometry, [make(view) for view in geometry.each_view()])


def stacked(geometry: Geometry, views: Sequence[NDArray[Kind]]) -> NDArray[Kind]:
    """Stack the results for each view along a new first axis; return a single result unchanged."""
    return views[0] if geometry.view_count == 1 else np.stack(views)


def placements_of(geometry: Geometry, frame: Frame, network: Size) -> list[Placement]:
    """Return the placement of an image in each view. Placements differ in starts and flips only.

    Args:
        geometry: geometry with one or several views.
        frame: frame of the image.
        network: (height, width) of the network's input.

    Raises:
        ImageError: as `Geometry.place`.
    """
    return [view.place(frame, network) for view in geometry.each_view()]


def over_views(
    names: Sequence[str],
    images: Images,
    run: Callable[[Images], Sequence[NDArray[Any]]],
    fixed_batch: int | None,
) -> list[NDArray[Any]]:
    """Run all views of images and average the outputs over the views of each image.

    Args:
        names: names of the outputs.
        images: array or PyTorch tensor [N, views, ...].
        run: returns the outputs for views [n, ...].
        fixed_batch: largest number of views that `run` accepts; None for any number.

    Returns:
        The averaged outputs, each [N, ...].

    Raises:
        RowsError: if an output does not have one row per view.
    """
    count, views = images.shape[:2]
    rows = images.reshape(count * views, *images.shape[2:])
    try:
        outputs = in_runs(names, rows, run, fixed_batch)
    except RowsError as error:
        raise without_rows(error.output, views) from error
    return averaged(outputs, views)


def in_runs(
    names: Sequence[str],
    rows: Images,
    run: Callable[[Images], Sequence[NDArray[Any]]],
    fixed_batch: int | None,
) -> list[NDArray[Any]]:
    """Run any number of inputs, at most `fixed_batch` per run.

    Args:
        names: names of the outputs.
        rows: array or PyTorch tensor [N, ...].
        run: returns the outputs for inputs [n, ...].
        fixed_batch: largest number of inputs that `run` accepts; None for any number.

    Raises:
        RowsError: if an output does not have one row per input.
    """
    size = fixed_batch or len(rows)
    parts = [run(rows[start : start + size]) for start in range(0, len(rows), size)]
    return joined(names, parts, len(rows))


def averaged(outputs: Sequence[NDArray[Any]], views: int) -> list[NDArray[Any]]:
    """Average outputs [N * views, ...] over the views to [N, ...]; types do not change."""
    return [rows.reshape(-1, views, *rows.shape[1:]).mean(axis=1) for rows in outputs]
