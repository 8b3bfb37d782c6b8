"""What the header of a JPEG file says of its image: ITU-T T.81, A.1.1 and B.2.2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jpegcompile.errors import ImageError

ColorSpace = Literal["gray", "ycbcr", "rgb"]


def ceil_div(dividend: int, divisor: int) -> int:
    """The quotient of two positive integers, rounded up."""
    return -(-dividend // divisor)


@dataclass(frozen=True)
class Frame:
    """A JPEG file without its data: how large its image is, and how its components are sampled.

    Attributes:
        height, width: of the image in pixels.
        sampling: (horizontal, vertical) sampling factor of each component (T.81, B.2.2: H_i, V_i).
        color_space: "gray", "ycbcr" (JFIF) or "rgb" (Adobe marker or RGB component ids).
        orientation: how the image is to be turned for display, 1 to 8 (EXIF tag 0x0112, or
            tiff:Orientation of XMP where EXIF has none, as Pillow reads them); 1, not at all, where
            the file does not say. Nothing else here is of the turned image.
    """

    height: int
    width: int
    sampling: tuple[tuple[int, int], ...]
    color_space: ColorSpace
    orientation: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image in pixels."""
        return self.height, self.width

    @property
    def most_sampling(self) -> tuple[int, int]:
        """The largest (horizontal, vertical) sampling factors of the components."""
        return max(h for h, _ in self.sampling), max(v for _, v in self.sampling)

    def component_size(self, index: int) -> tuple[int, int]:
        """True (height, width) of component `index` in samples (T.81, A.1.1)."""
        (horizontal, vertical), most = self.sampling[index], self.most_sampling
        return (
            ceil_div(self.height * vertical, most[1]),
            ceil_div(self.width * horizontal, most[0]),
        )

    def block_counts(self, index: int) -> tuple[int, int]:
        """(rows, columns) of 8x8 blocks that cover component `index`."""
        height, width = self.component_size(index)
        return ceil_div(height, 8), ceil_div(width, 8)

    def upsampling_factors(self, index: int) -> tuple[int, int]:
        """(vertical, horizontal) pixels of the image to one sample of component `index`.

        Raises:
            ImageError: if one is not an integer.
        """
        horizontal, vertical = self.sampling[index]
        most_horizontal, most_vertical = self.most_sampling
        if most_horizontal % horizontal or most_vertical % vertical:
            raise ImageError(
                f"component {index} is subsampled by a fraction"
                f" ({most_horizontal}/{horizontal} x {most_vertical}/{vertical});"
                " save the image with whole sampling factors"
            )
        return most_vertical // vertical, most_horizontal // horizontal

    @property
    def chroma_factors(self) -> tuple[int, int] | None:
        """Pixels to one sample of Cb, (vertical, horizontal); None where there is no chroma.

        Raises:
            ImageError: if one is not an integer.
        """
        return self.upsampling_factors(1) if self.color_space == "ycbcr" else None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data that `from_json` reads back."""
        return {
            "height": self.height,
            "width": self.width,
            "sampling": [list(factors) for factors in self.sampling],
            "color_space": self.color_space,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Frame:
        """The frame that `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: if the data is something else.
        """
        sampling = tuple((int(h), int(v)) for h, v in data["sampling"])
        return cls(int(data["height"]), int(data["width"]), sampling, data["color_space"])
