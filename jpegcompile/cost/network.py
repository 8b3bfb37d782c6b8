"""A rough estimate of the time of a network with native kernels, to compare image sizes.

For 3x3 convolutions of stride 1 the estimate is the cost model of their method, which counts
partly filled tiles. For all other nodes it uses the prices of the direct method for products and
for moved vectors.
"""

from __future__ import annotations

from jpegcompile.cost.model import METHODS, Layer, prices_of, seconds
from jpegcompile.operators.constants import CHANNEL_GROUP
from jpegcompile.report import NodeReport, Report

_TAPS = 9


def network_seconds(report: Report, batch: int = 1) -> float:
    """Return the expected time of the nodes of a report on the measured machine.

    Args:
        report: report of a network that was compiled for native kernels.
        batch: images in a batch.
    """
    return sum(_seconds(node, batch) for node in report.nodes if node.multiply_adds)


def _seconds(node: NodeReport, batch: int) -> float:
    """Return the expected time of a node."""
    channels, *sides = (size if isinstance(size, int) else 1 for size in node.output_shape[1:])
    height, width = sides if len(sides) == 2 else (1, 1)
    pixels = height * width
    for method in METHODS:
        if method == node.method:
            inputs = node.multiply_adds // (_TAPS * channels * pixels)
            return seconds(Layer(inputs, channels, height, width, batch), method)
    prices = prices_of("direct")
    vectors = channels / CHANNEL_GROUP
    products = node.multiply_adds + node.transform_multiply_adds
    return batch * (prices["products"] * products + prices["pixels"] * pixels * vectors)
