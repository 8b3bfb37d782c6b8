"""The image input of a graph, in either layout, and checks of new inputs."""

from __future__ import annotations

from collections.abc import Collection

import onnx_graphsurgeon as gs

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.ir.module import Module
from jpegcompile.messages import Message

TO_CHANNELS_FIRST = [0, 3, 1, 2]
TO_CHANNELS_LAST = [0, 2, 3, 1]


def image_tensor(module: Module) -> gs.Tensor:
    """Return the graph input that is the image."""
    return next(t for t in module.graph.inputs if t.name == module.image.name)


def channels_first_image(module: Module, image: gs.Tensor) -> gs.Tensor | None:
    """Return the image as an NCHW tensor.

    Returns:
        The input itself, or the output of the Transpose that is the only reader of an NHWC input;
        None if an NHWC input has other readers.
    """
    if module.image.layout == "NCHW":
        return image
    readers = image.outputs
    if len(readers) != 1 or readers[0].op != "Transpose":
        return None
    to_first = list(readers[0].attrs.get("perm", ())) == TO_CHANNELS_FIRST
    return readers[0].outputs[0] if to_first else None


def require_unused_name(name: str, names: Collection[str]) -> None:
    """Check that a new input of the compiled model does not collide with a tensor.

    Args:
        name: name of the new input.
        names: names of the model's tensors.

    Raises:
        UnsupportedModelError: if a tensor has the name.
    """
    if name in names:
        text = (
            f"tensor '{name}' of the model has the name of an input of the compiled model; rename"
            " it in the source model"
        )
        raise UnsupportedModelError(Message("tensor-name-reserved", text))


def require_one_image(module: Module, batch: int | str) -> None:
    """Check that a model for `--input jpeg` has a dynamic batch, or a batch of one image.

    Args:
        module: the module, for the message.
        batch: the batch dimension.

    Raises:
        UnsupportedModelError: if the batch size is fixed to several images.
    """
    if isinstance(batch, int) and batch != 1:
        text = (
            f"input '{module.image.name}' has the fixed batch size {batch}, but --input jpeg"
            " accepts one file; export the model with a dynamic batch, or use --input coefficients"
        )
        raise UnsupportedModelError(Message("jpeg-input-fixed-batch", text))
