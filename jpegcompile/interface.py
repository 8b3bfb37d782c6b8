"""Names and numbers shared by compiled files and their runtimes."""

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

# Operator domain for networks in other precisions than float32. The native library has no kernels
# for these precisions, and ONNX Runtime would refuse them in the library's operator domain.
PORTABLE_DOMAIN = "jpegcompile.portable"

# The highest IR version that recent ONNX Runtime releases read. Functions require 8.
IR_VERSION = 10

# Inputs of a model for coefficients, in this order.
LUMA, CHROMA, QUANTIZATION = "luma", "chroma", "quantization"
# More inputs of a model for images of any size: matrices that bring the planes of a batch of files
# to the network's size. LEVEL is an addend for the fill, if the network may see it.
AXIS_INPUTS = {
    LUMA: (f"{LUMA}_rows", f"{LUMA}_columns"),
    CHROMA: (f"{CHROMA}_rows", f"{CHROMA}_columns"),
}
LEVEL = "level"
# Another input of a model with the integer decode: the frame of the files of a batch.
FRAME = "frame"
# Inputs without a batch axis, shared by all files of a batch.
SHARED_INPUTS = frozenset((*AXIS_INPUTS[LUMA], *AXIS_INPUTS[CHROMA], LEVEL, FRAME))
# Input of a model for the bytes of a file.
JPEG = "jpeg"
