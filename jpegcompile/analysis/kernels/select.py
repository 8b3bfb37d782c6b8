"""Select the calls that compute a node of a graph."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_graphsurgeon as gs

from jpegcompile.analysis.kernels.common import (
    UNKNOWN_SIZE,
    Declined,
    NotConstantError,
    Selector,
    size_of_map,
)
from jpegcompile.analysis.kernels.convolution import convolution, standard_convolution
from jpegcompile.analysis.kernels.elementwise import (
    STANDARD_FUNCTIONS,
    activation,
    cast,
    function,
    of_two_maps,
    scaled,
    standard_arithmetic,
    standard_batch_normalization,
    standard_function,
    truncation,
)
from jpegcompile.analysis.kernels.others import group_normalization, rearrangement, reduction
from jpegcompile.analysis.kernels.pools import (
    global_average_pool,
    global_max_pool,
    max_pool,
    separable,
    standard_average_pool,
)
from jpegcompile.ir.calls import Call, TorchCall
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.messages import Message
from jpegcompile.operators.definition import Operator

# By the name of the native kernel, which identifies a family of operators.
_BY_KERNEL: Mapping[str, Selector] = {
    "conv": convolution,
    "conv_transpose": convolution,
    "relu": activation,
    "prelu": activation,
    "clip": activation,
    "scale": scaled,
    "add": scaled,
    "sub": scaled,
    "batch_normalization": scaled,
    "scale_add_relu": scaled,
    "product": of_two_maps,
    "maximum": of_two_maps,
    "minimum": of_two_maps,
    "max_pool": max_pool,
    "global_max_pool": global_max_pool,
    "global_average_pool": global_average_pool,
    "separable": separable,
    "space_to_depth": rearrangement,
    "depth_to_space": rearrangement,
    "group_normalization": group_normalization,
    **dict.fromkeys(("channel_max", "channel_mean", "channel_min", "channel_sum"), reduction),
    "to_jpeg": cast,
    "to_spatial": cast,
    "truncate": truncation,
    "program": function,
}
_STANDARD: Mapping[str, Selector] = {
    "BatchNormalization": standard_batch_normalization,
    "Conv": standard_convolution,
    "AveragePool": standard_average_pool,
    **dict.fromkeys(("Add", "Sum", "Sub", "Neg"), standard_arithmetic),
    **dict.fromkeys(STANDARD_FUNCTIONS, standard_function),
}


def call_of(node: gs.Node, module: Module) -> list[Call]:
    """Return the calls that compute a node; several if the kernel needs an additional map."""
    operator = module.operator(node)
    selector = _STANDARD.get(node.op) if operator is None else _selector(operator)
    if selector is None:
        text = "no kernel computes this operator"
        return [TorchCall(node, Message("no-kernel-for-operator", text))]
    tensors = [t for t in (*node.inputs, *node.outputs) if t.name and value_of(t) is None]
    if operator is not None and any(size_of_map(tensor) is None for tensor in tensors):
        return [TorchCall(node, UNKNOWN_SIZE.reason)]
    try:
        found = selector(node, module)
    except NotConstantError as error:
        return [TorchCall(node, error.reason)]
    if isinstance(found, Declined):
        return [TorchCall(node, found.reason)]
    if not all(_is_map(name, tensors, module) for call in found for name in call.roles.values()):
        text = "an operand is not a map of known size"
        return [TorchCall(node, Message("operand-of-unknown-size", text))]
    return [*found]


def _is_map(name: str, tensors: list[gs.Tensor], module: Module) -> bool:
    """Whether an operand of a call is a map and not a constant."""
    if name in module.low_frequency_maps:
        return True
    return any(t.name == name and size_of_map(t) is not None for t in tensors)


def _selector(operator: Operator) -> Selector | None:
    if operator.reference == "pixelwise.reference:jpeg_pixelwise":
        return function
    return _BY_KERNEL.get(operator.kernel)


def frequencies_of(node: gs.Node, operator: Operator | None) -> int | None:
    """Return the number of frequencies that a node keeps; None if it does not truncate."""
    if operator is None or not operator.truncates:
        return None
    return int(node.attrs["frequencies"])
