"""Reductions over channels, rearrangements and group normalizations as calls of GPU kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.kernels.common import (
    Declined,
    by_channel,
    constant,
    operands_of,
    varies_within_channel,
)
from jpegcompile.gpu.layout import padded_rows
from jpegcompile.ir.calls import KernelCall
from jpegcompile.ir.module import Module
from jpegcompile.kernels.group_normalization.launch import GroupNormalization
from jpegcompile.kernels.rearrange.launch import Rearrange
from jpegcompile.kernels.reduce.launch import ReduceChannels


def reduction(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for JpegChannelMax, JpegChannelMean, JpegChannelMin or JpegChannelSum."""
    kind = str(node.op).removeprefix("JpegChannel").lower()
    return _of_x(node, module, ReduceChannels, {"reduction": kind})


def rearrangement(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for JpegSpaceToDepth or JpegDepthToSpace."""
    arguments = {"side": int(node.attrs["blocksize"]), "to_depth": node.op == "JpegSpaceToDepth"}
    return _of_x(node, module, Rearrange, arguments)


def _of_x(
    node: gs.Node, module: Module, kernel: Any, arguments: dict[str, Any]
) -> list[KernelCall]:
    operator = module.operator(node)
    assert operator is not None
    x = operands_of(node, operator)["x"]
    name, op, result = str(node.name), str(node.op), node.outputs[0].name
    return [KernelCall(name, (op,), kernel, arguments, {"x": x.name}, result)]


def group_normalization(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for JpegGroupNormalization or SpatialGroupNormalization."""
    operator = module.operator(node)
    assert operator is not None
    given = operands_of(node, operator)
    channels = int(given["x"].shape[1])
    scale, shift = (by_channel(constant(given[name]), channels) for name in ("scale", "shift"))
    if scale is None or shift is None:
        return varies_within_channel("its scale or shift")
    weights = {
        "scale": padded_rows(scale),
        "shift": padded_rows(shift),
        "epsilon": constant(given["epsilon"]).reshape(1).astype(np.float32),
    }
    name, op, result = str(node.name), str(node.op), node.outputs[0].name
    arguments = {"groups": int(node.attrs["groups"])}
    maps = {"x": given["x"].name}
    return [KernelCall(name, (op,), GroupNormalization, arguments, maps, result, weights)]
