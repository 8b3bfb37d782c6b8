"""Pooling and other separable operators as calls of GPU kernels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.kernels.common import (
    NOT_ON_PIXELS,
    Declined,
    constant,
    operands_of,
    pair_of,
    size_of_map,
)
from jpegcompile.analysis.window import pool_window
from jpegcompile.dct.linear import average_pool_matrix
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import NOTHING
from jpegcompile.ir.calls import KernelCall
from jpegcompile.ir.module import Module
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.kernels.average_pool.launch import GlobalAveragePool
from jpegcompile.kernels.max_pool.launch import GlobalMaxPool, MaxPool
from jpegcompile.kernels.resample.launch import Resample, pixel_matrix, tables
from jpegcompile.messages import Message


def _max_pool(*, low: MapLayout | None = None, **arguments: Any) -> MaxPool:
    """Create a max pooling kernel; its approximated input `low` must have the layout of x."""
    if low is not None and low.view != arguments["x"].view:
        raise ValueError("max_pool: x and its approximation have different layouts")
    return MaxPool(is_asm=low is not None, **arguments)


def max_pool(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select calls for JpegMaxPool, its dilated and ASM variants, or SpatialMaxPool."""
    operator = module.operator(node)
    assert operator is not None
    x = operands_of(node, operator)["x"]
    attrs = node.attrs
    arguments = {
        "kernel": pair_of(attrs["kernel_shape"]),
        "strides": pair_of(attrs["strides"]),
        "pads": pair_of(attrs["pads"]),
        "dilations": pair_of(attrs.get("dilations", (1, 1))),
    }
    maps, calls = {"x": x.name}, []
    if operator.masking:
        low = module.fresh(f"{node.name}.low")
        module.low_frequency_maps[low] = x.name
        module.kept_frequencies[low] = int(attrs["frequencies"])
        maps["low"] = low
        program: Mapping[str, Any] = {"program": NOTHING}
        calls.append(KernelCall(low, (), Elementwise, program, {"x": x.name}, low))
    name, op, result = str(node.name), str(node.op), node.outputs[0].name
    return [*calls, KernelCall(name, (op,), _max_pool, arguments, maps, result)]


def global_max_pool(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for JpegGlobalMaxPool."""
    return _of_plane(node, module, GlobalMaxPool)


def global_average_pool(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for JpegGlobalAveragePool or SpatialGlobalAveragePool."""
    return _of_plane(node, module, GlobalAveragePool)


def _of_plane(node: gs.Node, module: Module, kernel: Any) -> list[KernelCall]:
    operator = module.operator(node)
    assert operator is not None
    x = operands_of(node, operator)["x"]
    name, op, result = str(node.name), str(node.op), node.outputs[0].name
    return [KernelCall(name, (op,), kernel, {}, {"x": x.name}, result)]


def separable(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for a separable operator, such as JpegAveragePool, JpegPad or JpegResize."""
    operator = module.operator(node)
    assert operator is not None
    given = operands_of(node, operator)
    blocks = int(node.attrs["input_block"]), int(node.attrs["output_block"])
    rows = pixel_matrix(constant(given["rows"]), *blocks)
    columns = pixel_matrix(constant(given["columns"]).T, *blocks)
    return [_resampled(node, given["x"], rows, columns)]


def _resampled(
    node: gs.Node, x: gs.Tensor, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> KernelCall:
    weights, reach = tables(rows, columns)
    name, op, result = str(node.name), str(node.op), node.outputs[0].name
    maps = {"x": x.name}
    return KernelCall(name, (op,), Resample, {"reach": reach}, maps, result, weights)


def standard_average_pool(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for a standard AveragePool on pixels."""
    if node.name in module.exact_nodes:
        return Declined(module.exact_nodes[node.name])
    x = node.inputs[0]
    size = size_of_map(x)
    if size is None or size_of_map(node.outputs[0]) is None or module.current_block(x) > 1:
        return NOT_ON_PIXELS
    window = pool_window(node)
    if isinstance(window, Message):
        return Declined(window)
    include_pad = bool(node.attrs.get("count_include_pad", 0))
    rows, columns = (
        average_pool_matrix(
            size[1 + axis],
            window.kernel[axis],
            window.strides[axis],
            (window.begin[axis], window.end[axis]),
            window.dilations[axis],
            include_pad,
        )
        for axis in range(2)
    )
    return [_resampled(node, x, rows, columns)]
