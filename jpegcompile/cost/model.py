"""The time of a 3x3 convolution by each method of the native library.

The convolution has stride 1, and its output has the size of its input. The model of the time is a
sum of features, each with its own price:

    products      multiply-adds at full register tiles
    far_weights   bytes of packed weights that do not fit into the cache of a core
    streams       contiguous runs of weights; the first reads of each run are slow
    pixels        vectors of 16 channels that are moved before and after the products: copied,
                  transformed, converted to Winograd's points and back

`python -m jpegcompile.cost.fit` fitted the prices in `prices.json` once, to measurements of
`kernels/conv/bench.py` on one machine. The file names the machine and the version of the library.
On another machine, most prices change by the same factor, which does not change the choices.
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
# The size of a core's second-level cache. Prices fitted for 0.5 to 2 MB lead to the same choices.
_NEAR_BYTES = 2**20


@dataclass(frozen=True)
class Layer:
    """A 3x3 convolution of stride 1 whose output has the size of its input, or nearly.

    Attributes:
        inputs, outputs: channels.
        height, width: size of the output map.
        batch: images in a batch.
    """

    inputs: int
    outputs: int
    height: int
    width: int
    batch: int


def features(layer: Layer, method: Method) -> dict[str, float]:
    """Return the amount of each feature of a method, by the names in `FEATURES`."""
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
    """Return the bytes of the packed weights of a method."""
    each = _TAPS if method == "direct" else _POINTS[method]
    return 4.0 * each * _filled(layer.inputs) * _filled(layer.outputs)


def seconds(layer: Layer, method: Method) -> float:
    """Return the expected time on one core of the measured machine."""
    prices = _prices()[method]
    return sum(prices[name] * amount for name, amount in features(layer, method).items())


def fastest(layer: Layer) -> Method:
    """Return the method with the least expected time; of equal methods the first in `METHODS`."""
    return min(METHODS, key=lambda method: seconds(layer, method))


def prices_of(method: Method) -> Mapping[str, float]:
    """Return the price of each feature in `FEATURES`, in seconds."""
    return _prices()[method]


@cache
def _prices() -> dict[Method, dict[str, float]]:
    text = resources.files("jpegcompile.cost").joinpath("prices.json").read_text("utf-8")
    prices: dict[Method, dict[str, float]] = json.loads(text)["seconds"]
    return prices


def _filled(channels: int) -> int:
    """Return the number of channels, rounded up to whole groups of 16."""
    return -(-channels // CHANNEL_GROUP) * CHANNEL_GROUP
