"""Move per-channel arithmetic on the image input into the ingest.

Sub(Div(image, c), d)  =>  image'        with image' = image / c - d computed by the ingest

Exact, since the ingest is affine. Only for models that accept JPEG files; with a tensor input, the
arithmetic stays in the graph.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.ir.graph import bypass, is_graph_output, value_of
from jpegcompile.ir.image import channels_first_image, image_tensor
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.messages import Message


class AbsorbNormalization(Pass):
    """Folds a chain of Add, Sub, Mul and Div with channel constants that begins at the input."""

    name = "absorb-normalization"

    def run(self, module: Module) -> bool:
        """Absorb nodes; returns whether a node was absorbed."""
        if not module.options.takes_files:
            return False
        absorbed = []
        while (step := _next_step(module)) is not None:
            node, scale, shift = step
            _, affine = module.image.from_pixels
            module.image = replace(module.image, affine=affine.then(scale, shift))
            module.image_twin = node.outputs[0].name
            absorbed.append(node.op)
            node.inputs = [t for t in node.inputs if value_of(t) is None]
            bypassed = bypass(module.graph, node)
            # Bypassing fails only for graph outputs, and `_next_step` returns none of them.
            assert bypassed
        if absorbed:
            text = f"the ingest performs the model's normalization ({', '.join(absorbed)})"
            module.report.note(Message("normalization-absorbed", text))
            module.graph.cleanup().toposort()
        return bool(absorbed)


def _next_step(
    module: Module,
) -> tuple[gs.Node, NDArray[np.float64], NDArray[np.float64]] | None:
    image = channels_first_image(module, image_tensor(module))
    if image is None or len(image.outputs) != 1 or is_graph_output(module.graph, image):
        return None
    node = image.outputs[0]
    if is_graph_output(module.graph, node.outputs[0]) or len(node.inputs) != 2:
        return None
    is_first = node.inputs[0] is image
    constant = value_of(node.inputs[1 if is_first else 0])
    if constant is None:
        return None
    values = _by_channel(constant, module.image.channels)
    if values is None:
        return None
    one, zero = np.ones_like(values), np.zeros_like(values)
    forms = {
        "Add": (one, values),
        "Mul": (values, zero),
        "Sub": (one, -values) if is_first else (-one, values),
        "Div": (1.0 / values, zero) if is_first and values.all() else None,
    }
    form = forms.get(node.op)
    return None if form is None else (node, *form)


def _by_channel(constant: NDArray[np.generic], channels: int) -> NDArray[np.float64] | None:
    """Return a constant as one value for each channel of NCHW; None if other axes vary."""
    if any(d != 1 for d in constant.shape[-2:]) or constant.ndim > 4:
        return None
    if constant.size not in (1, channels) or (constant.ndim == 4 and constant.shape[0] != 1):
        return None
    return np.broadcast_to(constant.astype(np.float64).reshape(-1), (channels,)).copy()
