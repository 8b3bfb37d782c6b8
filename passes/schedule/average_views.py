"""Average the outputs over the views of an image, where the graph itself makes the views.

y[N * views, ...]  =>  y[N, ...] = ReduceMean(Reshape(y, [-1, views, ...]), axis 1)

The rule is torchvision's for FiveCrop and TenCrop. Of a graph that takes the matrices of one view,
or tensors, a runtime averages: `runtime/views.py`. Outputs in float16 are averaged in float32.
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

# The batch of what is given and of the averages; that of the maps between them counts views.
IMAGES = "images"


class AverageViews(Pass):
    """Give one row for each image; behind all passes that ask for the shapes of maps."""

    name = "average-views"

    def run(self, module: Module) -> bool:
        """Returns whether the outputs were averaged.

        Raises:
            UsageError: if the model is bound to a batch, or an output has no row for each view.
        """
        views = module.image.geometry.view_count
        if views == 1 or not module.is_preprocessed or module.has_axis_inputs:
            return False
        if module.fixed_batch is not None:
            raise UsageError(
                f"input '{module.image.name}' stays bound to batch {module.fixed_batch}, and the"
                f" {views} views of an image are a batch of {views}; export the model with an open"
                " batch, or use --input coefficients with --decoder float"
            )
        graph = module.graph
        graph.outputs = [_averaged(module, output, views) for output in graph.outputs]
        for tensor in graph.inputs:
            if tensor.name in (LUMA, CHROMA, QUANTIZATION):
                tensor.shape = (IMAGES, *tensor.shape[1:])
        graph.toposort()
        return True


def _averaged(module: Module, output: gs.Variable, views: int) -> gs.Variable:
    """The averages of an output, under its name; the output itself gets another one."""
    shape = tuple(output.shape or ())
    has_rows = bool(shape) and not isinstance(shape[0], int)
    if not has_rows or not all(isinstance(n, int) for n in shape[1:]):
        # A runtime averages rows of any size, too; without rows there is no average.
        remedy = "export the model without that output"
        if has_rows or output.shape is None:
            remedy = "use --input coefficients with --decoder float"
        raise UsageError(
            f"output '{output.name}' has shape [{', '.join(map(str, shape))}], and only an output"
            ' [N, ...] of known sizes is averaged over "views"; leave them out of --preprocess, or'
            f" {remedy}"
        )
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
    """Append a node; gives what it makes."""
    name = module.fresh(f"{DOMAIN}.views.{op}")
    made = gs.Variable(module.fresh(f"{name}.y"), inputs[0].dtype, shape)
    module.graph.nodes.append(gs.Node(op, name, attrs, inputs, [made]))
    return made
