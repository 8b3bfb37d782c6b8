"""Constant parameters of BatchNormalization nodes."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.normalization import batch_norm_affine
from jpegcompile.ir.graph import value_of
from jpegcompile.messages import Message


def inference_affine(node: gs.Node) -> ChannelAffine | Message:
    """Return the affine function of a BatchNormalization for each channel, or why there is none."""
    # Below opset 14, only additional outputs indicate training mode, even if nothing reads them.
    if node.attrs.get("training_mode") or any(t.name for t in node.outputs[1:]):
        text = "it is in training mode; export the model for inference"
        return Message("batch-norm-training", text)
    if node.attrs.get("spatial", 1) == 0:
        text = "its statistics differ from pixel to pixel (spatial=0)"
        return Message("batch-norm-per-pixel", text)
    parameters = [value_of(t) for t in node.inputs[1:5]]
    if any(p is None for p in parameters):
        text = "its scale, bias, mean or variance is not a constant"
        return Message("batch-norm-not-constant", text)
    scale, bias, mean, variance = (p for p in parameters if p is not None)
    return batch_norm_affine(scale, bias, mean, variance, float(node.attrs.get("epsilon", 1e-5)))
