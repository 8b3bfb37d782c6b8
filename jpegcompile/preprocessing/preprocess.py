"""The preprocessing record: how an image becomes a network's input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import numpy as np

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.color import Color
from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.preprocessing.fields import geometry_json
from jpegcompile.preprocessing.geometry import Geometry

Decoder = Literal["float", "libjpeg-turbo"]


def checked_fields(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Check the fields of a `Preprocess` without its geometry.

    Args:
        data: fields by name. Missing fields get their defaults; other names are ignored.
        where: prefix of error messages.

    Returns:
        The checked fields, numbers as float.

    Raises:
        UsageError: if a field has the wrong type or is out of range.
    """
    color = data.get("color")
    if color is not None and color not in get_args(Color):
        raise UsageError(
            Message("color-unknown", f"{where}: color is '{color}'; use RGB, BGR or L")
        )
    decoder = data.get("decoder", "float")
    if decoder not in get_args(Decoder):
        raise UsageError(
            Message(
                "decoder-unknown", f"{where}: decoder is '{decoder}'; use float or libjpeg-turbo"
            )
        )
    scale = _numbers(data.get("scale", 1.0), "scale", where)
    std = _numbers(data.get("std", 1.0), "std", where)
    if len(scale) != 1:
        raise UsageError(
            Message(
                "scale-not-one-number",
                f"{where}: scale has {len(scale)} numbers; give one number, and put per-channel"
                " values into std",
            )
        )
    if not scale[0]:
        raise UsageError(
            Message(
                "scale-zero",
                f"{where}: scale is zero, which makes all images equal; give another number",
            )
        )
    if 0.0 in std:
        raise UsageError(
            Message(
                "std-zero",
                f"{where}: std contains a zero, but std is a divisor; give numbers other than zero",
            )
        )
    mean = _numbers(data.get("mean", 0.0), "mean", where)
    for name, dividends in (("scale", scale), ("mean", mean)):
        if any(_is_beyond_float32(d / s) for d in dividends for s in std):
            raise UsageError(
                Message(
                    "normalization-beyond-float32",
                    f"{where}: {name} divided by std is beyond the range of float32; give the"
                    " numbers that the model was trained with",
                )
            )
    return {"scale": scale[0], "mean": mean, "std": std, "color": color, "decoder": decoder}


def _is_beyond_float32(number: float) -> bool:
    limits = np.finfo(np.float32)
    return number != 0.0 and not float(limits.tiny) <= abs(number) <= float(limits.max)


def _numbers(value: object, name: str, where: str) -> tuple[float, ...]:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    values = list(value) if isinstance(value, list | tuple) else [value]
    if not values or not all(
        isinstance(v, int | float)
        and not isinstance(v, bool)
        and abs(v) <= sys.float_info.max  # false for NaN, and accepts integers of any length
        for v in values
    ):
        raise UsageError(
            Message(
                "normalization-not-finite",
                f"{where}: {name} is not a finite number or a list of finite numbers; give one"
                " number, or one for each channel",
            )
        )
    return tuple(float(cast(float, v)) for v in values)


@dataclass(frozen=True)
class Preprocess:
    """Preprocessing: geometry, then network input = (pixels * scale - mean) / std.

    Pixels are on the 0..255 scale.

    Attributes:
        scale: factor for pixels: 1/255 for the unit range, 1 to keep 0..255.
        mean: subtracted after scaling; one value for all channels, or one per channel.
        std: divisor after subtraction; one value for all channels, or one per channel.
        color: color channels in the network's order: "RGB", "BGR" or "L" (luma). None means "L" for
            networks of one channel and "RGB" for others.
        geometry: how images are brought to the network's size.
        decoder: "float" for the float decode (affine, no rounding; `docs/exactness.md`), or
            "libjpeg-turbo" for the integer decode, with the same pixels as Pillow and OpenCV.

    Raises:
        UsageError: if a field has the wrong type or is out of range, or the network input would be
            beyond the range of float32.
    """

    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    color: Color | None = None
    geometry: Geometry = field(default_factory=Geometry)
    decoder: Decoder = "float"

    def __post_init__(self) -> None:
        """Check the fields and convert numbers to float."""
        for name, value in checked_fields(vars(self), "preprocessing").items():
            object.__setattr__(self, name, value)

    def color_for(self, channels: int) -> Color:
        """Return the color for a network's input.

        Args:
            channels: channels of the network's input.

        Raises:
            UsageError: if `color` has another number of channels.
        """
        color = self.color or ("L" if channels == 1 else "RGB")
        wanted = 1 if color == "L" else 3
        if channels != wanted:
            raise UsageError(
                Message(
                    "preprocess-channels-mismatch",
                    f"the preprocessing produces {wanted} channels ({color}) but the model takes"
                    f' {channels}; set "color" in --preprocess',
                )
            )
        return color

    def affine(self, channels: int) -> ChannelAffine:
        """Return scale, mean and std as y = scale * x + shift per channel.

        Args:
            channels: channels of the network's input.

        Raises:
            UsageError: if the length of mean or std is neither 1 nor `channels`.
        """
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                raise UsageError(
                    Message(
                        "normalization-length-mismatch",
                        f'the preprocessing has {len(values)} values in "{name}" but the model'
                        f" takes {channels} channels; give one value per channel",
                    )
                )
        mean = np.broadcast_to(np.asarray(self.mean, np.float64), (channels,))
        std = np.broadcast_to(np.asarray(self.std, np.float64), (channels,))
        return ChannelAffine(self.scale / std, -mean / std)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data for `reading.preprocess_of`."""
        data: dict[str, Any] = {
            "scale": self.scale,
            "mean": list(self.mean),
            "std": list(self.std),
        }
        if self.color:
            data["color"] = self.color
        if self.decoder != "float":
            data["decoder"] = self.decoder
        return data | geometry_json(self.geometry)
