"""Errors of native kernels name the node, the shapes and the cause."""

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
    """Return operands for 16x16 images with half-resolution chroma; `changed` replaces some."""
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

# Operator, attributes, operands and a part of the message.
CASES: list[tuple[str, dict[str, Any], list[Array], str]] = [
    (
        "JpegRelu",
        {"block": 8},
        [_zeros(16, 16), *_FOUR],
        "x has shape [16,16]",
    ),
    (
        "JpegRelu",
        {"block": 8},
        [_zeros(2, 16, 16, 12), *_FOUR],
        "x of shape [2,16,16,12]",
    ),
    ("JpegRelu", {"block": 3}, [_X, *_FOUR], "block is 3"),
    (
        "JpegRelu",
        {"block": 8, "x_group": 8},
        [_X, *_FOUR],
        "groups of 8 channels",
    ),
    (
        "JpegRelu",
        {"block": 8, "y_group": 16},
        [_zeros(1, 24, 8, 8), *_FOUR],
        "y of shape [1,24,8,8]",
    ),
    (
        "JpegAsmRelu",
        {"block": 8, "frequencies": 3, "to": 1},
        [_X, _zeros(16, 8), *_FOUR],
        "band has shape [16,8]",
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
        "low has shape [2]",
    ),
    (
        "JpegBatchNormalization",
        {"block": 8},
        [_X, _zeros(16, 16, 1), _zeros(16, 1, 1), _FOUR[0]],
        "scale of shape [16,16,1]",
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
        "band has shape [256]",
    ),
    (
        "JpegGelu",
        {"block": 8, "approximate": "fast"},
        [_X, *_FOUR],
        "approximate is 'fast'",
    ),
    (
        "JpegMaxPool",
        {**_POOL, **_BLOCKS, "strides": [2]},
        [_X, *_FOUR],
        "strides must be 2 numbers",
    ),
    (
        "JpegMaxPool",
        {**_POOL, **_BLOCKS, "pads": [0, 0, -1, 0]},
        [_X, *_FOUR],
        "pads must be 4 numbers",
    ),
    (
        "JpegMaxPool",
        {**_POOL, **_BLOCKS, "kernel_shape": [3, 19]},
        [_X, *_FOUR],
        "window of 3x19 exceeds the padded x",
    ),
    (
        "JpegMaxPool",
        {**_POOL, **_BLOCKS, "strides": [1, 3]},
        [_X, *_FOUR],
        "y of shape [2,16,16,6]",
    ),
    (
        "SpatialMaxPool",
        {**_POOL, "dilations": [9, 9]},
        [_X],
        "window of 3x3 exceeds the padded x",
    ),
    (
        "JpegGlobalMaxPool",
        _BLOCKS,
        [_zeros(1, 3, 8, 12), *_FOUR[:2]],
        "x of shape [1,3,8,12]",
    ),
    ("SpatialGlobalAveragePool", {}, [_zeros(1, 3, 0, 4)], "x of shape [1,3,0,4] has no pixels"),
    (
        "JpegSlice",
        _BLOCKS,
        [_X, _zeros(8, 16), _zeros(8, 8)],
        "matrices, which are for 16x8",
    ),
    (
        "JpegSlice",
        _BLOCKS,
        [_X, _zeros(16), _zeros(16, 8)],
        "rows has shape [16]",
    ),
    (
        "JpegSlice",
        _BLOCKS,
        [_X, _zeros(9, 16), _zeros(16, 8)],
        "y of shape [2,16,9,8]",
    ),
    (
        "JpegSpaceToDepth",
        {"blocksize": 0, **_BLOCKS},
        [_X, *_FOUR],
        "blocksize is 0",
    ),
    (
        "JpegSpaceToDepth",
        {"blocksize": 3, **_BLOCKS},
        [_X, *_FOUR],
        "x of shape [2,16,16,16] cannot be rearranged",
    ),
    (
        "JpegDepthToSpace",
        {"blocksize": 3, **_BLOCKS},
        [_X, *_FOUR],
        "x of shape [2,16,16,16] cannot be rearranged",
    ),
    _ingest_case(
        "coefficients have shape [1,1,2,2,64,1]",
        {0: np.zeros((1, 1, 2, 2, 64, 1), np.int16)},
    ),
    _ingest_case(
        "coefficients of shape [2,2,1,1,8,8]",
        {1: np.zeros((2, 2, 1, 1, 8, 8), np.int16)},
    ),
    _ingest_case(
        "coefficients of shape [1,1,2,3,8,8]",
        {0: np.zeros((1, 1, 2, 3, 8, 8), np.int16)},
    ),
    _ingest_case("16x16 and 24x16", {11: _zeros(24, 8)}),
    _ingest_case("3 table numbers", {6: np.array([0, 1, 2])}),
    _ingest_case("table 3 is out of range", {6: np.array([1, 3])}),
    _ingest_case("table -1 is out of range", {6: np.array([-1, 1])}),
    _ingest_case("mixing of shape [3,2,1,1]", {13: _zeros(3, 2, 1, 1)}),
    _ingest_case("offset of shape [2]", {14: _zeros(2)}),
]


@pytest.mark.parametrize("index", range(len(CASES)), ids=lambda i: f"{CASES[i][0]}-{i}")
def test_message(index: int) -> None:
    op, attributes, operands, message = CASES[index]
    case = BodyCase("refused", op, tuple(operands), attributes, np.zeros(1), 1)
    feeds = {f"i{position}": operand for position, operand in enumerate(operands)}
    with pytest.raises(NativeError) as refusal:
        run_native(native_model(case), [feeds], "avx2")
    assert message in str(refusal.value).partition(f"{op} 'node': ")[2]
