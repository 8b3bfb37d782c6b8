"""Parameters of BatchNormalization nodes, where they are constants."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.normalization import batch_norm_affine
from jpegcompile.ir.graph import value_of


def inference_affine(node: gs.Node) -> ChannelAffine | str:
    """The per-channel map that a BatchNormalization computes, or why there is none."""
    # Below opset 14 nothing but the further outputs, read or not, says that it trains.
    if node.attrs.get("training_mode") or any(t.name for t in node.outputs[1:]):
        return "it is in training mode; export the model for inference"
    if node.attrs.get("spatial", 1) == 0:
        return "its statistics differ from pixel to pixel (spatial=0)"
    parameters = [value_of(t) for t in node.inputs[1:5]]
    if any(p is None for p in parameters):
        return "its scale, bias, mean or variance is not a constant"
    scale, bias, mean, variance = (p for p in parameters if p is not None)
    return batch_norm_affine(scale, bias, mean, variance, float(node.attrs.get("epsilon", 1e-5)))
