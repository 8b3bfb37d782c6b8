"""The call that computes each node of a graph."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_graphsurgeon as gs

from jpegcompile.analysis.kernels.common import Declined, NotConstantError, Selector, size_of_map
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
from jpegcompile.operators.definition import Operator

# By the names of native kernels, which are those of families of operators.
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
    """The calls that compute a node: several where a kernel needs another map first."""
    operator = module.operator(node)
    selector = _STANDARD.get(node.op) if operator is None else _selector(operator)
    if selector is None:
        return [TorchCall(node, "no kernel computes this operator")]
    tensors = [t for t in (*node.inputs, *node.outputs) if t.name and value_of(t) is None]
    if operator is not None and any(size_of_map(tensor) is None for tensor in tensors):
        return [TorchCall(node, "its maps have no known size, or are not float32")]
    try:
        found = selector(node, module)
    except NotConstantError as error:
        return [TorchCall(node, str(error))]
    if isinstance(found, Declined):
        return [TorchCall(node, found.reason)]
    if not all(_is_map(name, tensors, module) for call in found for name in call.roles.values()):
        return [TorchCall(node, "an operand is no map of known size")]
    return [*found]


def _is_map(name: str, tensors: list[gs.Tensor], module: Module) -> bool:
    """Whether a tensor that a call reads or makes is a map, and no constant."""
    if name in module.low_frequency_maps:
        return True
    return any(t.name == name and size_of_map(t) is not None for t in tensors)


def _selector(operator: Operator) -> Selector | None:
    if operator.reference == "pixelwise.reference:jpeg_pixelwise":
        return function
    return _BY_KERNEL.get(operator.kernel)


def frequencies_of(node: gs.Node, operator: Operator | None) -> int | None:
    """The frequencies that a node keeps of its result; None if that is all that there are."""
    if operator is None or not operator.truncates:
        return None
    return int(node.attrs["frequencies"])
