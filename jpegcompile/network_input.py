"""The image input of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.color import Color
from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.preprocessing.fields import geometry_json, geometry_of
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Decoder, Preprocess

Layout = Literal["NCHW", "NHWC"]


@dataclass(frozen=True)
class NetworkInput:
    """The image input of a network, as declared by the source model, with a fixed size.

    Attributes:
        name: name of the input.
        channels: number of channels.
        height: height in pixels.
        width: width in pixels.
        layout: layout of the input, "NCHW" or "NHWC". In the graph it always has a batch axis.
        has_batch: whether the source model's input has a batch axis. If not, it is one image
            [C, H, W] or [H, W, C], and `layout` is the layout of a batch of one image.
        color: color channels of the network's input; None if the model was compiled for tensors.
        affine: map from pixels on the 0..255 scale to the first tensor that the compiled network
            computes on. It includes the normalization in the source's graph. None if `color` is
            None.
        geometry: how images of any size are changed to the network's size.
        decoder: "float" for the float decode, "libjpeg-turbo" for the integer decode.
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
        """Whether the ingest resizes or rotates images, or rounds their pixels."""
        geometry = self.geometry
        return geometry.takes_any_size or geometry.orientation or self.decoder != "float"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image in the source model's layout."""
        return (*self.size, self.channels) if self.layout == "NHWC" else (self.channels, *self.size)

    def each_view(self) -> tuple[NetworkInput, ...]:
        """Return one input per view of an image."""
        return tuple(replace(self, geometry=view) for view in self.geometry.each_view())

    @property
    def from_pixels(self) -> tuple[Color, ChannelAffine]:
        """`color` and `affine`, which must not be None.

        Raises:
            UsageError: if the model was compiled for tensors.
        """
        if self.color is None or self.affine is None:
            raise UsageError(
                Message(
                    "input-takes-tensors",
                    f"input '{self.name}' accepts tensors, and the model has no preprocessing for"
                    " images; compile the model with --preprocess",
                )
            )
        return self.color, self.affine

    def normalized(self, preprocess: Preprocess) -> NetworkInput:
        """Return this input with the fields of a preprocessing.

        Args:
            preprocess: the preprocessing.

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
        """Return JSON-ready data for `from_json`."""
        affine = self.affine
        numbers = None if affine is None else [affine.scale.tolist(), affine.shift.tolist()]
        data = asdict(replace(self, affine=None))
        return {**data, "affine": numbers, "geometry": geometry_json(self.geometry)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NetworkInput:
        """Create an input from the data of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: if the data is invalid.
        """
        numbers = data["affine"]
        affine = None
        if numbers is not None:
            scale, shift = (np.asarray(values, np.float64) for values in numbers)
            affine = ChannelAffine(scale, shift)
        geometry = geometry_of(data.get("geometry") or {})
        return cls(**{**data, "affine": affine, "geometry": geometry})
