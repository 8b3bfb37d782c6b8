"""Average the outputs over the views of an image, if the graph creates the views.

y[N * views, ...]  =>  y[N, ...] = ReduceMean(Reshape(y, [-1, views, ...]), axis 1)

This is how torchvision uses FiveCrop and TenCrop. If the inputs of the graph are ingest matrices of
one view, or tensors, the runtime averages instead (`runtime/views.py`). Outputs in float16 are
averaged in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from onnx import helper

from jpegcompile.analysis.axes import write_axes
from jpegcompile.errors import UsageError
from jpegcompile.interface import CHROMA, DOMAIN, LUMA, QUANTIZATION
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.messages import Message

# Batch dimension of inputs and averages; the batch of maps counts views instead.
IMAGES = "images"


class AverageViews(Pass):
    """Averages outputs; runs after all passes that use shapes of maps."""

    name = "average-views"

    def run(self, module: Module) -> bool:
        """Average outputs; returns whether outputs were averaged.

        Raises:
            UsageError: if the batch size is fixed, or an output does not have a row for each view.
        """
        views = module.image.geometry.view_count
        if views == 1 or not module.is_preprocessed or module.has_axis_inputs:
            return False
        if module.fixed_batch is not None:
            text = (
                f"input '{module.image.name}' has the fixed batch size {module.fixed_batch}, but"
                f" the views of an image require a batch of {views}; export the model with a"
                " dynamic batch, or use --input coefficients with --decoder float"
            )
            raise UsageError(Message("views-need-dynamic-batch", text))
        graph = module.graph
        graph.outputs = [_averaged(module, output, views) for output in graph.outputs]
        for tensor in graph.inputs:
            if tensor.name in (LUMA, CHROMA, QUANTIZATION):
                tensor.shape = (IMAGES, *tensor.shape[1:])
        graph.toposort()
        return True


def _averaged(module: Module, output: gs.Variable, views: int) -> gs.Variable:
    """Append the averages of an output under its name, and rename the output itself."""
    shape = tuple(output.shape or ())
    has_rows = bool(shape) and not isinstance(shape[0], int)
    if not has_rows or not all(isinstance(n, int) for n in shape[1:]):
        # The runtime can average rows of any size, but an output without rows has no average.
        remedy = "export the model without that output"
        if has_rows or output.shape is None:
            remedy = "use --input coefficients with --decoder float"
        text = (
            f"output '{output.name}' has shape [{', '.join(map(str, shape))}], but only outputs"
            ' [N, ...] of known sizes can be averaged over "views"; omit "views" in --preprocess,'
            f" or {remedy}"
        )
        raise UsageError(Message("views-output-shape", text))
    name, kind = output.name, np.dtype(output.dtype)
    output.name = module.fresh(f"{name}.views")
    if name in module.twins:
        module.twins[output.name] = module.twins.pop(name)
    averages = gs.Variable(name, kind, (IMAGES, *shape[1:]))
    rows = output if kind != np.float16 else _cast(module, output, np.dtype(np.float32))
    size = gs.Constant(
        module.fresh(f"{name}.views.shape"), np.asarray([-1, views, *shape[1:]], np.int64)
    )
    apart = _node(module, "Reshape", [rows, size], (IMAGES, views, *shape[1:]))
    mean = _node(module, "ReduceMean", [apart], averages.shape, keepdims=0)
    write_axes(mean.inputs[0], [1], module)
    last = mean if kind != np.float16 else _cast(module, mean, kind)
    last.inputs[0].outputs = [averages]
    return averages


def _cast(module: Module, tensor: gs.Variable, kind: np.dtype[Any]) -> gs.Variable:
    made = _node(module, "Cast", [tensor], tensor.shape, to=helper.np_dtype_to_tensor_dtype(kind))
    made.dtype = kind
    return made


def _node(
    module: Module, op: str, inputs: list[gs.Tensor], shape: Any, **attrs: Any
) -> gs.Variable:
    """Append a node and return its output."""
    name = module.fresh(f"{DOMAIN}.views.{op}")
    made = gs.Variable(module.fresh(f"{name}.y"), inputs[0].dtype, shape)
    module.graph.nodes.append(gs.Node(op, name, attrs, inputs, [made]))
    return made
