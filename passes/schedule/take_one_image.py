"""Restore the rank of an image input without a batch dimension.

x[1, C, H, W]  =>  Unsqueeze(x[C, H, W], 0)        with --input tensor; exact

Runs as the second-to-last pass, so that no other pass depends on the smaller rank.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.axes import write_axes
from jpegcompile.ir.image import image_tensor
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass


class TakeOneImage(Pass):
    """Gives the image input the shape that it has in the source model."""

    name = "take-one-image"

    def run(self, module: Module) -> bool:
        """Replace the input; returns whether it was replaced."""
        if module.image.has_batch or module.options.takes_files:
            return False
        whole = image_tensor(module)
        if len(whole.shape) == 3:
            return False
        graph, name = module.graph, whole.name
        position = next(i for i, tensor in enumerate(graph.inputs) if tensor is whole)
        image = gs.Variable(name, whole.dtype, tuple(whole.shape[1:]))
        whole.name = module.fresh(f"{name}.batch")
        for known in (module.maps, module.blocks):
            if name in known:
                known[whole.name] = known.pop(name)
        graph.inputs[position] = image
        unsqueeze = gs.Node("Unsqueeze", module.fresh(f"{whole.name}.Unsqueeze"))
        unsqueeze.inputs, unsqueeze.outputs = [image], [whole]
        write_axes(unsqueeze, [0], module)
        graph.nodes.insert(0, unsqueeze)
        return True
