"""The piecewise linear operators of the jpeg domain, and their forms with an approximated mask."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_graphsurgeon as gs

from jpegcompile.dct.frequencies import full
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


def is_max_pool(node: gs.Node) -> bool:
    """Whether a nonlinearity takes positions, exact or approximated."""
    return bool(node.op.endswith("MaxPool"))


def input_block(node: gs.Node) -> int:
    """Block size that a jpeg-domain node takes."""
    return int(node.attrs.get("input_block", node.attrs.get("block", 1)))


def output_block(node: gs.Node) -> int:
    """Block size that a jpeg-domain node makes."""
    return int(node.attrs.get("output_block", node.attrs.get("block", 1)))


def inverse_transforms(node: gs.Node) -> list[int]:
    """Frequencies that go through each inverse transform within a node, one entry a transform."""
    block = input_block(node)
    count = node.attrs.get("frequencies")
    if count is None:
        return [full(block)]
    return [int(count)] if node.op.startswith("JpegApx") else [full(block), int(count)]
