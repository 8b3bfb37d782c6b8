"""The time that a 3x3 convolution takes by each of the native library's methods.

It is of stride 1, and its output is as large as its input. Time is taken to be a sum of what a
method does, each at a price of its own:

    products      multiply-adds at full register tiles
    far_weights   bytes of packed weights beyond those that a core's own cache brings in time, so
                  that products wait for them
    streams       runs of weights that are read on end, each of which comes slowly at first
    pixels        vectors of 16 channels that are moved before and behind the products: copied,
                  transformed, brought to Winograd's points and back

The prices in `prices.json` were fitted once by `python -m jpegcompile.cost.fit` to what
`kernels/conv/bench.py` measured on one machine, with the version of the library that was measured.
On another machine they are off by one factor for all, mostly, which changes no choice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from jpegcompile.operators.constants import CHANNEL_GROUP

Method = Literal["direct", "winograd4", "winograd2"]
METHODS: tuple[Method, ...] = ("direct", "winograd4", "winograd2")
FEATURES = ("products", "far_weights", "streams", "pixels")

_TAPS = 9
_POINTS: Mapping[Method, int] = {"direct": 1, "winograd4": 36, "winograd2": 16}
_TILE: Mapping[Method, int] = {"winograd4": 4, "winograd2": 2}
# The second cache of a core of today; prices for 0.5 to 2 MB choose the same.
_NEAR_BYTES = 2**20


@dataclass(frozen=True)
class Layer:
    """A 3x3 convolution of stride 1 whose output is as large as its input, or nearly.

    Attributes:
        inputs, outputs: channels.
        height, width: of the output map.
        batch: images at once.
    """

    inputs: int
    outputs: int
    height: int
    width: int
    batch: int


def features(layer: Layer, method: Method) -> dict[str, float]:
    """How much of each thing a method does for a layer: counts, by the names in `FEATURES`."""
    inputs, outputs = _filled(layer.inputs), _filled(layer.outputs)
    vectors = (inputs + outputs) / CHANNEL_GROUP
    pixels = layer.batch * layer.height * layer.width
    if method == "direct":
        products = pixels * _TAPS * inputs * outputs
    else:
        tile = _TILE[method]
        tiles = layer.batch * -(-layer.height // tile) * -(-layer.width // tile)
        products = tiles * _POINTS[method] * inputs * outputs
    return {
        "products": float(products),
        "far_weights": max(weight_bytes(layer, method) - _NEAR_BYTES, 0.0),
        "streams": _POINTS[method] * outputs / CHANNEL_GROUP,
        "pixels": pixels * vectors,
    }


def weight_bytes(layer: Layer, method: Method) -> float:
    """Bytes of the weights as a method packs them."""
    each = _TAPS if method == "direct" else _POINTS[method]
    return 4.0 * each * _filled(layer.inputs) * _filled(layer.outputs)


def seconds(layer: Layer, method: Method) -> float:
    """The time that the model expects on one core of the machine that was measured."""
    prices = _prices()[method]
    return sum(prices[name] * amount for name, amount in features(layer, method).items())


def fastest(layer: Layer) -> Method:
    """The method of the least expected time; of equals the first in `METHODS`."""
    return min(METHODS, key=lambda method: seconds(layer, method))


def prices_of(method: Method) -> Mapping[str, float]:
    """Seconds for one of each thing in `FEATURES`."""
    return _prices()[method]


@cache
def _prices() -> dict[Method, dict[str, float]]:
    text = resources.files("jpegcompile.cost").joinpath("prices.json").read_text("utf-8")
    prices: dict[Method, dict[str, float]] = json.loads(text)["seconds"]
    return prices


def _filled(channels: int) -> int:
    """Channels with those that fill up the last group of 16."""
    return -(-channels // CHANNEL_GROUP) * CHANNEL_GROUP
