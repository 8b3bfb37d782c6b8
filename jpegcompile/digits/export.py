"""Export the demo's network to ONNX and keep its BatchNormalization nodes."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Final

import onnx
import torch
from torch import nn

from jpegcompile.digits.digits import IMAGE_SIZE

OPSET: Final = 17
IR_VERSION: Final = 8  # The IR version of the release of opset 17.


def to_onnx(network: nn.Module) -> onnx.ModelProto:
    """Return the checked model: `image` [N, 3, 32, 32] to `logits` [N, 10], with dynamic batch.

    Args:
        network: network in inference mode.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        path = Path(folder) / "model.onnx"
        # The tracing exporter is deprecated, but the newer one requires onnxscript.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE),),
            path,
            dynamo=False,
            # Other modes fold BatchNorm into the convolution, which is the task of the compiler.
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
        )
        model = onnx.load(path)
    model.ir_version = IR_VERSION
    unshare_initializers(model.graph)
    strip_notes(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def unshare_initializers(graph: onnx.GraphProto) -> None:
    """Give each consumer its own weights if the exporter merged equal weights.

    The biases of the two BatchNorms before an Add get the same gradients and stay equal. The
    exporter keeps one of them and replaces the other by an Identity node.
    """
    weights = {initializer.name: initializer for initializer in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Identity"]:
        copy = onnx.TensorProto()
        copy.CopyFrom(weights[node.input[0]])
        copy.name = node.output[0]
        graph.initializer.append(copy)
        graph.node.remove(node)


def strip_notes(model: onnx.ModelProto) -> None:
    """Remove doc strings and metadata, which contain paths of the machine of the export."""
    graph = model.graph
    noted = (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output)
    for item in noted:
        item.ClearField("doc_string")
        item.ClearField("metadata_props")
