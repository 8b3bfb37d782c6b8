"""Operators that compute with activations quantized to integers."""

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
# Prefixes of operators from ONNX Runtime's quantization tools, such as QLinearAdd, QGemm and
# DynamicQuantizeMatMul; new releases add more.
_ONNX_RUNTIME = (
    *("Dequantize", "DynamicQuantize", "MatMulInteger", "NhwcMaxPool", "QAttention", "QEmbed"),
    *("QGemm", "QLinear", "QOrdered", "Quantize"),
)

ADVICE = "which has no JPEG-domain form; compile the float model that it was quantized from"


def is_quantized(op: str, domain: str | None) -> bool:
    """Whether an operator quantizes activations, or computes with quantized ones.

    Args:
        op: the operator.
        domain: the operator's domain (the ONNX field).
    """
    if domain == "com.microsoft":
        return op.startswith(_ONNX_RUNTIME)
    return domain in (None, "", "ai.onnx") and op in _STANDARD
