"""Names and numbers on which compiled files and whatever runs them agree."""

from __future__ import annotations

from jpegcompile.operators.constants import CHANNEL_GROUP, DOMAIN, DOMAIN_VERSION

__all__ = [
    "AXIS_INPUTS",
    "CHANNEL_GROUP",
    "CHROMA",
    "DOMAIN",
    "DOMAIN_VERSION",
    "FRAME",
    "IR_VERSION",
    "JPEG",
    "LEVEL",
    "LUMA",
    "PORTABLE_DOMAIN",
    "QUANTIZATION",
    "SHARED_INPUTS",
]

# Where the operators of networks in other precisions than float32 are. The native library has no
# kernels for these, and would have them refused if they were in its domain.
PORTABLE_DOMAIN = "jpegcompile.portable"

# The highest IR that ONNX Runtime releases of the last years read; functions need 8.
IR_VERSION = 10

# Inputs of a model that takes coefficients, in this order.
LUMA, CHROMA, QUANTIZATION = "luma", "chroma", "quantization"
# Further inputs of a model for images of any size: the matrices that take the planes of a batch of
# files to the network's size, and, where the network may see more than the image, what is added.
AXIS_INPUTS = {
    LUMA: (f"{LUMA}_rows", f"{LUMA}_columns"),
    CHROMA: (f"{CHROMA}_rows", f"{CHROMA}_columns"),
}
LEVEL = "level"
# A further input of a model that decodes coefficients to integers: what kind of files a batch has.
FRAME = "frame"
# Of these, the ones that a batch has in common.
SHARED_INPUTS = frozenset((*AXIS_INPUTS[LUMA], *AXIS_INPUTS[CHROMA], LEVEL, FRAME))
# Input of a model that takes the bytes of a file.
JPEG = "jpeg"
