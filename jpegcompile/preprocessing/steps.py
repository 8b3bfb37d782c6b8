"""The steps that bring an image to another size: resizing it, and cropping or padding it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from jpegcompile.errors import UsageError

Library = Literal["pillow", "opencv", "tensorflow", "torchvision", "jpegcompile"]
Interpolation = Literal[
    "nearest",
    "nearest-exact",
    "box",
    "bilinear",
    "hamming",
    "bicubic",
    "lanczos",
    "area",
    "area-enlarging",
    "dct",
]
Fit = Literal["short", "exact", "pad"]
Corner = Literal["center", "top-left", "top-right", "bottom-left", "bottom-right"]
Rounding = Literal["even", "down"]
Size = tuple[int, int]

INTERPOLATIONS: Mapping[Library, tuple[Interpolation, ...]] = {
    "pillow": ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"),
    "opencv": ("nearest", "bilinear", "bicubic", "lanczos", "area", "area-enlarging"),
    "tensorflow": ("nearest", "bilinear", "bicubic", "area"),
    "torchvision": ("nearest", "nearest-exact", "bilinear", "bicubic"),
    # Keeps m of 8 frequencies of each block: an image shrinks to m eighths of its size.
    "jpegcompile": ("dct",),
}
# Pixels along a block, of which "dct" makes 1 to 8.
DCT_BLOCK = 8


@dataclass(frozen=True)
class Filter:
    """How an axis is resampled.

    Attributes:
        name: of the interpolation.
        library: whose definition of it is meant; `INTERPOLATIONS` lists what each one has.
        antialias: of "torchvision" alone: whether the window grows as the image shrinks, as it
            always does in Pillow and never does in OpenCV and tf.image.
    """

    name: Interpolation = "bilinear"
    library: Library = "pillow"
    antialias: bool = True

    def __post_init__(self) -> None:
        """Refuse what the library does not have.

        Raises:
            UsageError: naming what it has.
        """
        if self.library not in INTERPOLATIONS:
            known = ", ".join(INTERPOLATIONS)
            raise UsageError(f"resize library is '{self.library}'; use one of {known}")
        names = INTERPOLATIONS[self.library]
        if self.name not in names:
            raise UsageError(
                f"resize filter is '{self.name}'; {self.library} has {', '.join(names)}"
            )

    def where(self, grows: bool) -> Filter:
        """The filter of both axes of an image, one of which grows or none.

        OpenCV's "area" is a mean only where neither does.
        """
        if self.library == "opencv" and self.name == "area" and grows:
            return replace(self, name="area-enlarging")
        return self


@dataclass(frozen=True)
class Resize:
    """Bring an image to another size.

    Attributes:
        fit: "short" keeps the aspect ratio and brings the short side to `size`; "exact" brings the
            image to `size`, whatever its aspect ratio; "pad" keeps the aspect ratio and makes the
            image as large as fits into `size`.
        size: the short side, or (height, width); None for the network's size, which "short"
            divides by `crop_ratio` first.
        crop_ratio: the part of the short side that the network sees.
        filter: how to resample.
    """

    fit: Fit = "short"
    size: int | Size | None = None
    crop_ratio: float = 1.0
    filter: Filter = Filter()

    def __post_init__(self) -> None:
        """Refuse sizes that do not go with `fit`.

        Raises:
            UsageError: saying which do.
        """
        if self.fit not in get_args(Fit):
            raise UsageError(f"resize fit is '{self.fit}'; use short, exact or pad")
        if self.fit == "short" and isinstance(self.size, tuple):
            raise UsageError("resize to a short side takes one size; give a number, or fit exact")
        if self.fit != "short" and isinstance(self.size, int):
            object.__setattr__(self, "size", (self.size, self.size))
        sizes = self.size if isinstance(self.size, tuple) else (self.size or 1,)
        if not all(1 <= size <= 65535 for size in sizes):
            raise UsageError("resize size is out of range; give pixels, from 1 to 65535")
        if not 0 < self.crop_ratio <= 1:
            raise UsageError(f"crop_ratio is {self.crop_ratio}; give more than 0 and at most 1")

    def is_possible(self, image: Size, resized: Size) -> bool:
        """Whether the filter brings an image of one size to another one."""
        if self.filter.name != "dct":
            return True
        pairs = list(zip(image, resized, strict=True))
        return all(DCT_BLOCK * new % old == 0 and new <= old for old, new in pairs)

    def size_of(self, image: Size, network: Size) -> Size:
        """(height, width) that an image of (height, width) is brought to for a network's."""
        if self.fit == "exact":
            return self.size if isinstance(self.size, tuple) else network
        if self.fit == "pad":
            return _contained(image, self.size if isinstance(self.size, tuple) else network)
        if isinstance(self.size, int):
            return _with_short_side(image, self.size)
        sides = [math.floor(side / self.crop_ratio) for side in network]
        if sides[0] == sides[1]:
            return _with_short_side(image, sides[0])
        return _covering(image, (sides[0], sides[1]))


