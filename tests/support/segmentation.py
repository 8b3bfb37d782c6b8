"""A network of the SegNet kind: its decoder unpools by the encoder's positions of maxima.

Badrinarayanan et al. 2017. PyTorch's exporters have no MaxUnpool, so the graph is written here.
"""

from __future__ import annotations

import numpy as np
from support.graphs import Graph, Weights, random_weight

_WIDTHS = (8, 16, 24)
_POOL = "kernel_shape = [2, 2], strides = [2, 2]"


def segnet(opset: int) -> Graph:
    """Three stages down and up, of an image `x` [N, 3, 64, 64]; scores `y` of 5 classes."""
    weights: Weights = {}
    lines, previous, channels = [], "x", 3

    def convolve(name: str, source: str, out: int) -> str:
        nonlocal weights
        shape = (out, channels, 3, 3)
        scaled = 2**0.5 * random_weight(f"{name}w", shape)
        weights = {**weights, f"{name}w": scaled, f"{name}b": 0.1 * np.arange(1.0, out + 1) / out}
        lines.append(f"{name} = Conv<pads = [1, 1, 1, 1]>({source}, {name}w, {name}b)")
        return name

    for stage, width in enumerate(_WIDTHS):
        source = convolve(f"down{stage}", previous, width)
        lines.append(f"r{stage} = Relu({source})")
        lines.append(f"pool{stage}, place{stage} = MaxPool<{_POOL}>(r{stage})")
        previous, channels = f"pool{stage}", width
    for stage in reversed(range(len(_WIDTHS))):
        lines.append(f"wide{stage} = MaxUnpool<{_POOL}>({previous}, place{stage})")
        width = _WIDTHS[stage - 1] if stage else 5
        previous, channels = convolve(f"up{stage}", f"wide{stage}", width), width
        if stage:
            lines.append(f"s{stage} = Relu({previous})")
            previous = f"s{stage}"
    lines.append(f"y = Identity({previous})")
    return Graph(f"(T[N,3,64,64] x) => (T[] y) {{ {'  '.join(lines)} }}", weights, opset)
