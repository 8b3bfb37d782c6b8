"""How the network sees an image by a random crop and flip: matrices, and where the image is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegcompile.byte_cache import cached
from jpegcompile.data.augmentation.placing import Choice, chosen_placement
from jpegcompile.data.axis_tables import AxisMatrix, component_matrices
from jpegcompile.dct.blocks import axis_dct
from jpegcompile.dct.color import Color, check_chroma_sampling, mixing_matrix
from jpegcompile.dct.filters import taps_of
from jpegcompile.errors import ImageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.messages import Message
from jpegcompile.preprocessing.geometry import Geometry, Placement
from jpegcompile.preprocessing.steps import Size

Doubles = NDArray[np.float64]
Matrices = tuple[AxisMatrix, AxisMatrix]

# Memory limit of cached views, and what a view without arrays counts.
_VIEW_BYTES = 1 << 26
_RECORD_BYTES = 2048


@dataclass(frozen=True, eq=False)
class PlacedView:
    """How the network sees images of one frame by one choice.

    Attributes:
        is_transposed: whether stored rows become columns.
        luma: matrices of rows and columns for the first component.
        chroma: matrices for the other components; None if the network does not depend on them.
        mixing: color transform [channels, components].
        share: part of the network's input that shows the image; the rest shows the fill.
        shown: for rows [H] and columns [W] the block DCT of an axis that is 1 where it shows the
            image, and 0 elsewhere; None if no fill is shown.
    """

    is_transposed: bool
    luma: Matrices
    chroma: Matrices | None
    mixing: Doubles
    share: float
    shown: tuple[Doubles, Doubles] | None

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        matrices = [matrix for _, pair in self.parts() for matrix in pair]
        return _RECORD_BYTES + sum(matrix.nbytes for matrix in matrices)

    def parts(self) -> list[tuple[slice, Matrices]]:
        """The components that the network depends on, with their matrices."""
        parts = [(slice(0, 1), self.luma)]
        return parts if self.chroma is None else [*parts, (slice(1, 3), self.chroma)]

    def cut(self, image: Coefficients, component: int) -> NDArray[np.int16]:
        """Return the blocks [rows, columns, 8, 8] of a component that its matrices read."""
        matrices = self.luma if component == 0 else self.chroma
        assert matrices is not None
        rows, columns = (matrix.blocks for matrix in matrices)
        if self.is_transposed:
            return image.planes[component][columns, rows].transpose(1, 0, 3, 2)
        return image.planes[component][rows, columns]

    def tables(self, image: Coefficients) -> NDArray[np.uint16]:
        """Return the quantization tables of `cut`, [components, 8, 8]."""
        return image.quantization.swapaxes(1, 2) if self.is_transposed else image.quantization


@cached(_VIEW_BYTES)
def placed_view(
    frame: Frame, choice: Choice, geometry: Geometry, network: Size, color: Color, block: int
) -> PlacedView:
    """Return how the network sees images of a frame.

    Args:
        frame: frame of the files.
        choice: random crop and flip.
        geometry: geometry of the preprocessing.
        network: (height, width) of the network's input.
        color: channels of the network's input.
        block: block size of the network's input; 1 for pixels.

    Raises:
        ImageError: if the geometry cannot bring the images to the network's size, or sampling
            factors are fractional, or the second and third component have different ones.
    """
    placement = chosen_placement(frame, geometry, network, choice)
    _check_sampling(frame)
    mixing = mixing_matrix(frame.color_space, color)
    luma = component_matrices(frame, placement, 0, block)
    chroma = component_matrices(frame, placement, 1, block) if mixing[:, 1:].any() else None
    share, shown = _shown(placement, block)
    return PlacedView(placement.is_transposed, luma, chroma, mixing, share, shown)


def _shown(placement: Placement, block: int) -> tuple[float, tuple[Doubles, Doubles] | None]:
    if placement.is_inside:
        return 1.0, None
    rows, columns = (taps_of(axis).level for axis in (placement.rows, placement.columns))
    in_dct = axis_dct(len(rows), block) @ rows, axis_dct(len(columns), block) @ columns
    return float(rows.mean() * columns.mean()), in_dct


def _check_sampling(frame: Frame) -> None:
    """Raise an error if the second and third component have different matrices.

    Raises:
        ImageError: if they have different sampling factors.
    """
    check_chroma_sampling(frame)
    if frame.color_space == "rgb" and frame.sampling[1] != frame.sampling[2]:
        raise ImageError(
            Message(
                "dataset-rgb-sampled-differently",
                "green and blue are sampled differently; save the image with one sampling",
            )
        )
