"""What a network takes as its image, whatever file that image comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.color import Color
from jpegcompile.errors import UsageError
from jpegcompile.preprocessing.geometry import Geometry, geometry_json, geometry_of
from jpegcompile.preprocessing.preprocess import Decoder, Preprocess

Layout = Literal["NCHW", "NHWC"]


@dataclass(frozen=True)
class NetworkInput:
    """The image input of a network, as the source model declares it, its size fixed.

    Attributes:
        name, channels, height, width: of the input.
        layout: of the input, which in the graph always has a batch.
        has_batch: whether the source model's input has one; without one it is one image [C,H,W] or
            [H,W,C], and `layout` is that of a batch of one.
        color: channels that the network takes; None where it is fed with tensors.
        affine: from pixels on the 0..255 scale to the first tensor that the compiled network
            computes on, normalisation inside the source's graph included; None as for `color`.
        geometry: how images of any size come to the network's, in one view or several.
        decoder: what makes pixels of coefficients: "float", or "libjpeg-turbo" for its integers.
    """

    name: str
    channels: int
    height: int
    width: int
    layout: Layout
    has_batch: bool = True
    color: Color | None = None
    affine: ChannelAffine | None = None
    geometry: Geometry = field(default_factory=Geometry)
    decoder: Decoder = "float"

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def is_preprocessed(self) -> bool:
        """Whether no fixed linear map takes files to it: they are resized, turned or rounded."""
        geometry = self.geometry
        return geometry.takes_any_size or geometry.orientation or self.decoder != "float"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image as the source model takes it, in its layout."""
        return (*self.size, self.channels) if self.layout == "NHWC" else (self.channels, *self.size)

    def each_view(self) -> tuple[NetworkInput, ...]:
        """The same for one view of an image each."""
        return tuple(replace(self, geometry=view) for view in self.geometry.each_view())

    @property
    def from_pixels(self) -> tuple[Color, ChannelAffine]:
        """`color` and `affine` of a network that is fed with pixels.

        Raises:
            UsageError: if it is fed with tensors.
        """
        if self.color is None or self.affine is None:
            raise UsageError(
                f"input '{self.name}' takes tensors, and no preprocessing says how pixels become"
                " one; compile the model with --preprocess"
            )
        return self.color, self.affine

    def normalized(self, preprocess: Preprocess) -> NetworkInput:
        """This input, fed with pixels by that preprocessing alone.

        Raises:
            UsageError: if the preprocessing does not fit the channels or the size.
        """
        preprocess.geometry.require(self.size, self.channels)
        color = preprocess.color_for(self.channels)
        affine = preprocess.affine(self.channels)
        return replace(
            self,
            color=color,
            affine=affine,
            geometry=preprocess.geometry,
            decoder=preprocess.decoder,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data that `from_json` reads back."""
        affine = self.affine
        numbers = None if affine is None else [affine.scale.tolist(), affine.shift.tolist()]
        data = asdict(replace(self, affine=None))
        return {**data, "affine": numbers, "geometry": geometry_json(self.geometry)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NetworkInput:
        """The input that `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: if the data is something else.
        """
        numbers = data["affine"]
        affine = None
        if numbers is not None:
            scale, shift = (np.asarray(values, np.float64) for values in numbers)
            affine = ChannelAffine(scale, shift)
        geometry = geometry_of(data.get("geometry") or {})
        return cls(**{**data, "affine": affine, "geometry": geometry})
