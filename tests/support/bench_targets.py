"""What readers of `bench` make of files of any size."""

from __future__ import annotations

from typing import Any

from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.reading import preprocess_of

SIDE = 32
# Shrinks by less than 2, for which Pillow's draft leaves the size alone.
SHORT = {"resize": {"size": 36}, "crop": "center"}
SPREAD = 0.25
# A level of 8 bits, in the units of the network's input.
LEVEL = 1 / 255 / SPREAD


def target_of(geometry: dict[str, Any], channels: int = 3, layout: Any = "NCHW") -> Target:
    numbers = {"scale": 1 / 255, "mean": [0.45, 0.5, 0.4][:channels], "std": SPREAD}
    taken = NetworkInput("image", channels, SIDE, SIDE, layout)
    return Target(taken, preprocess_of({**numbers, **geometry}))
