"""Read an ONNX Resize node as a filter of `jpegcompile.preprocessing`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from jpegcompile.messages import Message
from jpegcompile.preprocessing.steps import Filter, Interpolation

Constants = Mapping[str, NDArray[Any]]
Dim = int | str | None

# Resize and Shape mean the same in every supported opset.
_OPSET = 19
_UNWRITTEN = 1_000_003
# These modes differ only if a side becomes one pixel.
_HALF_PIXEL = ("half_pixel", "pytorch_half_pixel")
_CUBICS: Mapping[float, Interpolation] = {-0.75: "bicubic", -0.5: "catmull-rom"}


class NotReadError(Exception):
    """A node cannot be read as preprocessing.

    Attributes:
        reason: why not; "it" is the node.
    """

    def __init__(self, reason: Message) -> None:
        """Create an error for the node at hand."""
        super().__init__(reason)
        self.reason = reason


def filter_of(node: onnx.NodeProto) -> Filter:
    """Return the filter of a Resize node, as ONNX Runtime computes it.

    Raises:
        NotReadError: if no filter of `jpegcompile.preprocessing` computes the same.
    """
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    mode = given.get("mode", b"nearest").decode()
    places = given.get("coordinate_transformation_mode", b"half_pixel").decode()
    if mode == "nearest":
        raise NotReadError(
            Message(
                "resize-mode-nearest",
                "its mode is nearest, where float32 rounding decides which pixel is read",
            )
        )
    if places not in _HALF_PIXEL:
        raise NotReadError(
            Message(
                "resize-coordinates-unsupported",
                f"its coordinate_transformation_mode is {places}, not half_pixel",
            )
        )
    coefficient = round(float(given.get("cubic_coeff_a", -0.75)), 6)
    if mode == "cubic" and coefficient not in _CUBICS:
        raise NotReadError(
            Message(
                "resize-cubic-coefficient",
                f"its cubic_coeff_a is {coefficient}, neither -0.75 nor -0.5",
            )
        )
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
    """Return the (height, width) that a Resize node outputs for every image.

    Args:
        node: the Resize node.
        size_nodes: nodes that compute its sizes from shapes.
        seen: shape of the resized tensor and of each tensor that `size_nodes` read. Height and
            width are None.
        constants: values of constant tensors.
        spatial: axes of height and width in the resized tensor of rank 4.

    Raises:
        NotReadError: if the output size depends on the image size, or the batch or the channels
            are resized.
    """
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    policy = given.get("keep_aspect_ratio_policy", b"stretch").decode()
    if policy != "stretch":
        raise NotReadError(
            Message("resize-keeps-aspect-ratio", f"its keep_aspect_ratio_policy is {policy}")
        )
    if len(node.input) < 4 or not node.input[3]:
        raise NotReadError(
            Message(
                "resize-by-scales",
                "it has scales instead of sizes, so its output size depends on the image",
            )
        )
    shape, sizes = seen[node.input[0]], constants.get(node.input[3])
    if sizes is None:
        made = _inferred(node, size_nodes, seen, constants)
    else:
        axes = [axis % 4 for axis in given.get("axes", range(4))]
        wanted = dict(zip(axes, map(int, sizes.ravel()), strict=True))
        made = [wanted.get(axis, shape[axis]) for axis in range(4)]
    height, width = (made[axis] for axis in spatial)
    if not isinstance(height, int) or not isinstance(width, int):
        raise NotReadError(
            Message("resize-sizes-from-image", "its sizes are computed from the height or width")
        )
    if any(made[axis] != shape[axis] for axis in set(range(4)) - set(spatial)):
        raise NotReadError(
            Message("resize-batch-or-channels", "it resizes the batch or the channels")
        )
    places = given.get("coordinate_transformation_mode", b"").decode()
    if places == "pytorch_half_pixel" and 1 in (height, width):
        raise NotReadError(
            Message(
                "resize-to-one-pixel",
                "it resizes a side to one pixel with pytorch_half_pixel",
            )
        )
    return height, width


def _inferred(
    node: onnx.NodeProto,
    size_nodes: Sequence[onnx.NodeProto],
    seen: Mapping[str, Sequence[Dim]],
    constants: Constants,
) -> list[Dim]:
    """Infer the output shape of a Resize node with unknown height and width of the image."""
    # Each dynamic dimension becomes a number that no model contains.
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
