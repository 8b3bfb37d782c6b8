"""What a Resize node of ONNX means as one of our filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from jpegcompile.preprocessing.steps import Filter, Interpolation

Constants = Mapping[str, NDArray[Any]]
Dim = int | str | None

# Resize and Shape mean the same in each that the compiler takes.
_OPSET = 19
_UNWRITTEN = 1_000_003
# They differ where a side becomes one pixel.
_HALF_PIXEL = ("half_pixel", "pytorch_half_pixel")
_CUBICS: Mapping[float, Interpolation] = {-0.75: "bicubic", -0.5: "catmull-rom"}


class NotReadError(Exception):
    """Why a node is not understood."""


def filter_of(node: onnx.NodeProto) -> Filter:
    """The filter by which a Resize resamples, as ONNX Runtime computes it.

    Raises:
        NotReadError: if none of ours is the same.
    """
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    mode = given.get("mode", b"nearest").decode()
    places = given.get("coordinate_transformation_mode", b"half_pixel").decode()
    if mode == "nearest":
        raise NotReadError("it takes the nearest pixels, which the rounding of float32 decides")
    if places not in _HALF_PIXEL:
        raise NotReadError(f"its coordinate_transformation_mode is {places}, not half_pixel")
    coefficient = round(float(given.get("cubic_coeff_a", -0.75)), 6)
    if mode == "cubic" and coefficient not in _CUBICS:
        raise NotReadError(f"its cubic_coeff_a is {coefficient}, neither -0.75 nor -0.5")
    kind = "bilinear" if mode == "linear" else _CUBICS[coefficient]
    suffix = "-inside" if given.get("exclude_outside", 0) else ""
    name = cast(Interpolation, f"{kind}{suffix}")
    return Filter(name, "onnxruntime", antialias=bool(given.get("antialias", 0)))


def sizes_of(
    node: onnx.NodeProto,
    size_nodes: Sequence[onnx.NodeProto],
    seen: Mapping[str, Sequence[Dim]],
    constants: Constants,
    spatial: Sequence[int],
) -> tuple[int, int]:
    """(height, width) that a Resize brings every image to.

    Args:
        node: the Resize.
        size_nodes: nodes that make its sizes of shapes.
        seen: shape of each tensor that those read, and of what the node resizes; height and width
            are None.
        constants: the values of tensors that have one.
        spatial: axes of height and width among the four of what it resizes.

    Raises:
        NotReadError: if the size depends on the image's, or the batch or the channels change.
    """
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    policy = given.get("keep_aspect_ratio_policy", b"stretch").decode()
    if policy != "stretch":
        raise NotReadError(f"its keep_aspect_ratio_policy is {policy}")
    if len(node.input) < 4 or not node.input[3]:
        raise NotReadError("it has scales, and no sizes that do not depend on the image's")
    shape, sizes = seen[node.input[0]], constants.get(node.input[3])
    if sizes is None:
        made = _inferred(node, size_nodes, seen, constants)
    else:
        axes = [axis % 4 for axis in given.get("axes", range(4))]
        wanted = dict(zip(axes, map(int, sizes.ravel()), strict=True))
        made = [wanted.get(axis, shape[axis]) for axis in range(4)]
    height, width = (made[axis] for axis in spatial)
    if not isinstance(height, int) or not isinstance(width, int):
        raise NotReadError("its sizes are computed from the image's")
    if any(made[axis] != shape[axis] for axis in set(range(4)) - set(spatial)):
        raise NotReadError("it resizes the batch or the channels")
    places = given.get("coordinate_transformation_mode", b"").decode()
    if places == "pytorch_half_pixel" and 1 in (height, width):
        raise NotReadError("it makes a side of one pixel by pytorch_half_pixel")
    return height, width


def _inferred(
    node: onnx.NodeProto,
    size_nodes: Sequence[onnx.NodeProto],
    seen: Mapping[str, Sequence[Dim]],
    constants: Constants,
) -> list[Dim]:
    """The shape of what a Resize gives, if nothing is known of the image's height and width."""
    # Sizes that are open are such as nobody writes into a model.
    names = sorted({dim for shape in seen.values() for dim in shape if isinstance(dim, str)})
    numbers = {name: _UNWRITTEN + place for place, name in enumerate(names)}
    images = [
        helper.make_tensor_value_info(
            name,
            onnx.TensorProto.FLOAT,
            [numbers[dim] if isinstance(dim, str) else dim for dim in shape],
        )
        for name, shape in seen.items()
    ]
    result = helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None)
    used = {name for each in (*size_nodes, node) for name in each.input}
    values = [numpy_helper.from_array(constants[n], n) for n in sorted(used) if n in constants]
    graph = helper.make_graph([*size_nodes, node], "sizes", images, [result], values)
    opsets = [helper.make_opsetid("", _OPSET)]
    model = onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=opsets), data_prop=True
    )
    dims = model.graph.output[0].type.tensor_type.shape.dim
    texts = {number: name for name, number in numbers.items()}
    made = [texts.get(dim.dim_value, dim.dim_value or None) for dim in dims]
    return made or [None] * 4