def _with_short_side(image: Size, side: int) -> Size:
    """As torchvision's Resize, which rounds the long side down."""
    height, width = image
    if width <= height:
        return int(side * height / width), side
    return side, int(side * width / height)


def _covering(image: Size, least: Size) -> Size:
    """The smallest size of the same aspect ratio that has both sides."""
    ratio = max(wanted / side for wanted, side in zip(least, image, strict=True))
    height, width = (
        max(wanted, int(side * ratio)) for wanted, side in zip(least, image, strict=True)
    )
    return height, width


def _contained(image: Size, most: Size) -> Size:
    """As Pillow's ImageOps.contain."""
    height, width = image
    if width * most[0] > height * most[1]:
        return max(1, round(height / width * most[1])), most[1]
    if width * most[0] < height * most[1]:
        return most[0], max(1, round(width / height * most[0]))
    return most


@dataclass(frozen=True)
class Crop:
    """Which part of the resized image the network sees; what is outside of the image is filled.

    Attributes:
        position: "center", a corner, or (top, left) in pixels, negative ones being outside.
        rounding: what becomes of half a pixel in the middle: "even" rounds it to the even neighbour
            as torchvision does, "down" as TensorFlow and Hugging Face do.
    """

    position: Corner | tuple[int, int] = "center"
    rounding: Rounding = "even"

    def __post_init__(self) -> None:
        """Refuse what is no position.

        Raises:
            UsageError: saying what is one.
        """
        if isinstance(self.position, str) and self.position not in get_args(Corner):
            raise UsageError(
                f"crop position is '{self.position}'; use {', '.join(get_args(Corner))},"
                " or [top, left] in pixels"
            )
        if self.rounding not in get_args(Rounding):
            raise UsageError(f"crop rounding is '{self.rounding}'; use even or down")

    def start(self, image: Size, network: Size) -> tuple[int, int]:
        """(top, left) of the part, within an image of (height, width)."""
        if not isinstance(self.position, str):
            return self.position
        spare = [side - wanted for side, wanted in zip(image, network, strict=True)]
        if self.position == "center":
            top, left = (self._middle(rest) for rest in spare)
            return top, left
        vertical, horizontal = self.position.split("-")
        return spare[0] if vertical == "bottom" else 0, spare[1] if horizontal == "right" else 0

    def _middle(self, spare: int) -> int:
        if spare < 0:
            # torchvision pads first, with the smaller half before the image.
            return -(-spare // 2)
        return round(spare / 2) if self.rounding == "even" else spare // 2


def resize_of(data: Any) -> Resize:
    """A resize of its JSON form, or of the short side alone.

    Raises:
        UsageError: naming the field that is of another type or out of range.
    """
    given = dict(data) if isinstance(data, Mapping) else {"size": data}
    _require_known(given, "resize", {"fit", "size", "crop_ratio", "filter", "library", "antialias"})
    size, ratio = given.get("size"), given.get("crop_ratio", 1.0)
    if isinstance(size, list | tuple) and len(size) == 2:
        size = tuple(_integer(side, "resize size") for side in size)
    elif size is not None:
        size = _integer(size, "resize size")
    if isinstance(ratio, bool) or not isinstance(ratio, int | float):
        raise UsageError(f"crop_ratio is {ratio!r}; give a number")
    chosen = Filter(
        given.get("filter", "bilinear"),
        given.get("library", "pillow"),
        given.get("antialias", True),
    )
    fit = given.get("fit", "exact" if isinstance(size, tuple) else "short")
    return Resize(fit, size, float(ratio), chosen)


def crop_of(data: Any) -> Crop:
    """A crop of its JSON form, or of the position alone.

    Raises:
        UsageError: as `resize_of`.
    """
    given = dict(data) if isinstance(data, Mapping) else {"position": data}
    _require_known(given, "crop", {"position", "rounding"})
    position: Any = given.get("position", "center")
    if isinstance(position, list | tuple) and len(position) == 2:
        top, left = (_integer(place, "crop position") for place in position)
        position = (top, left)
    if not isinstance(position, str) and not isinstance(position, tuple):
        raise UsageError(f"crop position is {position!r}; give its name, or [top, left] in pixels")
    corner: Any = position
    return Crop(corner, given.get("rounding", "even"))


def fill_of(data: Any) -> tuple[float, ...]:
    """A fill of its JSON form, one number or a list of them.

    Raises:
        UsageError: if it is something else.
    """
    values = data if isinstance(data, list | tuple) else [data]
    if not values or any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        raise UsageError(f"fill is {data!r}; give a number from 0 to 255, or one for each channel")
    return tuple(float(value) for value in values)


def _integer(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{name} is {value!r}; give whole pixels")
    return value


def _require_known(data: Mapping[str, Any], name: str, known: set[str]) -> None:
    unknown = sorted(map(str, set(data) - known))
    if unknown:
        raise UsageError(
            f"{name}: unknown field '{unknown[0]}'; known are {', '.join(sorted(known))}"
        )
