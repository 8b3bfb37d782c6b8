"""Convolutions as calls of GPU kernels, with their activation and residual input."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.kernels.common import (
    UNKNOWN_SIZE,
    Declined,
    by_channel,
    constant,
    operands_of,
    pair_of,
    size_of_map,
    varies_within_channel,
)
from jpegcompile.analysis.window import convolution_window
from jpegcompile.gpu.programs import CLIP, NOTHING, PRELU, RELU, Program
from jpegcompile.ir.calls import KernelCall
from jpegcompile.ir.graph import input_at
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import Operands
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.messages import Message

_ACTIVATIONS: dict[str, tuple[Program, tuple[str, ...]]] = {
    "": (NOTHING, ()),
    "Relu": (RELU, ()),
    "PRelu": (PRELU, ("slope",)),
    "Clip": (CLIP, ("low", "high")),
}


def convolution(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for a jpegcompile convolution: plain, fused or transposed."""
    operator = module.operator(node)
    assert operator is not None
    given = operands_of(node, operator)
    program, parameters = _ACTIVATIONS[operator.activation]
    channels = int(node.outputs[0].shape[1])
    weights = {"weight": constant(given["weight"]), "bias": constant(given["bias"]).reshape(-1)}
    if parameters:
        rows = [by_channel(constant(given[name]), channels) for name in parameters]
        if any(row is None for row in rows):
            return varies_within_channel("a parameter of its activation")
        weights["constants"] = np.stack([row for row in rows if row is not None])
    maps = {"x": given["x"].name}
    if "residual" in given:
        maps["residual"] = given["residual"].name
    arguments = {**_geometry(node, given), "program": program}
    name, op, result = str(node.name), str(node.op), node.outputs[0].name
    return [KernelCall(name, (op,), Convolution, arguments, maps, result, weights)]


def _geometry(node: gs.Node, given: Operands) -> dict[str, Any]:
    attrs = node.attrs
    height, width = given["weight"].shape[2:]
    geometry: dict[str, Any] = {"kernel": (int(height), int(width))}
    geometry["group"] = int(attrs.get("group", 1))
    if node.op == "JpegConvTranspose":
        geometry["is_transposed"] = True
    if "strides" in attrs:
        geometry["strides"] = pair_of(attrs["strides"])
        geometry["dilations"] = pair_of(attrs["dilations"])
        geometry["pads"] = pair_of(attrs["pads"])
    return geometry


def standard_convolution(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for a standard Conv between maps of known size, including maps of 1x1."""
    target = node.outputs[0]
    if node.name in module.exact_nodes:
        return Declined(module.exact_nodes[node.name])
    if size_of_map(node.inputs[0]) is None or size_of_map(target) is None:
        return UNKNOWN_SIZE
    window = convolution_window(node)
    if isinstance(window, Message):
        return Declined(window)
    weight = constant(node.inputs[1])
    bias = input_at(node, 2)
    values: NDArray[Any] = np.zeros(len(weight)) if bias is None else constant(bias)
    arguments = {
        "kernel": window.kernel,
        "strides": window.strides,
        "dilations": window.dilations,
        "pads": pair_of(window.pads),
        "group": int(node.attrs.get("group", 1)),
    }
    weights = {"weight": weight, "bias": values}
    maps = {"x": node.inputs[0].name}
    name = str(node.name)
    return [KernelCall(name, ("Conv",), Convolution, arguments, maps, target.name, weights)]
