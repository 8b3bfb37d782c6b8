"""The steps that bring an image to another size: resizing it, and cropping or padding it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from jpegcompile.errors import UsageError

Library = Literal["pillow", "opencv", "tensorflow", "torchvision", "onnxruntime", "jpegcompile"]
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
    "bilinear-inside",
    "bicubic-inside",
    "catmull-rom",
    "catmull-rom-inside",
]
Fit = Literal["short", "long", "exact", "pad"]
Corner = Literal["center", "top-left", "top-right", "bottom-left", "bottom-right"]
Rounding = Literal["even", "down"]
Size = tuple[int, int]

# JPEG files have no longer sides.
LARGEST_SIDE = 65535
INTERPOLATIONS: Mapping[Library, tuple[Interpolation, ...]] = {
    "pillow": ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"),
    "opencv": ("nearest", "bilinear", "bicubic", "lanczos", "area"),
    "tensorflow": ("nearest", "bilinear", "bicubic", "area"),
    "torchvision": ("nearest", "nearest-exact", "bilinear", "bicubic"),
    # Modes of the operator Resize: "bicubic" has cubic_coeff_a -0.75, "catmull-rom" -0.5; those
    # that end in "-inside" have exclude_outside.
    "onnxruntime": (
        *("bilinear", "bilinear-inside", "bicubic", "bicubic-inside"),
        *("catmull-rom", "catmull-rom-inside"),
    ),
    # Keeps m of 8 frequencies of each block: an image shrinks to m eighths of its size.
    "jpegcompile": ("dct",),
}
# Those that can be told whether to antialias.
HAVE_CHOICE: tuple[Library, ...] = ("torchvision", "onnxruntime")
# Pixels along a block, of which "dct" makes 1 to 8.
DCT_BLOCK = 8
# What reports say of it; `dct/axis_operator.py` has the error.
SCALED_DECODING = (
    "scaled decoding: an axis that shrinks to half or less takes 2 or 4 of the 8 frequencies of"
    " each block, where photographs are then off by 0.2 of 255 levels or less (root mean square)"
)


def no_choice(library: str) -> str:
    """What is said where a library that has no choice is told whether to antialias."""
    return (
        f"resize.antialias is for {' and '.join(HAVE_CHOICE)}, and {library} has no choice; leave"
        " it out, or set resize.library to one of these"
    )


@dataclass(frozen=True)
class Filter:
    """How an axis is resampled.

    Attributes:
        name: of the interpolation.
        library: whose definition of it is meant; `INTERPOLATIONS` lists what each one has.
        antialias: of "torchvision" and "onnxruntime" alone: whether the window grows as the image
            shrinks, as it always does in Pillow and never does in OpenCV and tf.image.

    Raises:
        UsageError: if the library has no such interpolation, naming those that it has, or has no
            choice whether to antialias.
    """

    name: Interpolation = "bilinear"
    library: Library = "pillow"
    antialias: bool = True

    def __post_init__(self) -> None:
        """Check the names."""
        if self.library not in INTERPOLATIONS:
            known = ", ".join(INTERPOLATIONS)
            raise UsageError(f"resize.library is {self.library!r}; use one of {known}")
        if self.name not in (*INTERPOLATIONS[self.library], self._enlarging):
            raise UsageError(self.unknown)
        if not self.antialias and self.library not in HAVE_CHOICE:
            raise UsageError(no_choice(self.library))

    @property
    def _enlarging(self) -> Interpolation | None:
        """What `where` may make of a filter of that library; nobody asks for it by name."""
        return "area-enlarging" if self.library == "opencv" else None

    @property
    def unknown(self) -> str:
        """What is said of a name that the library does not have."""
        known = ", ".join(INTERPOLATIONS[self.library])
        return f"resize.filter is {self.name!r}; {self.library} has {known}"

    @property
    def is_antialiased(self) -> bool:
        """Whether the window grows as the image shrinks."""
        if self.library in HAVE_CHOICE:
            return self.antialias and self.name not in ("nearest", "nearest-exact")
        if self.library == "pillow":
            return self.name != "nearest"
        return self.name in ("area", "dct")

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
            image to `size`, whatever its aspect ratio; "pad" keeps the aspect ratio, makes the
            image as large as fits into `size`, and centers it as Pillow's ImageOps.pad does;
            "long" does so as timm's crop mode "border", and leaves the place to the crop.
        size: the short side, or (height, width); None for the network's size divided by
            `crop_ratio`.
        crop_ratio: the part of each side that the network sees.
        filter: how to resample.
        scaled_decoding: whether an axis that shrinks to half or less takes the low frequencies of
            each block alone, where the others hardly reach the result (`dct/axis_operator.py`).

    Raises:
        UsageError: if the fields are out of range, or do not go with each other.
    """

    fit: Fit = "short"
    size: int | Size | None = None
    crop_ratio: float = 1.0
    filter: Filter = Filter()
    scaled_decoding: bool = False

    def __post_init__(self) -> None:
        """Check the fields, and make one number the two sides of what is no short side."""
        if self.fit not in get_args(Fit):
            raise UsageError(f"resize.fit is {self.fit!r}; use {', '.join(get_args(Fit))}")
        if self.filter.name not in INTERPOLATIONS[self.filter.library]:
            raise UsageError(self.filter.unknown)
        if self.fit == "short" and isinstance(self.size, tuple):
            raise UsageError(
                f"resize.size is {list(self.size)} but a short side is one number; give one, or"
                ' set resize.fit to "exact"'
            )
        if self.fit != "short" and isinstance(self.size, int):
            object.__setattr__(self, "size", (self.size, self.size))
        sizes = self.size if isinstance(self.size, tuple) else (self.size or 1,)
        if self.size == 0 or not all(1 <= size <= LARGEST_SIDE for size in sizes):
            raise UsageError(
                f"resize.size is {self.size}; give pixels, each from 1 to {LARGEST_SIDE}"
            )
        if not 0 < self.crop_ratio <= 1:
            raise UsageError(
                f"resize.crop_ratio is {self.crop_ratio}; give more than 0 and at most 1"
            )
        if self.crop_ratio != 1 and (self.size is not None or self.fit == "pad"):
            raise UsageError(
                "resize.crop_ratio divides the network's size;"
                ' leave resize.size out, and resize.fit other than "pad"'
            )
        if self.scaled_decoding and not self.filter.is_antialiased:
            raise UsageError(
                "resize.scaled_decoding drops what an antialiasing filter averages out, and"
                f" {self.filter.library}'s {self.filter.name} does not antialias; leave it out, or"
                " choose another filter"
            )

    def is_possible(self, image: Size, resized: Size) -> bool:
        """Whether the filter brings an image of one size to another one."""
        if self.filter.name != "dct":
            return True
        pairs = list(zip(image, resized, strict=True))
        return all(DCT_BLOCK * new % old == 0 and new <= old for old, new in pairs)

    def size_of(self, image: Size, network: Size) -> Size:
        """(height, width) that an image of (height, width) is brought to for a network's."""
        if isinstance(self.size, int):
            return _with_short_side(image, self.size)
        height, width = self.size or (math.floor(side / self.crop_ratio) for side in network)
        if self.fit == "exact":
            return height, width
        if self.fit == "pad":
            return _contained(image, (height, width))
        if self.fit == "short" and height == width:
            return _with_short_side(image, height)
        return _scaled(image, (height, width), covers=self.fit == "short")


