"""Names and numbers on which compiled files and whatever runs them agree."""

# Domain and opset of our operators, and the key of our record in the metadata of a model.
DOMAIN = "jpegcompile"
DOMAIN_VERSION = 1
# Where the operators of networks in other precisions than float32 are. The native library has no
# kernels for these, and would have them refused if they were in its domain.
PORTABLE_DOMAIN = "jpegcompile.portable"

# The casts between the spatial and the jpeg domain.
TO_JPEG, TO_SPATIAL = "ToJpeg", "ToSpatial"

# Channels that stand side by side where an attribute of these is so, of operators of our domain; 1,
# which is NCHW, if it is absent.
CHANNEL_GROUP = 16
GROUP_ATTRIBUTES = ("x_group", "residual_group", "y_group")
_X, _RESIDUAL = GROUP_ATTRIBUTES[:2]
_RESIDUALS = {
    **dict.fromkeys(("JpegScaleAddRelu", "JpegScaleAddReluTruncate", "SpatialScaleAddRelu"), 2),
    # The other one of two maps.
    **dict.fromkeys(("JpegMax", "JpegMin", "JpegMul"), 1),
}
# Where an attribute of these is not 0, tiles of a map in groups stand as the coefficients u + v
# less than that alone; the others are zero.
COMPACT_ATTRIBUTES = ("x_frequencies", "residual_frequencies", "y_frequencies")

# The highest IR that ONNX Runtime releases of the last years read; functions need 8.
IR_VERSION = 10

# Inputs of a model that takes coefficients, in this order.
LUMA, CHROMA, QUANTIZATION = "luma", "chroma", "quantization"
# Input of a model that takes the bytes of a file, and the operators that make the above of it. They
# have no function bodies.
JPEG = "jpeg"
DECODE, DECODE_GRAY = "JpegDecode", "JpegDecodeGray"
DECODES = (DECODE, DECODE_GRAY)


def grouped_inputs(op: str) -> dict[str, int]:
    """Which input of an operator each of the attributes that tell the layout of one speaks of."""
    return {_X: 0, _RESIDUAL: _RESIDUALS.get(op, 3)}


def compact_inputs(op: str) -> dict[str, int]:
    """Which input of an operator each that tells how few coefficients there are speaks of."""
    x, residual = COMPACT_ATTRIBUTES[:2]
    return {x: 0, residual: _RESIDUALS.get(op, 3)}
