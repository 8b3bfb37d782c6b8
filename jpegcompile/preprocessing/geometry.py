"""How an image comes to a network's size: orientation, resize, mirror, crop, padding, flip.

The steps follow each other in that order. Each acts on rows and columns apart, so that all of them
together are one `AxisPlacement` for each axis of the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from jpegcompile.errors import ImageError, UsageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.preprocessing.fields import (
    boolean,
    crop_json,
    crop_of,
    fill_of,
    resize_json,
    resize_of,
)
from jpegcompile.preprocessing.steps import Corner, Crop, Filter, Resize, Size

Views = Literal["one", "five", "ten"]
VIEW_COUNTS: Mapping[Views, int] = {"one": 1, "five": 5, "ten": 10}

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
        is_scaled: whether frequencies of the file are dropped that hardly reach the outputs.
    """

    source: int
    target: int
    start: int
    length: int
    filter: Filter
    is_mirrored: bool = False
    is_flipped: bool = False
    is_scaled: bool = False

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
        crop: None where the size must then be the network's; `resize` with "pad" centers the image.
            Several views are crops: with them it is `Crop()` if not given.
        orientation: whether the EXIF orientation of a file is applied, first of all.
        mirror: whether the image is mirrored before it is cropped, left and right exchanged.
        flip: whether what the network sees is mirrored, last of all.
        fill: what is shown outside of the image, on the 0..255 scale: one value for every channel
            that the network takes, or one for each.
        views: how many parts of an image the network sees, one after the other: "five" are the
            corners and the middle, "ten" these of the image and of the mirrored image, in
            torchvision's order. `place` says where the middle of them is.

    Raises:
        UsageError: if fields do not go with each other.
    """

    resize: Resize | None = None
    crop: Crop | None = None
    orientation: bool = False
    mirror: bool = False
    flip: bool = False
    fill: tuple[float, ...] = (0.0,)
    views: Views = "one"

    def __post_init__(self) -> None:
        """Refuse views that are not there, or need another crop."""
        if self.views not in get_args(Views):
            raise UsageError(f"views is {self.views!r}; use one, five or ten")
        if self.resize is not None and self.resize.fit == "long" and self.crop is None:
            raise UsageError('resize.fit is "long", which leaves room; set crop to "center"')
        if self.views != "one":
            if self.crop is None:
                object.__setattr__(self, "crop", Crop())
            elif self.crop.position != "center":
                raise UsageError(
                    f'views is "{self.views}", which are crops of their own; set crop.position to'
                    ' "center"'
                )

    def require(self, network: Size, channels: int) -> None:
        """Refuse a network for which this is not meant.

        Args:
            network: (height, width) of its input.
            channels: of its input.

        Raises:
            UsageError: if a size is not the network's, or the fill has other channels.
        """
        resize, crop = self.resize, self.crop
        named: list[tuple[str, object]] = [("crop.size", crop.size if crop else None)]
        if resize is not None and resize.fit == "exact" and crop is None:
            named.append(("resize.size", resize.size))
        for name, size in named:
            if size is not None and size != network:
                raise UsageError(
                    f"preprocessing has {name} {size} but the model takes {network}, as (height,"
                    f" width); leave {name} out for the model's, or compile with that input size"
                )
        if len(self.fill) not in (1, channels):
            raise UsageError(
                f'preprocessing has {len(self.fill)} values in "fill" but the model takes'
                f" {channels} channels; give one for each"
            )

    @property
    def takes_any_size(self) -> bool:
        """Whether images need not be of the network's size."""
        return self.resize is not None or self.crop is not None

    def may_fill(self, network: Size) -> bool:
        """Whether there are sizes of images for which a network of that size sees the fill."""
        resize, crop = self.resize, self.crop or Crop()
        if resize is None or resize.fit in ("pad", "long"):
            return self.takes_any_size
        if resize.fit == "exact":
            # Of that size whatever the image's is.
            resized = resize.size_of(network, network)
            spots = zip(crop.start(resized, network), resized, network, strict=True)
            return any(not 0 <= start <= side - wanted for start, side, wanted in spots)
        is_anywhere = not isinstance(crop.position, str)
        return is_anywhere or (isinstance(resize.size, int) and resize.size < max(network))

    @property
    def is_scaled(self) -> bool:
        """Whether frequencies are dropped that hardly reach the result."""
        return self.resize is not None and self.resize.scaled_decoding

    def require_integers(self) -> None:
        """Refuse what 8-bit pixels cannot be, or Pillow does not do with them.

        Raises:
            UsageError: saying what to give in its place.
        """
        library = "pillow" if self.resize is None else self.resize.filter.library
        if library != "pillow":
            raise UsageError(
                "decoder libjpeg-turbo resizes 8-bit pixels as Pillow does, and the preprocessing"
                f" resizes as {library}; set resize.library to pillow, or use decoder float"
            )
        if self.is_scaled:
            raise UsageError(
                "decoder libjpeg-turbo decodes all frequencies, and resize.scaled_decoding drops"
                " some; leave it out, or use decoder float"
            )
        for value in self.fill:
            if value not in range(256):
                raise UsageError(
                    f"fill is {value}; with decoder libjpeg-turbo give whole numbers from 0 to 255"
                )

    @property
    def view_count(self) -> int:
        """How many views of an image the network sees."""
        return VIEW_COUNTS[self.views]

    def each_view(self) -> tuple[Geometry, ...]:
        """The same for one view each; ten of them for "ten"."""
        if self.views == "one":
            return (self,)
        assert self.crop is not None
        crop = self.crop
        five = tuple(
            replace(self, views="one", crop=replace(crop, position=corner)) for corner in _CORNERS
        )
        if self.views == "five":
            return five
        return five + tuple(replace(view, mirror=not view.mirror) for view in five)

    def place(self, frame: Frame, network: Size) -> Placement:
        """Where an image comes to stand.

        Args:
            frame: of the image's file.
            network: (height, width) of the network's input.

        Raises:
            ImageError: if the image then has another size than the network's.
        """
        exchanged, *mirrored = _ORIENTATIONS[frame.orientation if self.orientation else 1]
        image = frame.size[::-1] if exchanged else frame.size
        resized = image if self.resize is None else self._resized(image, network, frame)
        start = self._start(resized, network, frame)
        grows = any(made > had for made, had in zip(resized, image, strict=True))
        chosen = Filter() if self.resize is None else self.resize.filter.where(grows)
        is_mirrored = tuple(mirrored[::-1] if exchanged else mirrored)
        is_flipped = (False, self.flip != self.mirror)
        rows, columns = (
            AxisPlacement(
                image[axis],
                resized[axis],
                start[axis],
                network[axis],
                chosen,
                is_mirrored[axis],
                is_flipped[axis],
                self.is_scaled,
            )
            for axis in range(2)
        )
        return Placement(rows, columns, exchanged)

    def _resized(self, image: Size, network: Size, frame: Frame) -> Size:
        assert self.resize is not None
        height, width = self.resize.size_of(image, network)
        if min(height, width) < 1:
            raise ImageError(
                f"is {frame.width}x{frame.height}, too narrow for its long side to be resized to"
                f" {max(height, width)} pixels; crop it first"
            )
        if not self.resize.is_possible(image, (height, width)):
            raise ImageError(
                f"is {frame.width}x{frame.height}, of which filter dct makes whole eighths and"
                f" not {width}x{height}; resize it by another filter"
            )
        return height, width

    def _start(self, resized: Size, network: Size, frame: Frame) -> Size:
        """(top, left) of what the network sees, within the resized image that is not mirrored."""
        spare = [side - wanted for side, wanted in zip(resized, network, strict=True)]
        if self.crop is not None:
            top, left = self.crop.start(resized, network)
        elif self.resize is not None and self.resize.fit == "pad":
            top, left = (round(rest / 2) for rest in spare)
        elif resized == network:
            top, left = 0, 0
        else:
            raise ImageError(self._size_differs(frame, resized, network))
        return top, spare[1] - left if self.mirror else left

    def _size_differs(self, frame: Frame, resized: Size, network: Size) -> str:
        remedy = 'compile it with a --preprocess that has "resize", or give images of that size'
        done = "turned to"
        if self.resize is not None:
            remedy = 'compile it with a --preprocess that has a "crop" beside its "resize"'
            done = "resized to"
        made = "" if resized == frame.size else f", {done} {resized[1]}x{resized[0]},"
        return (
            f"is {frame.width}x{frame.height}{made} but the model takes {network[1]}x{network[0]};"
            f" {remedy}"
        )


