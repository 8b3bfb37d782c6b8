"""Lowering of spatial PyTorch networks to the JPEG domain."""

from jpegcompile.learning.lowering.lower import lower_graph
from jpegcompile.learning.lowering.module import JpegModule
from jpegcompile.learning.lowering.options import LoweringOptions
from jpegcompile.learning.lowering.report import LoweredNode, LoweringReport
from jpegcompile.learning.lowering.slots import Slot

__all__ = [
    "JpegModule",
    "LoweredNode",
    "LoweringOptions",
    "LoweringReport",
    "Slot",
    "lower_graph",
]
