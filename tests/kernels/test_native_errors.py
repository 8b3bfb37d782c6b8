"""What native kernels say of calls that they cannot run: the node, the shapes and the cause."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.function_bodies import Array, BodyCase
from support.native import NativeError, run_native
from support.native_cases import native_model

_POOL = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
_BLOCKS = {"input_block": 8, "output_block": 8}


def _zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


def _ingest(changed: dict[int, Array]) -> list[Array]:
    """Operands for images of 16x16 with chroma of half the resolution, some of them replaced."""
    operands = [
        np.zeros((1, 1, 2, 2, 8, 8), np.int16),
        np.zeros((1, 2, 1, 1, 8, 8), np.int16),
        np.ones((1, 3, 8, 8), np.uint16),
        *(np.array([0]), np.array([0, 1, 1, 1, 8, 8]), np.array([0, 1, 16, 16])),
        *(np.array([1, 2]), np.array([0, 2, 1, 1, 8, 8]), np.array([0, 2, 8, 8])),
        *(_zeros(16, 16), _zeros(16, 16), _zeros(16, 8), _zeros(8, 16)),
        *(_zeros(3, 3, 1, 1), _zeros(3, 1, 1), _zeros(16, 16)),
    ]
    return [changed.get(index, operand) for index, operand in enumerate(operands)]


def _ingest_case(message: str, changed: dict[int, Array]) -> Any:
    return ("JpegIngest", {"to": 1, "block": 8}, _ingest(changed), message)


_FOUR = [_zeros(16, 16)] * 4
_X = _zeros(2, 16, 16, 16)
_NARROW = "do not fit 3 components"

# Operator, attributes, operands and what is said behind the node's name.
CASES: list[tuple[str, dict[str, Any], list[Array], str]] = [
    (
        "JpegRelu",
        {"block": 8},
        [_zeros(16, 16), *_FOUR],
        "x has shape [16,16], a map has four dimensions",
    ),
    (
        "JpegRelu",
        {"block": 8},
        [_zeros(2, 16, 16, 12), *_FOUR],
        "x of shape [2,16,16,12] has no whole tiles of 8x8",
    ),
    ("JpegRelu", {"block": 3}, [_X, *_FOUR], "its block is 3, block sizes are 8, 4, 2 and 1"),
    (
        "JpegRelu",
        {"block": 8, "x_group": 8},
        [_X, *_FOUR],
        "x of shape [2,16,16,16] cannot be in groups of 8 channels; compile the model again",
    ),
    (
        "JpegRelu",
        {"block": 8, "y_group": 16},
        [_zeros(1, 24, 8, 8), *_FOUR],
        "y of shape [1,24,8,8] cannot be in groups of 16 channels; compile the model again",
    ),
    (
        "JpegAsmRelu",
        {"block": 8, "frequencies": 3, "to": 1},
        [_X, _zeros(16, 8), *_FOUR],
        "band has shape [16,8] for x of shape [2,16,16,16]",
    ),
    (
        "JpegPRelu",
        {"block": 8},
        [_X, _zeros(3, 1, 1), *_FOUR],
        "slope of shape [3,1,1] does not broadcast to x of shape [2,16,16,16]",
    ),
    (
        "JpegPRelu",
        {"block": 8},
        [_X, _zeros(1, 1, 16, 1, 1), *_FOUR],
        "slope of shape [1,1,16,1,1] does not broadcast to x of shape [2,16,16,16]",
    ),
    (
        "JpegClip",
        {"block": 8},
        [_X, _zeros(2), _zeros(), *_FOUR],
        "low has shape [2], it has to be one number",
    ),
    (
        "JpegBatchNormalization",
        {"block": 8},
        [_X, _zeros(16, 16, 1), _zeros(16, 1, 1), _FOUR[0]],
        "scale of shape [16,16,1] varies over the height and width of x of shape [2,16,16,16]",
    ),
    (
        "JpegAdd",
        {"block": 8},
        [_X, _zeros(3, 16, 1, 1), _FOUR[0]],
        "value of shape [3,16,1,1] does not broadcast to x of shape [2,16,16,16]",
    ),
    (
        "JpegScale",
        {"block": 8},
        [_X, _zeros(2, 1, 1)],
        "scale of shape [2,1,1] does not broadcast to x of shape [2,16,16,16]",
    ),
    (
        "JpegTruncate",
        {"block": 8, "frequencies": 3},
        [_X, _zeros(256)],
        "band has shape [256] for x of shape [2,16,16,16]",
    ),
    (
        "JpegGelu",
        {"block": 8, "approximate": "fast"},
        [_X, *_FOUR],
        "its approximate is 'fast', it has to be 'none' or 'tanh'",
    ),
    (
        "JpegMaxPool",
        {**_POOL, **_BLOCKS, "strides": [2]},
        [_X, *_FOUR],
        "its strides have to be 2 numbers from 1 on",
    ),
    (
        "JpegMaxPool",
        {**_POOL, **_BLOCKS, "pads": [0, 0, -1, 0]},
        [_X, *_FOUR],
        "its pads have to be 4 numbers from 0 on",
    ),
    (
        "JpegMaxPool",
        {**_POOL, **_BLOCKS, "kernel_shape": [3, 19]},
        [_X, *_FOUR],
        "its window of 3x19 exceeds the padded x of shape [2,16,16,16]",
    ),
    (
        "JpegMaxPool",
        {**_POOL, **_BLOCKS, "strides": [1, 3]},
        [_X, *_FOUR],
        "y of shape [2,16,16,6] has no whole tiles of 8x8",
    ),
    (
        "SpatialMaxPool",
        {**_POOL, "dilations": [9, 9]},
        [_X],
        "its window of 3x3 exceeds the padded x of shape [2,16,16,16]",
    ),
    (
        "JpegGlobalMaxPool",
        _BLOCKS,
        [_zeros(1, 3, 8, 12), *_FOUR[:2]],
        "x of shape [1,3,8,12] has no whole tiles of 8x8",
    ),
    ("SpatialGlobalAveragePool", {}, [_zeros(1, 3, 0, 4)], "x of shape [1,3,0,4] has no pixels"),
    (
        "JpegSlice",
        _BLOCKS,
        [_X, _zeros(8, 16), _zeros(8, 8)],
        "x of shape [2,16,16,16] meets matrices for 16x8",
    ),
    (
        "JpegSlice",
        _BLOCKS,
        [_X, _zeros(16), _zeros(16, 8)],
        "rows has shape [16], it has to be a matrix",
    ),
    (
        "JpegSlice",
        _BLOCKS,
        [_X, _zeros(9, 16), _zeros(16, 8)],
        "y of shape [2,16,9,8] has no whole tiles of 8x8",
    ),
    (
        "JpegSpaceToDepth",
        {"blocksize": 0, **_BLOCKS},
        [_X, *_FOUR],
        "its blocksize is 0, it has to be from 1 to 1024",
    ),
    (
        "JpegSpaceToDepth",
        {"blocksize": 3, **_BLOCKS},
        [_X, *_FOUR],
        "x of shape [2,16,16,16] does not rearrange by 3x3",
    ),
    (
        "JpegDepthToSpace",
        {"blocksize": 3, **_BLOCKS},
        [_X, *_FOUR],
        "x of shape [2,16,16,16] does not rearrange by 3x3",
    ),
    _ingest_case(
        "coefficients have shape [1,1,2,2,64,1], not [N,components,rows,columns,8,8]",
        {0: np.zeros((1, 1, 2, 2, 64, 1), np.int16)},
    ),
    _ingest_case(
        "quantization has shape [1,3,8,8] for coefficients of shape [2,2,1,1,8,8]",
        {1: np.zeros((2, 2, 1, 1, 8, 8), np.int16)},
    ),
    _ingest_case(
        "coefficients of shape [1,1,2,3,8,8] meet matrices for 16x16",
        {0: np.zeros((1, 1, 2, 3, 8, 8), np.int16)},
    ),
    _ingest_case("its components become 16x16 and 24x16", {11: _zeros(24, 8)}),
    _ingest_case(
        "it names 3 tables for coefficients of shape [1,2,1,1,8,8]", {6: np.array([0, 1, 2])}
    ),
    _ingest_case("there is no table 3 in quantization of shape [1,3,8,8]", {6: np.array([1, 3])}),
    _ingest_case("there is no table -1 in quantization of shape [1,3,8,8]", {6: np.array([-1, 1])}),
    _ingest_case(
        f"mixing of shape [3,2,1,1] and offset of shape [3,1,1] {_NARROW}", {13: _zeros(3, 2, 1, 1)}
    ),
    _ingest_case(f"mixing of shape [3,3,1,1] and offset of shape [2] {_NARROW}", {14: _zeros(2)}),
]


@pytest.mark.parametrize("index", range(len(CASES)), ids=lambda i: f"{CASES[i][0]}-{i}")
def test_message(index: int) -> None:
    op, attributes, operands, message = CASES[index]
    case = BodyCase("refused", op, tuple(operands), attributes, np.zeros(1), 1)
    feeds = {f"i{position}": operand for position, operand in enumerate(operands)}
    with pytest.raises(NativeError) as refusal:
        run_native(native_model(case), [feeds], "avx2")
    assert str(refusal.value).endswith(f"{op} 'node': {message}")
