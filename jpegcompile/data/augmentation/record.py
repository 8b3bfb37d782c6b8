"""The augmentation record: which random changes training images get.

Every change is affine in the pixels, so it applies to coefficients exactly. Nothing is clamped.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.whole_numbers import is_whole_number

Range = tuple[float, float]

# The defaults of torchvision's RandomResizedCrop.
DEFAULT_SCALE: Range = (0.08, 1.0)
DEFAULT_RATIO: Range = (3 / 4, 4 / 3)


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training images, in this order: crop, flip, color, cutout.

    Attributes:
        flip: probability that left and right are exchanged.
        crop: pixels of fill around the resized image before a random crop to the network's size,
            like torchvision's RandomCrop; None keeps the crop of the preprocessing.
        scale: smallest and largest area of a random box, as a fraction of the image's area. The box
            is resized to the network's size, like torchvision's RandomResizedCrop, and replaces
            resize and crop of the preprocessing. None resizes the whole image.
        ratio: smallest and largest ratio of width to height of that box.
        brightness: a factor from 1 - brightness to 1 + brightness multiplies the pixels.
        contrast: like torchvision's, a factor from 1 - contrast to 1 + contrast moves pixels away
            from the mean luma of what the network sees, or towards it.
        saturation: like torchvision's, a factor from 1 - saturation to 1 + saturation moves pixels
            away from their luma, or towards it.
        hue: the plane of Cb and Cr turns by up to this part of a full turn, in both directions.
            torchvision's hue is another change, which is not linear.
        cutout: side of a square that is set to zero in the network's input, which is the mean of
            the normalization; its center is anywhere in the image. 0 for no square.
        cutout_probability: probability of that square.
        aligned: whether crops (but not boxes) and squares begin at multiples of 8 pixels, so that
            they move or remove whole blocks.

    Raises:
        UsageError: if a field is out of range, or fields contradict each other.
    """

    flip: float = 0.0
    crop: int | None = None
    scale: Range | None = None
    ratio: Range = DEFAULT_RATIO
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    cutout: int = 0
    cutout_probability: float = 1.0
    aligned: bool = False

    def __post_init__(self) -> None:
        """Check the fields."""
        for name in ("flip", "cutout_probability"):
            self._require(name, _is_number(getattr(self, name), 1.0), "a number from 0 to 1")
        for name in ("brightness", "contrast", "saturation"):
            self._require(name, _is_number(getattr(self, name)), "a number, 0 or more")
        self._require("hue", _is_number(self.hue, 0.5), "a number from 0 to 0.5")
        is_crop = self.crop is None or _is_count(self.crop)
        self._require("crop", is_crop, "a whole number of pixels, 0 or more")
        self._require("cutout", _is_count(self.cutout), "a whole number of pixels, 0 or more")
        self._require("aligned", type(self.aligned) is bool, "true or false")
        is_scale = self.scale is None or _is_range(self.scale, 1.0)
        self._require("scale", is_scale, "two areas, the smaller first, above 0 and at most 1")
        self._require("ratio", _is_range(self.ratio), "two ratios above 0, the smaller first")
        if self.crop is not None and self.scale is not None:
            raise UsageError(
                Message(
                    "augmentation-two-crops",
                    "augmentation has both crop and resized-crop; leave one of them out",
                )
            )

    def _require(self, name: str, is_right: bool, wanted: str) -> None:
        if not is_right:
            raise UsageError(
                Message(
                    "augmentation-out-of-range",
                    f"augmentation has {name} {getattr(self, name)!r}; give {wanted}",
                )
            )

    @property
    def changes_color(self) -> bool:
        """Whether channels are mixed, scaled or shifted."""
        return any((self.brightness, self.contrast, self.saturation, self.hue))

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data for `from_json`."""
        data = asdict(self)
        return {n: list(value) if isinstance(value, tuple) else value for n, value in data.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Augmentation:
        """Create an augmentation from the data of `to_json`. Missing fields get their defaults.

        Raises:
            UsageError: if a field is unknown or out of range, or fields contradict each other.
        """
        known = [each.name for each in fields(cls)]
        for name in data:
            if name not in known:
                raise UsageError(
                    Message(
                        "augmentation-field-unknown",
                        f"augmentation has a field {name!r}; use {', '.join(known)}",
                    )
                )
        made: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        return cls(**made)


def _is_number(value: object, most: float = sys.float_info.max) -> bool:
    # False for NaN.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


def _is_count(value: object) -> bool:
    return is_whole_number(value) and isinstance(value, int) and value >= 0


def _is_range(value: object, most: float = 1e6) -> bool:
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    return all(_is_number(end, most) for end in value) and 0 < value[0] <= value[1]
