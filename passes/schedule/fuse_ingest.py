"""Give the ingest and the convolution that alone reads its image one operator.

JpegConvRelu(JpegIngest(luma, ...), w, b)                =>  JpegIngestConvRelu(luma, ...)
JpegConvReluTruncate(JpegIngest(luma, ...), w, b, n)     =>  JpegIngestConvReluTruncate(..., n)
SpatialConvRelu(ToSpatial(JpegIngest(luma, ...)), w, b)  =>  JpegIngestSpatialConvRelu(luma, ...)

A kernel that sees both can go by the coefficients that are not zero, without an image in between.
Only for float32 and for convolutions of all channels at once by constant weights: there are no
kernels for others. Exact.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.followers import forget, only_reader
from jpegcompile.interface import DOMAIN, TO_SPATIAL
from jpegcompile.ir.graph import has_other_precision, remove_node
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.fused import (
    FIRST_CONVOLUTIONS,
    INGEST_INPUTS,
    SPATIAL_CONV,
    first_convolution_name,
)


class FuseIngest(Pass):
    """`runtime/cut.py` takes the two apart again where a model begins at the image."""

    name = "fuse-ingest"

    def run(self, module: Module) -> bool:
        """Returns whether an ingest was fused."""
        # Where a tensor of another precision is about, all operators run by their bodies.
        if has_other_precision(module.graph):
            return False
        ingest = next((node for node in module.graph.nodes if node.op in INGEST_INPUTS), None)
        chain = None if ingest is None else _chain(ingest, module)
        if chain is None:
            return False
        _fuse(chain, module)
        module.graph.cleanup().toposort()
        return True


def _chain(ingest: gs.Node, module: Module) -> list[gs.Node] | None:
    """The ingest, a cast of its image if there is one, and the convolution.

    None if they do not follow each other so.
    """
    chain = [ingest]
    inside = {id(node) for node in module.graph.nodes}
    while chain[-1] is ingest or chain[-1].op == TO_SPATIAL:
        made = chain[-1].outputs[0]
        reader = only_reader(made, module, inside)
        if reader is None:
            return None
        chain.append(reader)
    convolution = chain[-1]
    name = first_convolution_name(ingest.op, convolution.op)
    if convolution.domain != DOMAIN or name not in FIRST_CONVOLUTIONS:
        return None
    is_float32 = convolution.outputs[0].dtype == np.float32 == ingest.outputs[0].dtype
    is_constant = all(isinstance(tensor, gs.Constant) for tensor in convolution.inputs[1:3])
    return chain if is_float32 and is_constant and convolution.attrs["group"] == 1 else None


def _fuse(chain: list[gs.Node], module: Module) -> None:
    ingest, convolution = chain[0], chain[-1]
    inputs = [*ingest.inputs, *convolution.inputs[1:]]
    if convolution.op.startswith(SPATIAL_CONV):
        inputs += _inverse(chain, module)
    module.report.casts -= len(chain) - 2
    op = first_convolution_name(ingest.op, convolution.op)
    attrs = {**ingest.attrs, "output_block": 1, **convolution.attrs}
    name, target = convolution.name, convolution.outputs[0]
    for node in chain:
        inner = node.outputs[0]
        if inner is not target:
            forget(inner, module)
        remove_node(module.graph, node)
    module.graph.nodes.append(gs.Node(op, name, attrs, inputs, [target], DOMAIN))


def _inverse(chain: list[gs.Node], module: Module) -> list[gs.Tensor]:
    """The matrices that make pixels of the image; at block size 1 no cast has them."""
    if len(chain) == 3:
        return list(chain[1].inputs[1:])
    image = chain[0].outputs[0]
    (height, width), pool = size_of(image), module.constants
    return [pool.inverse(height, 1, image.dtype), pool.forward(width, 1, image.dtype)]
