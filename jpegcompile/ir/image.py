"""Where the image enters the graph, whatever layout the source model declares."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.ir.module import Module

TO_CHANNELS_FIRST = [0, 3, 1, 2]
TO_CHANNELS_LAST = [0, 2, 3, 1]


def image_tensor(module: Module) -> gs.Tensor:
    """The graph input that is the image."""
    return next(t for t in module.graph.inputs if t.name == module.image.name)


def channels_first_image(module: Module, image: gs.Tensor) -> gs.Tensor | None:
    """The image as an NCHW tensor: itself, or the transpose that alone reads an NHWC input."""
    if module.image.layout == "NCHW":
        return image
    readers = image.outputs
    if len(readers) != 1 or readers[0].op != "Transpose":
        return None
    to_first = list(readers[0].attrs.get("perm", ())) == TO_CHANNELS_FIRST
    return readers[0].outputs[0] if to_first else None