GEOMETRY_FIELDS = frozenset(field.name for field in fields(Geometry))


def geometry_json(geometry: Geometry) -> dict[str, Any]:
    """JSON-ready data that `geometry_of` reads back: the fields that are not the default."""
    data: dict[str, Any] = {}
    if geometry.resize is not None:
        data["resize"] = resize_json(geometry.resize)
    if geometry.crop is not None:
        data["crop"] = crop_json(geometry.crop)
    default = Geometry()
    for name in ("orientation", "mirror", "flip", "views"):
        if getattr(geometry, name) != getattr(default, name):
            data[name] = getattr(geometry, name)
    if geometry.fill != default.fill:
        data["fill"] = list(geometry.fill)
    return data


def geometry_of(data: Mapping[str, Any], base: Geometry | None = None) -> Geometry:
    """The geometry of such data; other fields of the data are left alone.

    Args:
        data: as `geometry_json` gives it; "resize" may be its size alone, "crop" a position alone,
            and "fill" one number.
        base: where fields come from that the data does not have.

    Raises:
        UsageError: naming the field that is of another type or out of range.
    """
    given = {name: data[name] for name in GEOMETRY_FIELDS if name in data}
    for name, make in (("resize", resize_of), ("crop", crop_of)):
        if given.get(name) is not None:
            given[name] = make(given[name])
    if "fill" in given:
        given["fill"] = fill_of(given["fill"])
    for name in ("orientation", "mirror", "flip"):
        if name in given:
            given[name] = boolean(given[name], name)
    return replace(base or Geometry(), **given)
