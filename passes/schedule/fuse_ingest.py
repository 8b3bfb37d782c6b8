"""Fuse the ingest and the convolution that is the only reader of its image.

JpegConvRelu(JpegIngest(luma, ...), w, b)                =>  JpegIngestConvRelu(luma, ...)
JpegConvReluTruncate(JpegIngest(luma, ...), w, b, n)     =>  JpegIngestConvReluTruncate(..., n)
SpatialConvRelu(ToSpatial(JpegIngest(luma, ...)), w, b)  =>  JpegIngestSpatialConvRelu(luma, ...)

A fused kernel can read nonzero coefficients directly, without computing an image. Kernels exist for
float32, for convolutions with constant weights and one group, and for images of one size, whose
ingest matrices are constant. Exact.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.fusion import forget, only_reader
from jpegcompile.ir.graph import has_other_precision, remove_node
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.operands import (
    Operands,
    is_operator,
    make_node,
    operand,
    operands,
    operator_of,
)
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.casts import TO_SPATIAL
from jpegcompile.operators.convolution import SPATIAL_CONV
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.fragments import AXES, INVERSE
from jpegcompile.operators.ingest import INGEST, INGEST_GRAY
from jpegcompile.operators.queries import joined


class FuseIngest(Pass):
    """Fuses the ingest; `runtime/cut.py` separates the two for models that start at the image."""

    name = "fuse-ingest"

    def run(self, module: Module) -> bool:
        """Fuse nodes; returns whether an ingest was fused."""
        # A model with tensors of another precision runs by function bodies, not kernels.
        if has_other_precision(module.graph) or module.is_preprocessed:
            return False
        ingest = next((n for n in module.graph.nodes if is_operator(n, INGEST, INGEST_GRAY)), None)
        chain = None if ingest is None else _chain(ingest, module)
        if chain is None:
            return False
        _fuse(chain, module)
        module.graph.cleanup().toposort()
        return True


def _chain(ingest: gs.Node, module: Module) -> list[gs.Node] | None:
    """Return the ingest, a cast of its image if there is one, and the convolution.

    Returns:
        The nodes in order; None if they are not connected in this way or cannot be fused.
    """
    chain = [ingest]
    inside = {id(node) for node in module.graph.nodes}
    while chain[-1] is ingest or is_operator(chain[-1], TO_SPATIAL):
        made = chain[-1].outputs[0]
        reader = only_reader(made, module, inside)
        if reader is None:
            return None
        chain.append(reader)
    fused = _fused(ingest, chain[-1])
    if fused is None or chain[-1].attrs["group"] != 1:
        return None
    convolution = operands(chain[-1])
    is_float32 = chain[-1].outputs[0].dtype == np.float32 == ingest.outputs[0].dtype
    is_constant = all(isinstance(convolution[n], gs.Constant) for n in ("weight", "bias"))
    return chain if is_float32 and is_constant else None


def _fused(ingest: gs.Node, convolution: gs.Node) -> Operator | None:
    """Return the fused operator of an ingest and a convolution; None if there is none."""
    first, second = operator_of(ingest), operator_of(convolution)
    return joined(first, second) if first and second else None


def _fuse(chain: list[gs.Node], module: Module) -> None:
    ingest, convolution = chain[0], chain[-1]
    fused = _fused(ingest, convolution)
    assert fused is not None
    inputs = {**operands(convolution), **operands(ingest)}
    if fused.base == SPATIAL_CONV:
        inputs |= _inverse(chain, module)
    module.report.casts -= len(chain) - 2
    attrs = {**ingest.attrs, "output_block": 1, **convolution.attrs}
    name, target = convolution.name, convolution.outputs[0]
    for node in chain:
        inner = node.outputs[0]
        if inner is not target:
            forget(inner, module)
        remove_node(module.graph, node)
    del inputs["x"]
    module.graph.nodes.append(make_node(fused, name, inputs, attrs, [target]))


def _inverse(chain: list[gs.Node], module: Module) -> Operands:
    """Matrices that transform the image to pixels; at block size 1 no cast provides them."""
    if len(chain) == 3:
        return {inner: operand(chain[1], name) for inner, name in zip(INVERSE, AXES, strict=True)}
    image = chain[0].outputs[0]
    return module.constants.to_pixels(size_of(image), 1, image.dtype)
