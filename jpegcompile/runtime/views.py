"""Several views of an image: an axis of arrays, over which outputs are averaged.

What a network is shown of N images is [N, ...] as it takes them; where it sees several views of
each, [N, views, ...]. Outputs are averaged as they are, by the rule of torchvision's FiveCrop and
TenCrop: scores of a network that ends in a softmax as probabilities, of others as they come.
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
# An array or a tensor of PyTorch.
Images = TypeVar("Images", bound=Any)


def of_each_view(geometry: Geometry, make: Callable[[Geometry], NDArray[Kind]]) -> NDArray[Kind]:
    """What is made of one image by a geometry: several views are stacked along a new first axis.

    Args:
        geometry: of one view or several.
        make: makes one view.
    """
    return stacked(geometry, [make(view) for view in geometry.each_view()])


def stacked(geometry: Geometry, views: Sequence[NDArray[Kind]]) -> NDArray[Kind]:
    """What was made of each view of an image as `of_each_view` gives it."""
    return views[0] if geometry.view_count == 1 else np.stack(views)


def placements_of(geometry: Geometry, frame: Frame, network: Size) -> list[Placement]:
    """Where an image comes to stand in each view: they differ in where they begin and in flips.

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
    """The outputs for images, averaged over their views.

    Args:
        names: of the outputs.
        images: an array, or a tensor of PyTorch, [N, views, ...].
        run: gives the outputs for views [n, ...].
        fixed_batch: how many of them it takes at most; None for any number.

    Raises:
        RowsError: if an output does not hold a row for each view.
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
    """The outputs for any number of inputs, as many a run as a model is bound to.

    The arguments are those of `over_views`, with one view.

    Raises:
        RowsError: if an output does not hold a row for each input.
    """
    size = fixed_batch or len(rows)
    parts = [run(rows[start : start + size]) for start in range(0, len(rows), size)]
    return joined(names, parts, len(rows))


def averaged(outputs: Sequence[NDArray[Any]], views: int) -> list[NDArray[Any]]:
    """Outputs [N * views, ...] as [N, ...]: their means over the views, in their own type."""
    return [rows.reshape(-1, views, *rows.shape[1:]).mean(axis=1) for rows in outputs]
