"""Names and numbers on which compiled files and whatever runs them agree."""

# Domain and opset of our operators, and the key of our record in the metadata of a model.
DOMAIN = "jpegcompile"
DOMAIN_VERSION = 1

# The highest IR that ONNX Runtime releases of the last years read; functions need 8.
IR_VERSION = 10

# Inputs of a model that takes coefficients, in this order.
LUMA, CHROMA, QUANTIZATION = "luma", "chroma", "quantization"
