"""Find the image input of a source model, and add a batch to images without one.

x[C, H, W], read by nodes      =>  x[1, C, H, W];  x' = Squeeze(x, 0), read by the nodes

The same for [H, W, C]. With the batch, a compiled model and its source accept the same tensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.frontend.walk import FreshNames, all_graphs
from jpegcompile.messages import Message
from jpegcompile.network_input import Layout
from jpegcompile.opset import standard_opset

_RANK = 4
# A tensor of rank 3 with any other first and last dimension is not considered an image.
_CHANNELS = (1, 3)
_SQUEEZE_TAKES_AXES_SINCE = 13


@dataclass(frozen=True)
class DeclaredImage:
    """The image input as a model declares it.

    Attributes:
        name: name of the input.
        channels: number of channels.
        size: height and width; an integer, or a name or None for a dynamic dimension.
        layout: layout of the input, "NCHW" or "NHWC".
    """

    name: str
    channels: int
    size: tuple[int | str | None, int | str | None]
    layout: Layout

    @property
    def has_dynamic_size(self) -> bool:
        """Whether both height and width are dynamic dimensions."""
        return not any(isinstance(side, int) for side in self.size)


def declared_image(model: onnx.ModelProto, wanted: str | None, source: str) -> DeclaredImage:
    """Return the image input of a model.

    Args:
        model: the model.
        wanted: name of the image input; None if only one input can be the image.
        source: name of the model in messages.

    Raises:
        UnsupportedModelError: if the image input is not a floating-point tensor of rank 4 or has a
            dynamic number of channels; or for the reasons of `image_input_name`.
        UsageError: for the reasons of `image_input_name`.
    """
    name = image_input_name(model, wanted, source)
    kind = next(value for value in model.graph.input if value.name == name).type.tensor_type
    shape: list[Any] = [d.dim_param or d.dim_value or None for d in kind.shape.dim]
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    if len(shape) != _RANK or dtype not in (np.float16, np.float32, np.float64):
        raise UnsupportedModelError(
            Message(
                "image-input-type",
                f"{source}: input '{name}' is {dtype} of rank {len(shape)}, but an image input must"
                " be float32 or float16 of rank 4; move casts and reshapes of the input out of the"
                " model",
            )
        )
    is_last = shape[3] in _CHANNELS and shape[1] not in _CHANNELS
    channels, *size = (shape[3], *shape[1:3]) if is_last else shape[1:]
    if not isinstance(channels, int) or channels < 1:
        raise UnsupportedModelError(
            Message(
                "image-channels-dynamic",
                f"{source}: input '{name}' of shape {shape} has a dynamic number of channels;"
                " export the model with a fixed number",
            )
        )
    return DeclaredImage(name, channels, (size[0], size[1]), "NHWC" if is_last else "NCHW")


def image_input_name(model: onnx.ModelProto, wanted: str | None, source: str) -> str:
    """Return the name of the image input.

    Args:
        model: the model.
        wanted: name of the image input; None if only one input can be the image.
        source: name of the model in messages.

    Raises:
        UsageError: if the model has no input `wanted`.
        UnsupportedModelError: if no input, or more than one, has the rank of an image.
    """
    inputs: dict[str, onnx.ValueInfoProto] = {value.name: value for value in model.graph.input}
    if wanted is not None:
        if wanted not in inputs:
            raise UsageError(
                Message(
                    "image-input-missing",
                    f"{source}: has no input '{wanted}'; choose --image-input from"
                    f" {', '.join(inputs)}",
                )
            )
        return wanted
    images = [name for name, value in inputs.items() if len(_dims(value)) == _RANK]
    if len(images) == 1:
        return images[0]
    if not images:
        shapes = ", ".join(f"'{name}' {_shape(value)}" for name, value in inputs.items())
        raise UnsupportedModelError(
            Message(
                "no-image-input",
                f"{source}: no input has the shape of an image ({shapes or 'there are no inputs'});"
                " export the model with an input [N,C,H,W] or [N,H,W,C], or without N for one"
                " image",
            )
        )
    raise UnsupportedModelError(
        Message(
            "several-image-inputs",
            f"{source}: several inputs could be the image ({', '.join(images)});"
            " choose one with --image-input",
        )
    )


def add_batch(model: onnx.ModelProto, source: str, image_input: str | None = None) -> bool:
    """Add a batch of one to an image input without a batch, in place.

    Args:
        model: a checked model.
        source: name of the model in messages.
        image_input: name of the image input; None for the only input that can be the image.

    Returns:
        Whether a batch was added.

    Raises:
        UnsupportedModelError: if the image input without a batch is also an output.
    """
    image = image_value(model, image_input)
    if image is None or len(_dims(image)) == _RANK:
        return False
    if any(output.name == image.name for output in model.graph.output):
        raise UnsupportedModelError(
            Message(
                "unbatched-image-is-output",
                f"{source}: input '{image.name}' has no batch and is also an output; export the"
                " model with an input [1,C,H,W], or without that output",
            )
        )
    names = FreshNames(model.graph)
    inner = names.fresh(f"{image.name}.image")
    for graph in all_graphs(model.graph):
        for node in graph.node:
            for index, name in enumerate(node.input):
                if name == image.name:
                    node.input[index] = inner
    model.graph.node.insert(0, _squeeze(model, names, image.name, inner))
    sizes = list(_dims(image))
    image.type.tensor_type.shape.Clear()
    image.type.tensor_type.shape.dim.add(dim_value=1)
    image.type.tensor_type.shape.dim.extend(sizes)
    return True


def image_value(model: onnx.ModelProto, wanted: str | None) -> onnx.ValueInfoProto | None:
    """Return the image input, with or without a batch; None if it is ambiguous or missing.

    Args:
        model: the model.
        wanted: name of the input. If None, the only input of rank 4 is the image. If no input has
            rank 4, the only input of rank 3 with one or three channels is.
    """
    values = [value for value in model.graph.input if wanted in (None, value.name)]
    images = [value for value in values if len(_dims(value)) == _RANK] or [
        value for value in values if _is_one_image(value, wanted is not None)
    ]
    return images[0] if len(images) == 1 else None


def _is_one_image(value: onnx.ValueInfoProto, is_named: bool) -> bool:
    """Whether a shape is [C, H, W] or [H, W, C]; if the user named the input, C is arbitrary."""
    sizes = [size.dim_value for size in _dims(value)]
    if len(sizes) != _RANK - 1:
        return False
    return sizes[0] in _CHANNELS or sizes[-1] in _CHANNELS or (is_named and sizes[0] > 0)


def _dims(value: onnx.ValueInfoProto) -> list[onnx.TensorShapeProto.Dimension]:
    return list(value.type.tensor_type.shape.dim)


def _shape(value: onnx.ValueInfoProto) -> str:
    sizes = (str(d.dim_value or d.dim_param or "?") for d in _dims(value))
    return f"[{','.join(sizes)}]"


def _squeeze(model: onnx.ModelProto, names: FreshNames, image: str, inner: str) -> onnx.NodeProto:
    opset = standard_opset(model.opset_import)
    name = names.fresh(f"{inner}.Squeeze")
    if opset < _SQUEEZE_TAKES_AXES_SINCE:
        return helper.make_node("Squeeze", [image], [inner], name, axes=[0])
    axes = names.fresh(f"{inner}.axes")
    model.graph.initializer.append(numpy_helper.from_array(np.asarray([0]), axes))
    return helper.make_node("Squeeze", [image, axes], [inner], name)