def _with_short_side(image: Size, side: int) -> Size:
    """As torchvision's Resize and Hugging Face's shortest_edge: the long side is rounded down."""
    height, width = image
    if width <= height:
        return int(side * height / width), side
    return side, int(side * width / height)


def _scaled(image: Size, size: Size, covers: bool) -> Size:
    """As timm's ResizeKeepRatio: the image covers that size, or fits into it."""
    ratios = [side / wanted for side, wanted in zip(image, size, strict=True)]
    ratio = min(ratios) if covers else max(ratios)
    return round(image[0] / ratio), round(image[1] / ratio)


def _contained(image: Size, most: Size) -> Size:
    """As Pillow's ImageOps.contain."""
    height, width = image
    ratio, wanted = width / height, most[1] / most[0]
    if ratio > wanted:
        return round(height / width * most[1]), most[1]
    if ratio < wanted:
        return most[0], round(width / height * most[0])
    return most


@dataclass(frozen=True)
class Crop:
    """Which part of the resized image the network sees; what is outside of the image is filled.

    Attributes:
        position: "center", a corner, or (top, left) in pixels, negative ones being outside.
        rounding: what becomes of half a pixel in the middle: "even" rounds it to the even neighbour
            as torchvision and timm do, "down" as TensorFlow and Hugging Face do. What is missing of
            an image is filled on both sides, the smaller half before it.
        size: (height, width) that the network must have; None for any.

    Raises:
        UsageError: if the fields are out of range.
    """

    position: Corner | tuple[int, int] = "center"
    rounding: Rounding = "even"
    size: Size | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        if isinstance(self.position, str) and self.position not in get_args(Corner):
            raise UsageError(
                f"crop.position is {self.position!r}; use {', '.join(get_args(Corner))},"
                " or [top, left] in pixels"
            )
        if not isinstance(self.position, str) and max(map(abs, self.position)) > LARGEST_SIDE:
            raise UsageError(
                f"crop.position is {list(self.position)}; give at most {LARGEST_SIDE} pixels"
            )
        if self.rounding not in get_args(Rounding):
            raise UsageError(f"crop.rounding is {self.rounding!r}; use even or down")
        if self.size is not None and not all(1 <= side <= LARGEST_SIDE for side in self.size):
            raise UsageError(
                f"crop.size is {list(self.size)}; give pixels, each from 1 to {LARGEST_SIDE}"
            )

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
            return -(-spare // 2)
        return round(spare / 2) if self.rounding == "even" else spare // 2
