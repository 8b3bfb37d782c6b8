"""Resize, crop and pad: the steps that change the size of an image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.preprocessing.resized_sizes import contained, keeping_ratio, with_short_side

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

# The longest side that a JPEG file can have.
LARGEST_SIDE = 65535
INTERPOLATIONS: Mapping[Library, tuple[Interpolation, ...]] = {
    "pillow": ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"),
    "opencv": ("nearest", "bilinear", "bicubic", "lanczos", "area"),
    "tensorflow": ("nearest", "bilinear", "bicubic", "area"),
    "torchvision": ("nearest", "nearest-exact", "bilinear", "bicubic"),
    # Modes of the Resize operator. cubic_coeff_a is -0.75 for "bicubic" and -0.5 for "catmull-rom".
    # The suffix "-inside" means exclude_outside.
    "onnxruntime": (
        *("bilinear", "bilinear-inside", "bicubic", "bicubic-inside"),
        *("catmull-rom", "catmull-rom-inside"),
    ),
    # Keeps m of the 8 frequencies of each block, which shrinks an image to m eighths of its size.
    "jpegcompile": ("dct",),
}
# Libraries whose resize has an antialias option.
HAVE_CHOICE: tuple[Library, ...] = ("torchvision", "onnxruntime")
# Pixels along a block. "dct" reduces them to 1 to 8 pixels.
DCT_BLOCK = 8
# Note in reports. `dct/axis_operator.py` states the error.
SCALED_DECODING = Message(
    "scaled-decoding",
    "scaled decoding: an axis that shrinks to half or less uses 2 or 4 of the 8 frequencies of each"
    " block; the error on photographs is at most 0.2 of 255 levels (root mean square)",
)


def no_choice(library: str) -> Message:
    """Return the message for `antialias` with a library that does not have this option.

    Args:
        library: name of the library.
    """
    return Message(
        "resize-antialias-not-optional",
        f"resize.antialias is an option of {' and '.join(HAVE_CHOICE)}, not of {library}; leave it"
        f" out, or set resize.library to {' or '.join(HAVE_CHOICE)}",
    )


@dataclass(frozen=True)
class Filter:
    """How an axis is resampled.

    Attributes:
        name: name of the interpolation.
        library: library that defines the interpolation; `INTERPOLATIONS` lists the interpolations
            of each library.
        antialias: whether the filter window grows as the image shrinks. Only an option of
            "torchvision" and "onnxruntime". Pillow always antialiases; OpenCV and tf.image never
            do.

    Raises:
        UsageError: if the library is unknown, has no such interpolation, or has no antialias option
            and `antialias` is False.
    """

    name: Interpolation = "bilinear"
    library: Library = "pillow"
    antialias: bool = True

    def __post_init__(self) -> None:
        """Check the names."""
        if self.library not in INTERPOLATIONS:
            known = ", ".join(INTERPOLATIONS)
            raise UsageError(
                Message(
                    "resize-library-unknown",
                    f"resize.library is {self.library!r}; use one of {known}",
                )
            )
        if self.name not in (*INTERPOLATIONS[self.library], self._enlarging):
            raise UsageError(self.unknown)
        if not self.antialias and self.library not in HAVE_CHOICE:
            raise UsageError(no_choice(self.library))

    @property
    def _enlarging(self) -> Interpolation | None:
        """The name that `where` may set; users cannot set it."""
        return "area-enlarging" if self.library == "opencv" else None

    @property
    def unknown(self) -> Message:
        """The message for an interpolation that the library does not have."""
        known = ", ".join(INTERPOLATIONS[self.library])
        return Message(
            "resize-filter-unknown",
            f"resize.filter is {self.name!r}; for {self.library} use one of {known}",
        )

    @property
    def is_antialiased(self) -> bool:
        """Whether the filter window grows as the image shrinks."""
        if self.library in HAVE_CHOICE:
            return self.antialias and self.name not in ("nearest", "nearest-exact")
        if self.library == "pillow":
            return self.name != "nearest"
        return self.name in ("area", "dct")

    def where(self, grows: bool) -> Filter:
        """Return the filter for an image.

        OpenCV's "area" is a mean only if neither axis grows.

        Args:
            grows: whether an axis of the image grows.
        """
        if self.library == "opencv" and self.name == "area" and grows:
            return replace(self, name="area-enlarging")
        return self


@dataclass(frozen=True)
class Resize:
    """Resize an image.

    Attributes:
        fit: "short" keeps the aspect ratio and resizes the short side to `size`. "exact" resizes to
            `size` and may change the aspect ratio. "pad" keeps the aspect ratio, makes the image as
            large as fits into `size`, and centers it like Pillow's ImageOps.pad. "long" keeps the
            aspect ratio and fits the image into `size` like timm's crop mode "border"; the crop
            decides its position.
        size: the short side, or (height, width), in pixels. None means the network's size divided
            by `crop_ratio`.
        crop_ratio: fraction of each side that the network sees, greater than 0 and at most 1.
        filter: how to resample.
        scaled_decoding: whether an axis that shrinks to half or less uses only the low frequencies
            of each block, because the others hardly change the result (`dct/axis_operator.py`).

    Raises:
        UsageError: if a field is out of range, or fields contradict each other.
    """

    fit: Fit = "short"
    size: int | Size | None = None
    crop_ratio: float = 1.0
    filter: Filter = Filter()
    scaled_decoding: bool = False

    def __post_init__(self) -> None:
        """Check the fields; unless `fit` is "short", turn one number for `size` into a pair."""
        if self.fit not in get_args(Fit):
            raise UsageError(
                Message(
                    "resize-fit-unknown",
                    f"resize.fit is {self.fit!r}; use {', '.join(get_args(Fit))}",
                )
            )
        if self.filter.name not in INTERPOLATIONS[self.filter.library]:
            raise UsageError(self.filter.unknown)
        if self.fit == "short" and isinstance(self.size, tuple):
            raise UsageError(
                Message(
                    "resize-short-side-not-one-number",
                    f"resize.size is {list(self.size)}, but a short side is one number; give one"
                    ' number, or set resize.fit to "exact"',
                )
            )
        if self.fit != "short" and isinstance(self.size, int):
            object.__setattr__(self, "size", (self.size, self.size))
        sizes = self.size if isinstance(self.size, tuple) else (self.size or 1,)
        if self.size == 0 or not all(1 <= size <= LARGEST_SIDE for size in sizes):
            raise UsageError(
                Message(
                    "resize-size-out-of-range",
                    f"resize.size is {self.size}; give pixels, each from 1 to {LARGEST_SIDE}",
                )
            )
        if not 0 < self.crop_ratio <= 1:
            raise UsageError(
                Message(
                    "resize-crop-ratio-out-of-range",
                    f"resize.crop_ratio is {self.crop_ratio}; give a number greater than 0 and at"
                    " most 1",
                )
            )
        if self.crop_ratio != 1 and (self.size is not None or self.fit == "pad"):
            raise UsageError(
                Message(
                    "resize-crop-ratio-with-size",
                    "resize.crop_ratio divides the network's size; leave out resize.size, and do"
                    ' not set resize.fit to "pad"',
                )
            )
        if self.scaled_decoding and not self.filter.is_antialiased:
            raise UsageError(
                Message(
                    "scaled-decoding-without-antialias",
                    "resize.scaled_decoding requires an antialiasing filter, and"
                    f" {self.filter.library}'s {self.filter.name} does not antialias; leave it out,"
                    " or choose another filter",
                )
            )

    def is_possible(self, image: Size, resized: Size) -> bool:
        """Whether the filter can resize an image.

        Args:
            image: (height, width) of the image.
            resized: (height, width) of the result.
        """
        if self.filter.name != "dct":
            return True
        pairs = list(zip(image, resized, strict=True))
        return all(DCT_BLOCK * new % old == 0 and new <= old for old, new in pairs)

    def size_of(self, image: Size, network: Size) -> Size:
        """Return the (height, width) of the resized image.

        Args:
            image: (height, width) of the image.
            network: (height, width) of the network's input.
        """
        if isinstance(self.size, int):
            return with_short_side(image, self.size)
        height, width = self.size or (math.floor(side / self.crop_ratio) for side in network)
        if self.fit == "exact":
            return height, width
        if self.fit == "pad":
            return contained(image, (height, width))
        if self.fit == "short" and height == width:
            return with_short_side(image, height)
        return keeping_ratio(image, (height, width), covers=self.fit == "short")


@dataclass(frozen=True)
class Crop:
    """The part of the resized image that the network sees. Pixels outside the image are filled.

    Attributes:
        position: "center", a corner, or (top, left) in pixels. Negative pixels are outside the
            image.
        rounding: how a centered crop rounds half a pixel: "even" rounds to the even neighbor like
            torchvision and timm, "down" rounds down like TensorFlow and Hugging Face. If the image
            is too small, both sides are filled; the first side gets the smaller half.
        size: required (height, width) of the network; None for any size.

    Raises:
        UsageError: if a field is out of range.
    """

    position: Corner | tuple[int, int] = "center"
    rounding: Rounding = "even"
    size: Size | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        if isinstance(self.position, str) and self.position not in get_args(Corner):
            raise UsageError(
                Message(
                    "crop-position-unknown",
                    f"crop.position is {self.position!r}; use {', '.join(get_args(Corner))},"
                    " or [top, left] in pixels",
                )
            )
        if not isinstance(self.position, str) and max(map(abs, self.position)) > LARGEST_SIDE:
            raise UsageError(
                Message(
                    "crop-position-out-of-range",
                    f"crop.position is {list(self.position)}; give at most {LARGEST_SIDE} pixels",
                )
            )
        if self.rounding not in get_args(Rounding):
            raise UsageError(
                Message(
                    "crop-rounding-unknown",
                    f"crop.rounding is {self.rounding!r}; use even or down",
                )
            )
        if self.size is not None and not all(1 <= side <= LARGEST_SIDE for side in self.size):
            raise UsageError(
                Message(
                    "crop-size-out-of-range",
                    f"crop.size is {list(self.size)}; give pixels, each from 1 to {LARGEST_SIDE}",
                )
            )

    def start(self, image: Size, network: Size) -> tuple[int, int]:
        """Return (top, left) of the crop in the resized image.

        Args:
            image: (height, width) of the resized image.
            network: (height, width) of the network's input.
        """
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
