"""The geometry of preprocessing: orientation, resize, mirror, crop, padding and flip.

The steps run in this order. Each step acts on rows and columns separately, so together they are one
`AxisPlacement` per axis of the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from jpegcompile.errors import ImageError, UsageError
from jpegcompile.jpeg.frame import Frame
from jpegcompile.messages import Message
from jpegcompile.preprocessing.steps import Corner, Crop, Filter, Resize, Size

Views = Literal["one", "five", "ten"]
VIEW_COUNTS: Mapping[Views, int] = {"one": 1, "five": 5, "ten": 10}

# EXIF orientation (Exif 2.32, 4.6.4, tag 0x0112): (whether display exchanges rows and columns,
# whether the *stored* rows are reversed, whether the *stored* columns are reversed).
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
    """How one stored axis of an image becomes an axis of the network's input.

    Attributes:
        source: pixels of the axis that are resized: all pixels in the file, or those of a box.
        target: pixels of the axis after the resize.
        start: resized pixel at the first output. Outputs outside [0, target) show the fill.
        length: number of outputs.
        filter: how the axis is resampled.
        is_mirrored: whether the axis is reversed before the resize.
        is_flipped: whether the outputs are reversed.
        is_scaled: whether frequencies that hardly change the outputs are dropped.
        offset: pixels of the stored axis before the first of the `source` pixels.
    """

    source: int
    target: int
    start: int
    length: int
    filter: Filter
    is_mirrored: bool = False
    is_flipped: bool = False
    is_scaled: bool = False
    offset: int = 0

    @classmethod
    def whole(cls, size: int) -> AxisPlacement:
        """Return the placement of an unchanged axis of `size` pixels."""
        return cls(size, size, 0, size, Filter())

    @property
    def is_inside(self) -> bool:
        """Whether all outputs are inside the image, so none shows the fill."""
        return self.start >= 0 and self.start + self.length <= self.target


@dataclass(frozen=True)
class Placement:
    """How a stored image becomes a network's input.

    Attributes:
        rows: placement of the stored axis that becomes the rows of the network's input.
        columns: placement of the stored axis that becomes the columns.
        is_transposed: whether the stored columns become the rows.
    """

    rows: AxisPlacement
    columns: AxisPlacement
    is_transposed: bool = False

    @property
    def is_inside(self) -> bool:
        """Whether all outputs are inside the image, so none shows the fill."""
        return self.rows.is_inside and self.columns.is_inside


@dataclass(frozen=True)
class Geometry:
    """How images of any size become images of a network's size.

    Attributes:
        resize: the resize; None keeps the size.
        crop: the crop. None requires that the resized image has the network's size; a resize with
            fit "pad" then centers the image. With several views the default is `Crop()`.
        orientation: whether the EXIF orientation of the file is applied first.
        mirror: whether the image is mirrored (left and right exchanged) before the crop.
        flip: whether the network's input is mirrored as the last step.
        fill: values outside the image on the 0..255 scale: one value for all channels, or one per
            channel of the network's input.
        views: the views of each image: "one"; "five" for the corners and the center; "ten" for the
            same views of the image and of the mirrored image, in torchvision's order. `place`
            returns the placement of the center view.

    Raises:
        UsageError: if a field is out of range, or fields contradict each other.
    """

    resize: Resize | None = None
    crop: Crop | None = None
    orientation: bool = False
    mirror: bool = False
    flip: bool = False
    fill: tuple[float, ...] = (0.0,)
    views: Views = "one"

    def __post_init__(self) -> None:
        """Check the fields; add a crop for several views."""
        if self.views not in get_args(Views):
            raise UsageError(
                Message("views-unknown", f"views is {self.views!r}; use one, five or ten")
            )
        if self.resize is not None and self.resize.fit == "long" and self.crop is None:
            raise UsageError(
                Message(
                    "resize-long-without-crop",
                    'resize.fit is "long", which requires a crop; set crop to "center"',
                )
            )
        if self.views != "one":
            if self.crop is None:
                object.__setattr__(self, "crop", Crop())
            elif self.crop.position != "center":
                raise UsageError(
                    Message(
                        "views-crop-not-centered",
                        f'views is "{self.views}", which sets the positions of the crops; set'
                        ' crop.position to "center"',
                    )
                )

    def require(self, network: Size, channels: int) -> None:
        """Raise an error if the geometry does not fit a network.

        Args:
            network: (height, width) of the network's input.
            channels: channels of the network's input.

        Raises:
            UsageError: if a size in the geometry is not the network's size, or the length of the
                fill is neither 1 nor `channels`.
        """
        resize, crop = self.resize, self.crop
        named: list[tuple[str, object]] = [("crop.size", crop.size if crop else None)]
        if resize is not None and resize.fit == "exact" and crop is None:
            named.append(("resize.size", resize.size))
        for name, size in named:
            if size is not None and size != network:
                raise UsageError(
                    Message(
                        "preprocess-size-mismatch",
                        f"the preprocessing has {name} {size} but the model takes {network}"
                        f" (height, width); leave out {name} to use the model's size, or compile"
                        f" with the input size {size}",
                    )
                )
        if len(self.fill) not in (1, channels):
            raise UsageError(
                Message(
                    "fill-length-mismatch",
                    f'the preprocessing has {len(self.fill)} values in "fill" but the model takes'
                    f" {channels} channels; give one value per channel",
                )
            )

    @property
    def takes_any_size(self) -> bool:
        """Whether images may have another size than the network's."""
        return self.resize is not None or self.crop is not None

    def may_fill(self, network: Size) -> bool:
        """Whether the network sees the fill for some sizes of images.

        Args:
            network: (height, width) of the network's input.
        """
        resize, crop = self.resize, self.crop or Crop()
        if resize is None or resize.fit in ("pad", "long"):
            return self.takes_any_size
        if resize.fit == "exact":
            # The resized size does not depend on the image.
            resized = resize.size_of(network, network)
            spots = zip(crop.start(resized, network), resized, network, strict=True)
            return any(not 0 <= start <= side - wanted for start, side, wanted in spots)
        is_anywhere = not isinstance(crop.position, str)
        return is_anywhere or (isinstance(resize.size, int) and resize.size < max(network))

    @property
    def is_scaled(self) -> bool:
        """Whether frequencies that hardly change the result are dropped."""
        return self.resize is not None and self.resize.scaled_decoding

    def require_integers(self) -> None:
        """Raise an error if the geometry is not possible with the integer decode.

        Raises:
            UsageError: if the resize is not Pillow's or drops frequencies, or the fill contains
                values other than whole numbers from 0 to 255.
        """
        library = "pillow" if self.resize is None else self.resize.filter.library
        if library != "pillow":
            raise UsageError(
                Message(
                    "integer-decode-resize-not-pillow",
                    "decoder libjpeg-turbo resizes 8-bit pixels like Pillow, but resize.library is"
                    f" {library}; set resize.library to pillow, or use decoder float",
                )
            )
        if self.is_scaled:
            raise UsageError(
                Message(
                    "integer-decode-scaled-decoding",
                    "decoder libjpeg-turbo decodes all frequencies, but resize.scaled_decoding"
                    " drops some; leave it out, or use decoder float",
                )
            )
        for value in self.fill:
            if value not in range(256):
                raise UsageError(
                    Message(
                        "integer-decode-fill-not-whole",
                        f"fill is {value}; with decoder libjpeg-turbo give whole numbers from 0 to"
                        " 255",
                    )
                )

    @property
    def view_count(self) -> int:
        """Number of views of each image."""
        return VIEW_COUNTS[self.views]

    def each_view(self) -> tuple[Geometry, ...]:
        """Return one geometry per view, each with views "one"."""
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

    def exchanges_sides(self, orientation: int) -> bool:
        """Whether applying an EXIF orientation, 1 to 8, exchanges rows and columns."""
        return self._turn(orientation)[0]

    def displayed(self, frame: Frame) -> Size:
        """Return the displayed (height, width) of an image, after its orientation if it applies."""
        return frame.size[::-1] if self.exchanges_sides(frame.orientation) else frame.size

    def _turn(self, orientation: int) -> tuple[bool, bool, bool]:
        return _ORIENTATIONS[orientation if self.orientation else 1]

    def place(self, frame: Frame, network: Size) -> Placement:
        """Return the placement of an image.

        Args:
            frame: frame of the image's file.
            network: (height, width) of the network's input.

        Raises:
            ImageError: if the result does not have the network's size, or the image cannot be
                resized.
        """
        exchanged, *mirrored = self._turn(frame.orientation)
        image = self.displayed(frame)
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
                Message(
                    "image-too-narrow",
                    f"is {frame.width}x{frame.height}, which is too narrow to resize its long side"
                    f" to {max(height, width)} pixels; crop it first",
                )
            )
        if not self.resize.is_possible(image, (height, width)):
            raise ImageError(
                Message(
                    "image-size-not-eighths",
                    f"is {frame.width}x{frame.height}, which filter dct cannot resize to"
                    f" {width}x{height}, only to whole eighths; use another filter",
                )
            )
        return height, width

    def _start(self, resized: Size, network: Size, frame: Frame) -> Size:
        """Return (top, left) of the crop in the resized image before mirroring."""
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

    def _size_differs(self, frame: Frame, resized: Size, network: Size) -> Message:
        remedy = 'compile it with a "resize" in --preprocess, or give images of that size'
        done = "turned to"
        if self.resize is not None:
            remedy = 'compile it with a "crop" as well as a "resize" in --preprocess'
            done = "resized to"
        made = "" if resized == frame.size else f", {done} {resized[1]}x{resized[0]},"
        return Message(
            "image-size-mismatch",
            f"is {frame.width}x{frame.height}{made} but the model takes {network[1]}x{network[0]};"
            f" {remedy}",
        )
