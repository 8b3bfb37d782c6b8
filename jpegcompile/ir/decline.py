"""Declined matches: why a pass leaves a node unchanged, and the reasons that passes share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.ir.module import Module
from jpegcompile.messages import Message


@dataclass(frozen=True)
class Decline:
    """A node that a pass leaves unchanged, and the reason, which the report shows to the user."""

    node: gs.Node
    reason: Message


def is_sequence(tensor: gs.Tensor) -> bool:
    """Whether a tensor has no plane: vectors, and operands of one-dimensional operators."""
    return tensor.shape is not None and len(tensor.shape) <= 3


def map_problem(node: gs.Node, module: Module, *tensors: gs.Tensor) -> Decline | None:
    """Decline a node if one of its tensors cannot enter the JPEG domain.

    Args:
        node: the node to decline.
        module: the module that contains the node.
        tensors: tensors of the node that must be maps.

    Returns:
        The reason of the first such tensor; None if all can enter the JPEG domain.
    """
    reasons = (_map_problem(tensor, module) for tensor in tensors)
    reason = next((reason for reason in reasons if reason is not None), None)
    return None if reason is None else Decline(node, reason)


def _map_problem(tensor: gs.Tensor, module: Module) -> Message | None:
    name = f"'{tensor.name}'"
    if tensor.name in module.maps:
        return None
    if tensor.shape is None or any(not isinstance(d, int) for d in tensor.shape[1:]):
        return Message("map-shape-unknown", f"the shape of {name} is not known at compile time")
    if len(tensor.shape) != 4:
        return Message("not-a-map", f"{name} does not have batch, channels, height and width")
    if tensor.name in module.channels_last:
        return channels_last_problem(tensor.name)
    if 0 in tensor.shape:
        return Message("map-empty", f"{name} is empty")
    if isinstance(tensor, gs.Constant):
        return Message("map-is-constant", f"{name} is a constant, not a feature map")
    if tensor.name in module.infinite:
        text = f"{name} may contain values too large for a transform"
        return Message("map-values-too-large", text)
    if tensor.dtype == np.float16:
        text = f"{name} is float16, and its operator cannot be computed in float32"
        return Message("map-is-float16", text)
    text = f"{name} is {tensor.dtype}, not float16, float32 or float64"
    return Message("map-type-unsupported", text)


def channels_last_problem(name: str) -> Message:
    """Reason for a node that reads a channels-last map of this name."""
    return Message("map-channels-last", f"'{name}' is a channels-last map")


def no_jpeg_form(node: gs.Node) -> Message:
    """Reason for a node whose operator has no counterpart in the JPEG domain."""
    return Message("no-jpeg-domain-form", f"{node.op} has no JPEG-domain form")
