"""Lower convolution to the JPEG domain.

Conv(x, w, b)          =>  ToSpatial(JpegConv(ToJpeg(x), w, b))
Conv 1x1, no stride    =>  ToSpatial(JpegPointwiseConv(ToJpeg(x), w, b))    commutes with the DCT

Exact. The weights are unchanged. The bias affects only DC coefficients.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.convolution import Convolution, convolution_of
from jpegcompile.analysis.window import bias_of
from jpegcompile.ir.decline import Decline
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Lowering, Rewriter
from jpegcompile.operators.convolution import JPEG_CONV, JPEG_POINTWISE_CONV


class LowerConv(Lowering[Convolution]):
    """Lowers convolutions with any kernel, stride, padding, dilation and groups."""

    name = "lower-conv"
    op_types = ("Conv",)

    def match(self, node: gs.Node, module: Module) -> Convolution | Decline | None:
        """Match a two-dimensional convolution between two maps of known size."""
        return convolution_of(node, module)

    def rewrite(self, node: gs.Node, match: Convolution, rewriter: Rewriter) -> None:
        """Replace the node; its bias becomes explicit."""
        source, target = node.inputs[0], node.outputs[0]
        if (
            rewriter.module.assigned_block(source) == 1
            and rewriter.module.assigned_block(target) == 1
        ):
            rewriter.keep_node(match.multiply_adds)
        elif match.window.is_pointwise:
            bias = _channel_bias(node, rewriter.module)
            rewriter.replace(
                JPEG_POINTWISE_CONV,
                {
                    "x": rewriter.jpeg(source),
                    "weight": node.inputs[1],
                    "bias": bias,
                    "dc": rewriter.dc(target),
                },
                {"group": match.group, "block": rewriter.module.assigned_block(source)},
                multiply_adds=match.multiply_adds,
            )
        else:
            rewriter.replace(
                JPEG_CONV,
                {
                    "x": rewriter.jpeg(source),
                    "weight": node.inputs[1],
                    "bias": bias_of(node, rewriter.module),
                    **rewriter.inverse(source),
                    **rewriter.forward(target),
                },
                {
                    **match.attributes,
                    "input_block": rewriter.module.assigned_block(source),
                    "output_block": rewriter.module.assigned_block(target),
                },
                multiply_adds=match.multiply_adds,
                transforms=(source, target),
            )


def _channel_bias(node: gs.Node, module: Module) -> gs.Tensor:
    """Bias as [C, 1, 1], which broadcasts to a map."""
    bias = bias_of(node, module)
    values = value_of(bias)
    if values is not None:
        name = module.fresh(f"{bias.name}.channels")
        return gs.Constant(name, np.ascontiguousarray(values).reshape(-1, 1, 1))
    return _reshaped(bias, module)


def _reshaped(bias: gs.Tensor, module: Module) -> gs.Variable:
    shape = gs.Constant(module.fresh(f"{bias.name}.shape"), np.asarray([-1, 1, 1], np.int64))
    result = gs.Variable(module.fresh(f"{bias.name}.channels"), bias.dtype)
    module.graph.nodes.append(gs.Node("Reshape", result.name, {}, [bias, shape], [result]))
    return result
