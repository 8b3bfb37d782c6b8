"""Block sizes and transforms of a nonlinear node of the jpeg domain."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.dct.frequencies import full


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
