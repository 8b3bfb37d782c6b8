"""The original's own rounding: how far its answers go when they are computed in another way.

- *Not optimised*: ONNX Runtime fuses nothing and takes other convolutions. Two honest results in
  float32, so their distance is a lower bound of what rounding does.
- *Moved*: every sum moved by up to `MULTIPLE` units in the last place (`moved.py`), which also
  shows what the network amplifies, and which of its decisions are near-ties.
- *Precise sums*: means and sums over maps in float64 (`precise_sums.py`). That distance is
  the whole error of the original's sums over maps, so twice of it is allowed, and no more.
- For networks in float16 the *float32 twin* (`widened.py`), in place of what moved sums do to
  floating-point answers: there the rounding itself can be seen.
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
    """The variants of an original that show its rounding."""

    def __init__(self, source: Source, taken: NetworkInput, tolerance: Tolerance) -> None:
        """Open the variants of a source with the image input `taken`."""
        self._is_half = tolerance.is_half
        self._plain = SpatialModel(source, taken, arena=False, optimised=False)
        self._moved = SpatialModel(
            source, taken, model=moved(source.model, taken.name, tolerance.units), arena=False
        )
        self._precise: SpatialModel | None = None
        precise = with_precise_sums(source.model)
        if precise is not None:
            self._precise = SpatialModel(source, taken, model=precise, arena=False)
        self._wide: SpatialModel | None = None
        if tolerance.is_half:
            wide = widened(source.model, source.folder)
            self._wide = SpatialModel(source, taken, model=wide, arena=False)

    def variants(self, batch: NDArray[np.float32]) -> list[Variant]:
        """Outputs for one batch; what is moved a multiple already counts once."""
        found = [Variant(self._plain.run(batch), MULTIPLE)]
        # In float16 moved sums say which answers jump, the twin how far the others go.
        found.append(Variant(self._moved.run(batch), 0.0 if self._is_half else 1.0))
        if self._precise is not None:
            found.append(Variant(self._precise.run(batch), PRECISE_MULTIPLE))
        if self._wide is not None:
            found.append(Variant(self._wide.run(batch), MULTIPLE))
        return found
