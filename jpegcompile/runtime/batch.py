"""Batches for models that are bound to one batch size, or take no batch at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from jpegcompile.errors import UnsupportedModelError, one_line
from jpegcompile.interface import LUMA, SHARED_INPUTS
from jpegcompile.runtime.outputs import require_rows

# Inputs of a run, where a model leaves that open.
_BATCH = 32


def run_batch(
    session: ort.InferenceSession,
    names: Sequence[str],
    feeds: Mapping[str, NDArray[np.generic]],
    fixed_batch: int | None,
    shared: Mapping[str, NDArray[np.generic]] | None = None,
    *,
    has_batch: bool = True,
    views: int = 1,
) -> list[NDArray[Any]]:
    """Outputs for one batch, one row an input.

    A batch of one input is not asked for rows: its outputs are as the model gives them.

    Args:
        session: of the model.
        names: of the outputs.
        feeds: inputs, all of one batch size; rounded to float16 where the model takes that. None
            at all for a model whose batch is one image by itself.
        fixed_batch: the batch that the model is bound to; smaller ones are filled up by repeating
            the last input. None if any batch will do.
        shared: inputs that have no batch; they are given as they are.
        has_batch: whether the source model takes a batch. Without one it takes and gives one image
            at a time, unless it has been given a batch: an output without one gets a batch of one.
        views: inputs of which the model makes one row, the average of their outputs.

    Raises:
        RowsError: if an output does not hold one row for each input.
        UnsupportedModelError: if ONNX Runtime fails.
    """
    count = len(next(iter(feeds.values()))) // views if feeds else 1
    filled = _without_batch(session, _in_half(session, fill(feeds, fixed_batch)))
    try:
        outputs = session.run(list(names), {**filled, **(shared or {})})
    except Exception as error:
        raise UnsupportedModelError(f"ONNX Runtime fails: {one_line(error)}") from error
    if not has_batch and fixed_batch == 1:
        outputs = [_with_batch(output) for output in outputs]
    total = fixed_batch or count
    require_rows(names, outputs, total)
    return [output[:count] for output in outputs] if total > 1 else outputs


def images_at_once(fixed_batch: int | None, views: int) -> int:
    """How many images are computed at once: so many that their views fill whole batches.

    Args:
        fixed_batch: the batch that the model is bound to; None if any will do.
        views: of an image that the model sees, each an input of its own.
    """
    if fixed_batch is None:
        return max(_BATCH // views, 1)
    return fixed_batch // gcd(fixed_batch, views)


def fill(
    feeds: Mapping[str, NDArray[np.generic]], fixed_batch: int | None
) -> dict[str, NDArray[np.generic]]:
    """Inputs of a batch with the last one repeated up to the batch that a model is bound to."""
    # Tensors of a source model may have these names, too.
    whole = SHARED_INPUTS if LUMA in feeds else frozenset()
    return {
        name: v if name in whole else _repeat_last(v, (fixed_batch or 0) - len(v))
        for name, v in feeds.items()
    }


def _without_batch(
    session: ort.InferenceSession, feeds: Mapping[str, NDArray[np.generic]]
) -> dict[str, NDArray[np.generic]]:
    """A batch of one becomes what it holds where the model takes it without a batch."""
    ranks = {i.name: len(i.shape) for i in session.get_inputs()}
    return {name: v[0] if v.ndim == ranks.get(name, 0) + 1 else v for name, v in feeds.items()}


def _with_batch(output: Any) -> Any:
    """An output as a batch of one, if it is none; what is no tensor stays for `require_rows`."""
    if isinstance(output, np.ndarray) and output.shape[:1] != (1,):
        return output[None]
    return output


def _repeat_last(values: NDArray[np.generic], times: int) -> NDArray[np.generic]:
    if times <= 0:
        return values
    return np.concatenate([values, np.repeat(values[-1:], times, axis=0)])


def _in_half(
    session: ort.InferenceSession, feeds: Mapping[str, NDArray[np.generic]]
) -> dict[str, NDArray[np.generic]]:
    half = {i.name for i in session.get_inputs() if i.type == "tensor(float16)"}
    return {name: v.astype(np.float16) if name in half else v for name, v in feeds.items()}
