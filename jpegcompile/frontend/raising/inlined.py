"""Find the operators of a model for `--target onnx`, whose function bodies were inlined.

MatMul(MatMul(D^T, x), D)        =>  ToSpatial(x)            D is the block DCT of an axis
MatMul(MatMul(D, x), D^T)        =>  ToJpeg(x)
MatMul(MatMul(R, x), C)          =>  JpegSeparable(x, R, C)  x or the result is in the JPEG domain
Add(Conv(x, w), Mul(b, dc))      =>  JpegPointwiseConv(x, w, b)
Add(x, Mul(v, dc)), Sub          =>  JpegAdd(x, v), JpegSub
Mul(x, band(n))                  =>  JpegTruncate(x), n

The nodes between casts are standard operators already. The metadata list the tensors in the JPEG
domain.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from jpegcompile.dct.blocks import BLOCK_SIZES, axis_dct, dc_map
from jpegcompile.dct.frequencies import band_map, full
from jpegcompile.interface import DOMAIN
from jpegcompile.metadata import CompiledInfo
from jpegcompile.operators.casts import TO_JPEG, TO_SPATIAL
from jpegcompile.operators.convolution import JPEG_POINTWISE_CONV
from jpegcompile.operators.piecewise import TRUNCATE

# Stands for any separable operator, whose name is unknown after inlining.
SEPARABLE = "JpegSeparable"
_TOLERANCE = 1e-5


def find_operators(model: onnx.ModelProto, info: CompiledInfo) -> None:
    """Replace inlined function bodies by nodes of `jpegcompile` operators, in place."""
    finder = _Finder(model.graph, info)
    made = [finder.replaced(node) for node in model.graph.node]
    nodes = [node for node in made if node is not None]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.opset_import.append(helper.make_opsetid(DOMAIN, 1))


class _Finder:
    def __init__(self, graph: onnx.GraphProto, info: CompiledInfo) -> None:
        self._constants = {t.name: t for t in graph.initializer}
        self._arrays: dict[str, NDArray[np.generic]] = {}
        self._makers = {o: node for node in graph.node for o in node.output}
        self._blocks = {name: int(block) for name, (block, _) in info.tensors.items()}
        self._readers: dict[str, int] = {}
        for name in (*(i for n in graph.node for i in n.input), *(o.name for o in graph.output)):
            self._readers[name] = self._readers.get(name, 0) + 1

    def replaced(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        """Return the node that computes what a node and nodes before it compute."""
        if node.domain or len(node.input) != 2:
            return node
        rules = {"MatMul": self._product, "Add": self._shift, "Sub": self._shift, "Mul": self._band}
        rule = rules.get(node.op_type)
        found = None if rule is None else rule(node)
        if found is not None:
            return found
        blocks = {self._blocks.get(name) for name in node.input if name not in self._constants}
        is_same = node.op_type == "Add" or self._is_pointwise(node)
        if len(blocks) == 1 and is_same and None not in blocks:
            self._blocks[node.output[0]] = blocks.pop() or 1
        return node

    def _array(self, name: str) -> NDArray[np.generic] | None:
        """Return a constant matrix."""
        tensor = self._constants.get(name)
        if tensor is None or len(tensor.dims) != 2:
            return None
        if name not in self._arrays:
            self._arrays[name] = numpy_helper.to_array(tensor)
        return self._arrays[name]

    def _only(self, name: str) -> onnx.NodeProto | None:
        """Return the node that makes a tensor with one reader."""
        return self._makers.get(name) if self._readers.get(name) == 1 else None

    def _product(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        inner, columns = self._only(node.input[0]), self._array(node.input[1])
        if inner is None or inner.op_type != "MatMul" or columns is None:
            return None
        rows, x = self._array(inner.input[0]), inner.input[1]
        if rows is None:
            return None
        inputs = [x, inner.input[0], node.input[1]]
        if _is_identity(rows) and _is_identity(columns):
            # The transform at block size 1.
            return helper.make_node("Identity", [x], node.output, node.name)
        for block in BLOCK_SIZES[:-1]:
            if rows.shape[0] % block or columns.shape[0] % block:
                continue
            if rows.shape[0] != rows.shape[1] or columns.shape[0] != columns.shape[1]:
                continue
            left, right = axis_dct(len(rows), block), axis_dct(len(columns), block)
            # The DCT of order 2 is its own inverse.
            is_known = self._blocks.get(x) == block
            if _is_close(rows, left.T) and _is_close(columns, right) and (is_known or block > 2):
                return _made(TO_SPATIAL, inputs, node, block=block)
            if _is_close(rows, left) and _is_close(columns, right.T):
                self._blocks[node.output[0]] = block
                return _made(TO_JPEG, inputs, node, block=block)
        blocks = [self._blocks.get(name, 1) for name in (x, node.output[0])]
        if blocks == [1, 1]:
            return None
        return _made(SEPARABLE, inputs, node, input_block=blocks[0], output_block=blocks[1])

    def _shift(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        """Match a constant that is added to DC coefficients."""
        spread = self._only(node.input[1])
        if spread is None or spread.op_type != "Mul" or len(spread.input) != 2:
            return None
        dc = self._array(spread.input[1])
        block = None if dc is None else next((b for b in BLOCK_SIZES if _is_dc(dc, b)), None)
        if block is None or block == 1:
            return None
        x, value = node.input[0], spread.input[0]
        self._blocks[node.output[0]] = block
        conv = self._only(x)
        if node.op_type == "Add" and conv is not None and self._is_pointwise(conv):
            groups = [a.i for a in conv.attribute if a.name == "group"]
            inputs = [*conv.input[:2], value, spread.input[1]]
            group = groups[0] if groups else 1
            return _made(JPEG_POINTWISE_CONV, inputs, node, group=group, block=block)
        return _made(f"Jpeg{node.op_type}", [x, value, spread.input[1]], node, block=block)

    def _is_pointwise(self, node: onnx.NodeProto) -> bool:
        """Whether a node is a 1x1 convolution without a bias."""
        weight = self._constants.get(node.input[1]) if node.op_type == "Conv" else None
        has_bias = len(node.input) > 2 and node.input[2]
        return weight is not None and list(weight.dims[2:]) == [1, 1] and not has_bias

    def _band(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        x, block = node.input[0], self._blocks.get(node.input[0], 1)
        band = self._array(node.input[1])
        if band is None or block == 1:
            return None
        height, width = band.shape
        if height % block or width % block:
            return None
        for count in range(1, full(block)):
            if np.array_equal(band, band_map(height, width, block, count)):
                self._blocks[node.output[0]] = block
                inputs = [x, node.input[1]]
                return _made(TRUNCATE, inputs, node, block=block, frequencies=count)
        return None


def _is_identity(matrix: NDArray[np.generic]) -> bool:
    return len(set(matrix.shape)) == 1 and np.array_equal(matrix, np.eye(len(matrix)))


def _is_dc(values: NDArray[np.generic], block: int) -> bool:
    height, width = values.shape
    return not (height % block or width % block) and _is_close(values, dc_map(height, width, block))


def _is_close(values: NDArray[np.generic], wanted: NDArray[np.float64]) -> bool:
    return bool(np.abs(values.astype(np.float64) - wanted).max() <= _TOLERANCE)


def _made(op: str, inputs: list[str], node: onnx.NodeProto, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs, node.output, node.name, domain=DOMAIN, **attributes)
