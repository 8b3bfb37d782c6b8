"""The frame of a JPEG file, from its header (ITU-T T.81, A.1.1 and B.2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jpegcompile.errors import ImageError
from jpegcompile.messages import Message

ColorSpace = Literal["gray", "ycbcr", "rgb"]


def ceil_div(dividend: int, divisor: int) -> int:
    """Divide two positive integers and round up."""
    return -(-dividend // divisor)


@dataclass(frozen=True)
class Frame:
    """Size, sampling, color space and orientation of a JPEG file.

    All fields describe the image as stored, before the orientation is applied.

    Attributes:
        height: height of the image in pixels.
        width: width of the image in pixels.
        sampling: (horizontal, vertical) sampling factor of each component (T.81, B.2.2: H_i, V_i).
        color_space: "gray", "ycbcr" (JFIF) or "rgb" (Adobe marker or RGB component ids).
        orientation: EXIF orientation for display, 1 to 8 (tag 0x0112, or tiff:Orientation in XMP if
            EXIF has none, as Pillow reads them). 1 means no change and is the default.
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
        """(vertical, horizontal) number of image pixels per sample of component `index`.

        Raises:
            ImageError: if a number is not an integer.
        """
        horizontal, vertical = self.sampling[index]
        most_horizontal, most_vertical = self.most_sampling
        if most_horizontal % horizontal or most_vertical % vertical:
            raise ImageError(
                Message(
                    "sampling-fractional",
                    f"component {index} is subsampled by a fraction"
                    f" ({most_horizontal}/{horizontal} x {most_vertical}/{vertical});"
                    " save the image with whole sampling factors",
                )
            )
        return most_vertical // vertical, most_horizontal // horizontal

    @property
    def chroma_factors(self) -> tuple[int, int] | None:
        """(vertical, horizontal) number of pixels per sample of Cb; None without chroma.

        Raises:
            ImageError: if a number is not an integer.
        """
        return self.upsampling_factors(1) if self.color_space == "ycbcr" else None

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data for `from_json`."""
        return {
            "height": self.height,
            "width": self.width,
            "sampling": [list(factors) for factors in self.sampling],
            "color_space": self.color_space,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Frame:
        """Create a frame from the data of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: if the data is invalid.
        """
        sampling = tuple((int(h), int(v)) for h, v in data["sampling"])
        return cls(int(data["height"]), int(data["width"]), sampling, data["color_space"])
