"""Which method each convolution of a network gets, within the memory that they may take."""

from __future__ import annotations

from collections.abc import Mapping

from jpegcompile.cost.model import METHODS, Layer, Method, seconds, weight_bytes


def choose(layers: Mapping[str, Layer], room: float) -> dict[str, Method]:
    """The methods of least expected time whose weights, beyond the model's own, find room.

    Steps from one method to another with larger weights are taken in the order of what they save
    for each byte, while there is room; which is the best there is but for the last step.

    Args:
        layers: by the names of their nodes.
        room: bytes that packed weights may take beyond those of the direct method.
    """
    chosen: dict[str, Method] = dict.fromkeys(layers, "direct")
    while True:
        steps = [
            (saved / bytes_, name, method, bytes_)
            for name, layer in layers.items()
            for method in METHODS
            for saved, bytes_ in [_step(layer, chosen[name], method)]
            if saved > 0 and bytes_ <= room
        ]
        if not steps:
            return chosen
        # Names decide between equals, so that the same network always gets the same kernels.
        _, name, method, bytes_ = max(steps, key=lambda step: (step[0], step[1]))
        chosen[name] = method
        room -= bytes_


def _step(layer: Layer, held: Method, method: Method) -> tuple[float, float]:
    """Seconds that a change of method saves, and the bytes that it takes; 0, 1 if none."""
    more = weight_bytes(layer, method) - weight_bytes(layer, held)
    return (seconds(layer, held) - seconds(layer, method), more) if more > 0 else (0.0, 1.0)
