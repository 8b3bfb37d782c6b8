"""Models whose image has no height and width until --input-size gives them."""

from __future__ import annotations

import onnx


def opened(model: onnx.ModelProto, *axes: int, image: str | None = None) -> onnx.ModelProto:
    """The model with axes of its image input left open by name, the last one without a name.

    Args:
        model: stays as it is.
        axes: of the image input.
        image: name of the input; the first one if not given.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    value = next(v for v in result.graph.input if image in (None, v.name))
    dims = value.type.tensor_type.shape.dim
    for axis in axes:
        dims[axis].Clear()
        if axis != axes[-1]:
            dims[axis].dim_param = f"side{axis}"
    # What was inferred is of the old size.
    del result.graph.value_info[:]
    for output in result.graph.output:
        for dim in output.type.tensor_type.shape.dim[2:]:
            dim.Clear()
    return result


def shape_of(value: onnx.ValueInfoProto) -> list[int | str]:
    """Dimensions as integers or names."""
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
