"""Operators of ONNX that are several operators of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
import torch
from numpy.typing import NDArray
from torch.nn import functional

from jpegcompile.analysis.padding import padding_of
from jpegcompile.analysis.resampling import resampling_of, sampling_of
from jpegcompile.analysis.window import pool_window
from jpegcompile.backends.triton.standard_node import NotWrittenError, text_of
from jpegcompile.dct.linear import average_pool_matrix
from jpegcompile.dct.resize import resize_matrix
from jpegcompile.ir.graph import input_at, static_dims
from jpegcompile.messages import Message

# Modes of Pad that repeat pixels, and their names in PyTorch.
_REPEATING = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}
# Returns the value of an input of a node, or of a new constant, in an fx graph.
Operand = Callable[[gs.Tensor], Any]
Maker = Callable[[gs.Node, Operand, int], Any]


def _separable(x: Any, rows: NDArray[Any], columns: NDArray[Any], dtype: Any, of: Operand) -> Any:
    """Return R x C^T of a map, with both matrices as constants."""
    left, right = (gs.Constant("matrix", np.asarray(m, dtype)) for m in (rows, columns.T))
    return of(left) @ (x @ of(right))


def _size(node: gs.Node) -> tuple[int, int]:
    dims = static_dims((node.inputs[0].shape or ())[1:])
    if dims is None or len(dims) != 3:
        raise NotWrittenError(Message("torch-map-size-unknown", "the size of its map is not known"))
    return dims[1], dims[2]


def _resize(node: gs.Node, of: Operand, opset: int) -> Any:
    size = _size(node)
    sampling, resampling = sampling_of(node, opset), resampling_of(node)
    if isinstance(sampling, Message):
        raise NotWrittenError(sampling)
    if isinstance(resampling, Message):
        raise NotWrittenError(resampling)
    rows, columns = (
        resize_matrix(before, after, scale, sampling)
        for before, after, scale in zip(size, resampling.sizes, resampling.scales, strict=True)
    )
    return _separable(of(node.inputs[0]), rows, columns, node.inputs[0].dtype, of)


def _average_pool(node: gs.Node, of: Operand, opset: int) -> Any:
    """Return an average pool that no layer of PyTorch computes; the divisor is separable, too."""
    size, window = _size(node), pool_window(node)
    if isinstance(window, Message):
        raise NotWrittenError(window)
    rows, columns = (
        average_pool_matrix(
            size[axis],
            window.kernel[axis],
            window.strides[axis],
            (window.begin[axis], window.end[axis]),
            window.dilations[axis],
            bool(node.attrs.get("count_include_pad", 0)),
        )
        for axis in range(2)
    )
    return _separable(of(node.inputs[0]), rows, columns, node.inputs[0].dtype, of)


def _repeating_padding(node: gs.Node) -> list[int] | None:
    """Return the padding of a Pad that repeats pixels of a map: left, right, top, bottom."""
    if len(node.inputs[0].shape or ()) != 4:
        return None
    padding = padding_of(node)
    if isinstance(padding, Message) or padding.mode not in _REPEATING:
        return None
    (top, left), (bottom, right) = padding.begin[2:], padding.end[2:]
    amounts = [left, right, top, bottom]
    is_of_pixels = not any((*padding.begin[:2], *padding.end[:2])) and min(amounts) >= 0
    return amounts if is_of_pixels else None


def _pad(node: gs.Node, of: Operand, opset: int) -> Any:
    mode, amounts = _REPEATING[text_of(node.attrs["mode"])], _repeating_padding(node)
    assert amounts is not None
    return functional.pad(of(node.inputs[0]), amounts, mode)


def _depth_to_space(node: gs.Node, of: Operand, opset: int) -> Any:
    (height, width), size = _size(node), int(node.attrs["blocksize"])
    channels = int(node.inputs[0].shape[1]) // size**2
    x = of(node.inputs[0])
    if text_of(node.attrs.get("mode", "DCR")) == "CRD":
        return functional.pixel_shuffle(x, size)
    parts = x.reshape(-1, size, size, channels, height, width).permute(0, 3, 4, 1, 5, 2)
    return parts.reshape(-1, channels, height * size, width * size)


def _space_to_depth(node: gs.Node, of: Operand, opset: int) -> Any:
    (height, width), size = _size(node), int(node.attrs["blocksize"])
    channels, high, wide = int(node.inputs[0].shape[1]), height // size, width // size
    parts = of(node.inputs[0]).reshape(-1, channels, high, size, wide, size)
    return parts.permute(0, 3, 5, 1, 2, 4).reshape(-1, channels * size**2, high, wide)


def _parameters(node: gs.Node, of: Operand) -> list[Any]:
    return [None if (t := input_at(node, i)) is None else of(t) for i in (1, 2)]


def _instance_normalization(node: gs.Node, of: Operand, opset: int) -> Any:
    weight, bias = _parameters(node, of)
    epsilon = float(node.attrs.get("epsilon", 1e-5))
    x = of(node.inputs[0])
    return functional.instance_norm(x, weight=weight, bias=bias, eps=epsilon)


def _layer_normalization(node: gs.Node, of: Operand, opset: int) -> Any:
    shape, axis = tuple(node.inputs[0].shape or ()), int(node.attrs.get("axis", -1))
    sizes = static_dims(shape[axis if axis >= 0 else len(shape) + axis :])
    if not sizes or any(t.name for t in node.outputs[1:]):
        text = "the sizes of its axes are not known, or it has several outputs"
        raise NotWrittenError(Message("torch-layer-normalization-form", text))
    weight, bias = _parameters(node, of)
    epsilon = float(node.attrs.get("epsilon", 1e-5))
    made = functional.layer_norm(of(node.inputs[0]), sizes, eps=epsilon)
    made = made if weight is None else made * weight
    return made if bias is None else made + bias


def _group_normalization(node: gs.Node, of: Operand, opset: int) -> Any:
    groups, epsilon = int(node.attrs["num_groups"]), float(node.attrs.get("epsilon", 1e-5))
    weight, bias = _parameters(node, of)
    if opset < 21:
        each = int(node.inputs[0].shape[1]) // groups
        weight, bias = weight.repeat_interleave(each), bias.repeat_interleave(each)
    return functional.group_norm(of(node.inputs[0]), groups, weight, bias, epsilon)


def _softmax(function: Any) -> Maker:
    def make(node: gs.Node, of: Operand, opset: int) -> Any:
        x, rank = of(node.inputs[0]), len(node.inputs[0].shape or ())
        axis = int(node.attrs.get("axis", -1 if opset >= 13 else 1))
        if opset >= 13 or (rank and axis % rank == rank - 1):
            return function(x, dim=axis)
        return function(x.flatten(axis), dim=-1).reshape(x.shape)

    return make


def _transpose(node: gs.Node, of: Operand, opset: int) -> Any:
    axes = node.attrs.get("perm") or reversed(range(len(node.inputs[0].shape or ())))
    return of(node.inputs[0]).permute(*(int(axis) for axis in axes))


def is_more(node: gs.Node) -> bool:
    """Whether `MORE` has the operator of a node in this form."""
    return node.op in MORE and (node.op != "Pad" or _repeating_padding(node) is not None)


MORE: Mapping[str, Maker] = {
    "AveragePool": _average_pool,
    "DepthToSpace": _depth_to_space,
    "GroupNormalization": _group_normalization,
    "InstanceNormalization": _instance_normalization,
    "LayerNormalization": _layer_normalization,
    "LogSoftmax": _softmax(torch.log_softmax),
    "Pad": _pad,
    "Resize": _resize,
    "Softmax": _softmax(torch.softmax),
    "SpaceToDepth": _space_to_depth,
    "Transpose": _transpose,
    "Upsample": _resize,
}
