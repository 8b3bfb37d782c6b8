"""Which operators compute with activations that are rounded to integers."""

from __future__ import annotations

_STANDARD = frozenset(
    (
        "ConvInteger",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "MatMulInteger",
        "QLinearConv",
        "QLinearMatMul",
        "QuantizeLinear",
    )
)
# Those of ONNX Runtime's quantisation tools, QLinearAdd and QGemm and DynamicQuantizeMatMul and so
# on: by their beginnings, for every release adds some.
_ONNX_RUNTIME = (
    *("Dequantize", "DynamicQuantize", "MatMulInteger", "NhwcMaxPool", "QAttention", "QEmbed"),
    *("QGemm", "QLinear", "QOrdered", "Quantize"),
)

ADVICE = "which has no JPEG-domain form; give the float model that it was made from"


def is_quantized(op: str, domain: str | None) -> bool:
    """Whether an operator rounds activations to integers, or computes with such."""
    if domain == "com.microsoft":
        return op.startswith(_ONNX_RUNTIME)
    return domain in (None, "", "ai.onnx") and op in _STANDARD
