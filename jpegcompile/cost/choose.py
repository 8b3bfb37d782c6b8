"""Choose the method of each convolution of a network within a memory budget."""

from __future__ import annotations

from collections.abc import Mapping

from jpegcompile.cost.model import METHODS, Layer, Method, seconds, weight_bytes


def choose(layers: Mapping[str, Layer], budget: float) -> dict[str, Method]:
    """Return the fastest methods whose packed weights fit into a memory budget.

    All layers start with the direct method. The function then changes one layer at a time to a
    method with larger weights, in the order of the time saved for each byte, as long as the budget
    allows. The result is optimal except for the last change, which may not fit.

    Args:
        layers: layers by the names of their nodes.
        budget: bytes for packed weights, beyond the bytes of the direct method.
    """
    chosen: dict[str, Method] = dict.fromkeys(layers, "direct")
    while True:
        steps = [
            (saved / bytes_, name, method, bytes_)
            for name, layer in layers.items()
            for method in METHODS
            for saved, bytes_ in [_step(layer, chosen[name], method)]
            if saved > 0 and bytes_ <= budget
        ]
        if not steps:
            return chosen
        # Names break ties, so that the same network always gets the same kernels.
        _, name, method, bytes_ = max(steps, key=lambda step: (step[0], step[1]))
        chosen[name] = method
        budget -= bytes_


def _step(layer: Layer, held: Method, method: Method) -> tuple[float, float]:
    """Return the seconds that a change of method saves, and its bytes; (0, 1) without a change."""
    more = weight_bytes(layer, method) - weight_bytes(layer, held)
    return (seconds(layer, held) - seconds(layer, method), more) if more > 0 else (0.0, 1.0)
