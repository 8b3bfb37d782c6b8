"""How an image of any size comes to a network's size: orientation, resize, crop, padding, flip.

The steps follow each other in that order. Each acts on rows and columns apart, so that all of them
together are one `AxisPlacement` for each axis of the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from jpegcompile.errors import ImageError, UsageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.preprocessing.steps import (
    Corner,
    Crop,
    Filter,
    Resize,
    Size,
    crop_of,
    fill_of,
    resize_of,
)

Views = Literal["one", "five", "ten"]

# EXIF orientation (Exif 2.32, 4.6.4, tag 0x0112): whether the displayed image is the stored one
# with rows and columns exchanged, and which of the *stored* axes, rows and columns, run backwards.
_ORIENTATIONS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}
_CORNERS: tuple[Corner, ...] = ("top-left", "top-right", "bottom-left", "bottom-right", "center")


@dataclass(frozen=True)
class AxisPlacement:
    """One stored axis of an image, on its way to an axis of the network's input.

    Attributes:
        source: pixels of the axis in the file.
        target: pixels that it is resized to.
        start: the resized pixel that the first output shows; outputs outside of [0, target) show
            the fill.
        length: number of outputs.
        filter: how it is resampled.
        is_mirrored: whether it is read from its end: resizing begins there.
        is_flipped: whether the outputs stand in reverse order.
    """

    source: int
    target: int
    start: int
    length: int
    filter: Filter
    is_mirrored: bool = False
    is_flipped: bool = False

    @classmethod
    def whole(cls, size: int) -> AxisPlacement:
        """An axis as it is."""
        return cls(size, size, 0, size, Filter())

    @property
    def is_inside(self) -> bool:
        """Whether no output shows the fill."""
        return self.start >= 0 and self.start + self.length <= self.target


@dataclass(frozen=True)
class Placement:
    """An image on its way to a network's input.

    Attributes:
        rows: the stored axis that the rows of the network's input are made of.
        columns: the stored axis that its columns are made of.
        is_transposed: whether its rows are made of the stored columns.
    """

    rows: AxisPlacement
    columns: AxisPlacement
    is_transposed: bool = False

    @property
    def is_inside(self) -> bool:
        """Whether no output shows the fill."""
        return self.rows.is_inside and self.columns.is_inside


@dataclass(frozen=True)
class Geometry:
    """How images of any size come to a network's size.

    Attributes:
        resize: None to leave the size as it is.
        crop: None where the size must then be the network's; `resize` with "pad" centres the image.
        orientation: whether the EXIF orientation of a file is applied, first of all.
        flip: whether the network sees the mirror image, left and right exchanged.
        fill: what is shown outside of the image, on the 0..255 scale: one value for every channel
            that the network takes, or one for each.
        views: how many parts of an image the network sees: "five" are the corners and the middle,
            "ten" these and their mirror images, in torchvision's order.
    """

    resize: Resize | None = None
    crop: Crop | None = None
    orientation: bool = False
    flip: bool = False
    fill: tuple[float, ...] = (0.0,)
    views: Views = "one"

    def __post_init__(self) -> None:
        """Refuse views that are not there, or need another crop.

        Raises:
            UsageError: saying what is known.
        """
        if self.views not in get_args(Views):
            raise UsageError(f"views is '{self.views}'; use one, five or ten")
        if self.views != "one" and self.crop != Crop(rounding=(self.crop or Crop()).rounding):
            raise UsageError(f"{self.views} views are crops of their own; set crop to center")

    @property
    def takes_any_size(self) -> bool:
        """Whether images need not be of the network's size."""
        return self.resize is not None or self.crop is not None

    def may_fill(self, network: Size) -> bool:
        """Whether there are sizes of images for which a network of that size sees the fill."""
        if self.resize is None or self.resize.fit == "pad":
            return self.takes_any_size
        if self.crop is not None and not isinstance(self.crop.position, str):
            return True
        size = self.resize.size
        sides = size if isinstance(size, tuple) else (size, size)
        return any(s is not None and s < n for s, n in zip(sides, network, strict=True))

    def each_view(self) -> tuple[Geometry, ...]:
        """The same for one view each; ten of them for "ten"."""
        if self.views == "one":
            return (self,)
        crop = self.crop or Crop()
        five = tuple(
            replace(self, views="one", crop=replace(crop, position=corner)) for corner in _CORNERS
        )
        if self.views == "five":
            return five
        return five + tuple(replace(view, flip=not view.flip) for view in five)

    def place(self, frame: Frame, network: Size) -> Placement:
        """Where an image comes to stand.

        Args:
            frame: of the image's file.
            network: (height, width) of the network's input.

        Raises:
            ImageError: if the image then has another size than the network's.
        """
        exchanged, *mirrored = _ORIENTATIONS[frame.orientation if self.orientation else 1]
        height, width = frame.size[::-1] if exchanged else frame.size
        resized = (height, width)
        if self.resize is not None:
            resized = self.resize.size_of(resized, network)
            if min(resized) < 1:
                raise ImageError(
                    f"is {frame.width}x{frame.height}, too narrow for its short side to be resized"
                    f" to {max(resized)}; crop it first"
                )
            if not self.resize.is_possible((height, width), resized):
                raise ImageError(
                    f"is {frame.width}x{frame.height}, of which filter dct makes whole eighths and"
                    f" not {resized[1]}x{resized[0]}; resize it by another filter"
                )
        crop = self.crop
        if crop is None and self.resize is not None and self.resize.fit == "pad":
            crop = Crop(rounding="down")
        if crop is None and resized != network:
            raise ImageError(_size_differs(frame, resized, network))
        start = (0, 0) if crop is None else crop.start(resized, network)
        grows = any(made > had for made, had in zip(resized, (height, width), strict=True))
        chosen = Filter() if self.resize is None else self.resize.filter.where(grows)
        is_mirrored = tuple(mirrored[::-1] if exchanged else mirrored)
        rows, columns = (
            AxisPlacement(
                (height, width)[axis],
                resized[axis],
                start[axis],
                network[axis],
                chosen,
                is_mirrored[axis],
                self.flip and axis == 1,
            )
            for axis in range(2)
        )
        return Placement(rows, columns, exchanged)


