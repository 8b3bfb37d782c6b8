"""Which input of a source model is the image, and images without a batch.

x[C, H, W], read by others     =>  x[1, C, H, W];  x' = Squeeze(x, 0), read by them

likewise [H, W, C]. So whatever compares a compiled model with its source feeds both one image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.frontend.walk import FreshNames, all_graphs
from jpegcompile.network_input import Layout
from jpegcompile.opset import standard_opset

_RANK = 4
# Of a picture; what has any other number in front is a batch, or a stack of something else.
_CHANNELS = (1, 3)
_SQUEEZE_TAKES_AXES_SINCE = 13


@dataclass(frozen=True)
class DeclaredImage:
    """The image input as a model declares it.

    Attributes:
        name, channels: of the input.
        size: height and width; what is no integer is open.
        layout: of the input.
    """

    name: str
    channels: int
    size: tuple[int | str | None, int | str | None]
    layout: Layout

    @property
    def is_open(self) -> bool:
        """Whether it leaves both height and width open."""
        return not any(isinstance(side, int) for side in self.size)


def declared_image(model: onnx.ModelProto, wanted: str | None, source: str) -> DeclaredImage:
    """The input that is the image, by its name or because no other could be.

    Raises:
        UnsupportedModelError: if it is no floating-point tensor of rank 4, its channels are open,
            or as `image_input_name`.
        UsageError: as `image_input_name`.
    """
    name = image_input_name(model, wanted, source)
    kind = next(value for value in model.graph.input if value.name == name).type.tensor_type
    shape: list[Any] = [d.dim_param or d.dim_value or None for d in kind.shape.dim]
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    if len(shape) != _RANK or dtype not in (np.float16, np.float32, np.float64):
        raise UnsupportedModelError(
            f"{source}: input '{name}' is {dtype} of rank {len(shape)}; an image input is"
            " float32 or float16 of rank 4: move casts and reshapes of the input out of the model"
        )
    is_last = shape[3] in _CHANNELS and shape[1] not in _CHANNELS
    channels, *size = (shape[3], *shape[1:3]) if is_last else shape[1:]
    if not isinstance(channels, int) or channels < 1:
        raise UnsupportedModelError(
            f"{source}: input '{name}' has shape {shape}: the number of channels must be"
            " fixed; export the model with it"
        )
    return DeclaredImage(name, channels, (size[0], size[1]), "NHWC" if is_last else "NCHW")


def image_input_name(model: onnx.ModelProto, wanted: str | None, source: str) -> str:
    """Name of the graph input that is the image.

    Raises:
        UsageError: if `wanted` is no input of the graph.
        UnsupportedModelError: if no input, or more than one, has the rank of an image.
    """
    inputs: dict[str, onnx.ValueInfoProto] = {value.name: value for value in model.graph.input}
    if wanted is not None:
        if wanted not in inputs:
            raise UsageError(
                f"{source}: has no input '{wanted}'; its inputs are {', '.join(inputs)}"
            )
        return wanted
    images = [name for name, value in inputs.items() if len(_dims(value)) == _RANK]
    if len(images) == 1:
        return images[0]
    if not images:
        shapes = ", ".join(f"'{name}' {_shape(value)}" for name, value in inputs.items())
        raise UnsupportedModelError(
            f"{source}: no input has the dimensions of images ({shapes or 'there is none'});"
            " export the model with [N,C,H,W] or [N,H,W,C], or without N for one image"
        )
    raise UnsupportedModelError(
        f"{source}: several inputs could be the image ({', '.join(images)});"
        " name one with --image-input"
    )


def add_batch(model: onnx.ModelProto, source: str, image_input: str | None = None) -> bool:
    """Give an image input without a batch a batch of one, in place.

    Args:
        model: a checked model.
        source: how messages call it.
        image_input: name of the image; the one input of an image's rank if not given.

    Returns:
        Whether the image had none.

    Raises:
        UnsupportedModelError: if the image is an output as well.
    """
    image = image_value(model, image_input)
    if image is None or len(_dims(image)) == _RANK:
        return False
    if any(output.name == image.name for output in model.graph.output):
        raise UnsupportedModelError(
            f"{source}: input '{image.name}' has no batch and is an output as well; export the"
            " model with an input [1,C,H,W], or without that output"
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
    """The input that is the image, with or without a batch; None where that is not plain.

    Args:
        model: the model.
        wanted: name of the input; None for the only one of four dimensions or, where none has
            four, the only one of three that has one or three channels.
    """
    values = [value for value in model.graph.input if wanted in (None, value.name)]
    images = [value for value in values if len(_dims(value)) == _RANK] or [
        value for value in values if _is_one_image(value, wanted is not None)
    ]
    return images[0] if len(images) == 1 else None


def _is_one_image(value: onnx.ValueInfoProto, is_named: bool) -> bool:
    """Whether a shape is [C, H, W] or [H, W, C]; what the user calls an image may have any C."""
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
