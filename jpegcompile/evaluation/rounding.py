"""The rounding error of the original: how far its outputs move if they are computed differently.

- *Not optimized*: ONNX Runtime fuses nothing and uses other convolutions. Both results are correct
  in float32, so their distance is a lower bound of the rounding error.
- *Moved*: every sum is moved by up to `MULTIPLE` units in the last place (`moved.py`). This also
  shows what the network amplifies, and which of its decisions are near-ties.
- *Precise sums*: means and sums over maps are computed in float64 (`precise_sums.py`). The distance
  is the whole error of the original's sums over maps, so the tolerance is only twice as large.
- *Float32 version* of networks in float16 (`widened.py`): its distance shows the rounding of
  floating-point outputs directly. It replaces the result of moved sums for these outputs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.meter import Variant
from jpegcompile.evaluation.moved import moved
from jpegcompile.evaluation.precise_sums import with_precise_sums
from jpegcompile.evaluation.spatial import SpatialModel
from jpegcompile.evaluation.tolerance import MULTIPLE, PRECISE_MULTIPLE, Tolerance
from jpegcompile.evaluation.widened import widened
from jpegcompile.frontend.load import Source
from jpegcompile.network_input import NetworkInput


class OwnRounding:
    """The variants of an original that show its rounding error."""

    def __init__(self, source: Source, taken: NetworkInput, tolerance: Tolerance) -> None:
        """Open the variants.

        Args:
            source: the original.
            taken: image input of the original.
            tolerance: tolerance of its outputs.
        """
        self._is_half = tolerance.is_half
        self._plain = SpatialModel(source, taken, arena=False, optimized=False)
        other = moved(source.model, taken.name, tolerance.units, has_batch=taken.has_batch)
        self._moved = SpatialModel(source, taken, model=other, arena=False)
        self._precise: SpatialModel | None = None
        precise = with_precise_sums(source.model)
        if precise is not None:
            self._precise = SpatialModel(source, taken, model=precise, arena=False)
        self._wide: SpatialModel | None = None
        if tolerance.is_half:
            wide = widened(source.model, source.folder)
            self._wide = SpatialModel(source, taken, model=wide, arena=False)

    def variants(self, batch: NDArray[np.float32]) -> list[Variant]:
        """Return the outputs for one batch. Moved sums already contain the multiple."""
        found = [Variant(self._plain.run(batch), MULTIPLE)]
        # In float16, moved sums show only jumps, and the float32 version shows the other errors.
        found.append(Variant(self._moved.run(batch), 0.0 if self._is_half else 1.0))
        if self._precise is not None:
            found.append(Variant(self._precise.run(batch), PRECISE_MULTIPLE))
        if self._wide is not None:
            found.append(Variant(self._wide.run(batch), MULTIPLE))
        return found