def _size_differs(frame: Frame, resized: Size, network: Size) -> str:
    made = "" if resized == frame.size else f", resized to {resized[1]}x{resized[0]},"
    return (
        f"is {frame.width}x{frame.height}{made} but the model takes {network[1]}x{network[0]};"
        ' compile it with a --preprocess that has "resize", or give images of that size'
    )


GEOMETRY_FIELDS = frozenset(field.name for field in fields(Geometry))


def geometry_json(geometry: Geometry) -> dict[str, Any]:
    """JSON-ready data that `geometry_of` reads back: the fields that are not the default."""
    data = asdict(geometry)
    if data["resize"] is not None:
        data["resize"] |= data["resize"].pop("filter")
        data["resize"]["filter"] = data["resize"].pop("name")
    default = asdict(Geometry())
    return {name: value for name, value in data.items() if value != default[name]}


def geometry_of(data: Mapping[str, Any], base: Geometry | None = None) -> Geometry:
    """The geometry of such data; other fields of the data are left alone.

    Args:
        data: as `geometry_json` gives it; "resize" may be a short side alone, "crop" a position
            alone, and "fill" one number.
        base: where fields come from that the data does not have.

    Raises:
        UsageError: naming the field that is of another type or out of range.
    """
    given = {name: data[name] for name in GEOMETRY_FIELDS if name in data}
    for name, make in (("resize", resize_of), ("crop", crop_of), ("fill", fill_of)):
        if given.get(name) is not None:
            given[name] = make(given[name])
    for name in ("orientation", "flip"):
        if not isinstance(given.get(name, False), bool):
            raise UsageError(f"{name} is {given[name]!r}; use true or false")
    return replace(base or Geometry(), **given)
