"""The original model in ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from jpegcompile.frontend.load import Source
from jpegcompile.interface import IR_VERSION
from jpegcompile.network_input import NetworkInput
from jpegcompile.runtime.batch import run_batch
from jpegcompile.runtime.opening import inference_session
from jpegcompile.runtime.views import in_runs, over_views


class SpatialModel:
    """The source model in ONNX Runtime.

    Attributes:
        output_names: names of the model's outputs.
    """

    def __init__(
        self,
        source: Source,
        taken: NetworkInput,
        threads: int | None = None,
        *,
        model: onnx.ModelProto | None = None,
        arena: bool = True,
        optimized: bool = True,
    ) -> None:
        """Open a model.

        Args:
            source: the original.
            taken: image input of the original.
            threads: ONNX Runtime's number of intra-op threads.
            model: a variant of the original to run in its place. Default: the original.
            arena: whether ONNX Runtime keeps the memory of a run for the next one.
            optimized: whether ONNX Runtime may fuse and reorder operators.
        """
        self.taken = taken
        self.output_names = [output.name for output in source.model.graph.output]
        opened = readable(model or source.model)
        self._session = inference_session(
            opened, threads, source.folder, arena=arena, optimized=optimized
        )
        batch = next(i for i in self._session.get_inputs() if i.name == taken.name).shape[0]
        self.fixed_batch = batch if isinstance(batch, int) else None

    def run(self, batch: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return outputs by name, for any number of inputs.

        Args:
            batch: inputs [N, ...] of the model. Outputs for inputs [N, views, ...], which are
                several views of each image, are averaged over the views.

        Raises:
            RowsError: if there are several inputs, and an output does not contain a row for each.
        """
        has_views = batch.ndim > 1 + len(self.taken.shape)
        names, run = self.output_names, over_views if has_views else in_runs
        return dict(zip(names, run(names, batch, self._run, self.fixed_batch), strict=True))

    def _run(self, batch: NDArray[Any]) -> list[NDArray[Any]]:
        return run_batch(
            self._session,
            self.output_names,
            {self.taken.name: batch},
            self.fixed_batch,
            has_batch=self.taken.has_batch,
        )


def readable(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a model in a version of the file format that ONNX Runtime supports."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    result.ir_version = min(max(model.ir_version, 4), IR_VERSION)
    return result


def score_count(source: Source, taken: NetworkInput, output: str) -> int:
    """Return the number of classes of an output [N, classes], by running the source model once.

    Declared shapes may lack this number or be wrong.

    Args:
        source: the original.
        taken: image input of the original.
        output: name of the output.
    """
    model = SpatialModel(source, taken)
    return int(model.run(np.zeros((1, *taken.shape), np.float32))[output].shape[-1])
