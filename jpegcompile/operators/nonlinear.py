"""The piecewise linear operators of the jpeg domain, and their forms with an approximated mask."""

from __future__ import annotations

from collections.abc import Mapping

from jpegcompile.frequency_plan import Masking

# Source operators that a frequency plan may name.
PIECEWISE_LINEAR = frozenset(("Relu", "LeakyRelu", "PRelu", "Clip", "MaxPool"))

# The approximated form of each exact operator. One that takes positions has no baseline.
MASKED: Mapping[str, Mapping[Masking, str]] = {
    "JpegRelu": {"asm": "JpegAsmRelu", "apx": "JpegApxRelu"},
    "JpegPRelu": {"asm": "JpegAsmPRelu", "apx": "JpegApxPRelu"},
    "JpegClip": {"asm": "JpegAsmClip", "apx": "JpegApxClip"},
    "JpegMaxPool": {"asm": "JpegAsmMaxPool", "apx": "JpegAsmMaxPool"},
    "JpegDilatedMaxPool": {"asm": "JpegAsmDilatedMaxPool", "apx": "JpegAsmDilatedMaxPool"},
}
NONLINEARITIES = frozenset(MASKED) | {op for forms in MASKED.values() for op in forms.values()}
TRUNCATE = "JpegTruncate"


def is_truncating(op: str) -> bool:
    """Whether an operator keeps few frequencies of its result, by itself or behind others.

    The band is its last input.
    """
    return op.endswith("Truncate")
