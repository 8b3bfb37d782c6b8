"""Run batches on models with a dynamic batch, a fixed batch size, or no batch axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from jpegcompile.errors import UnsupportedModelError, one_line
from jpegcompile.interface import LUMA, SHARED_INPUTS
from jpegcompile.messages import Message
from jpegcompile.runtime.outputs import require_rows

# Inputs per run of a model with a dynamic batch.
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
    """Run one batch and return its outputs, with one row per input.

    Outputs for a batch of one input are returned as the model computes them, with or without a
    batch axis.

    Args:
        session: session of the model.
        names: names of the outputs.
        feeds: inputs of one batch size, rounded to float16 if the model requires it. Empty if
            `shared` contains all inputs and the batch is one image.
        fixed_batch: fixed batch size of the model; smaller batches are padded with copies of the
            last input. None for a dynamic batch.
        shared: inputs without a batch axis, passed unchanged.
        has_batch: whether the source model has a batch axis. If not, outputs without a batch axis
            get one of size 1.
        views: number of inputs that the model averages into one row.

    Raises:
        RowsError: if an output does not have one row per input.
        UnsupportedModelError: if ONNX Runtime fails.
    """
    count = len(next(iter(feeds.values()))) // views if feeds else 1
    filled = _without_batch(session, _in_half(session, fill(feeds, fixed_batch)))
    try:
        outputs = session.run(list(names), {**filled, **(shared or {})})
    except Exception as error:
        raise UnsupportedModelError(
            Message(
                "runtime-run-failed",
                f"ONNX Runtime failed to run the model: {one_line(error)}; check that the original"
                " runs with such inputs",
            )
        ) from error
    if not has_batch and fixed_batch == 1:
        outputs = [_with_batch(output) for output in outputs]
    total = fixed_batch or count
    require_rows(names, outputs, total)
    return [output[:count] for output in outputs] if total > 1 else outputs


def images_at_once(fixed_batch: int | None, views: int) -> int:
    """Return the number of images to compute at once, so that their views fill whole batches.

    Args:
        fixed_batch: fixed batch size of the model; None for a dynamic batch.
        views: number of views of each image; each view is one input.
    """
    if fixed_batch is None:
        return max(_BATCH // views, 1)
    return fixed_batch // gcd(fixed_batch, views)


def fill(
    feeds: Mapping[str, NDArray[np.generic]], fixed_batch: int | None
) -> dict[str, NDArray[np.generic]]:
    """Pad a batch to a fixed batch size with copies of the last input.

    Args:
        feeds: inputs by name.
        fixed_batch: fixed batch size of the model; None pads nothing.
    """
    # An input of a source model may have the name of a shared input by chance.
    whole = SHARED_INPUTS if LUMA in feeds else frozenset()
    return {
        name: v if name in whole else _repeat_last(v, (fixed_batch or 0) - len(v))
        for name, v in feeds.items()
    }


def _without_batch(
    session: ort.InferenceSession, feeds: Mapping[str, NDArray[np.generic]]
) -> dict[str, NDArray[np.generic]]:
    """Drop the batch axis of inputs for which the model has none."""
    ranks = {i.name: len(i.shape) for i in session.get_inputs()}
    return {name: v[0] if v.ndim == ranks.get(name, 0) + 1 else v for name, v in feeds.items()}


def _with_batch(output: Any) -> Any:
    """Add a batch axis of size 1 if it is missing. `require_rows` reports other types."""
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
