"""Raise separable operators, whose nodes have only the matrices of both axes.

y = R @ x @ C  =>  AveragePool(x), Slice(x), Pad(x), ...    the operator with these matrices
                   A_H @ x @ A_W^T                          if no operator has them

with A = D_out^T R D_in, the spatial operator of an axis (`ir/separable.py` computes R from A).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from jpegcompile.dct.blocks import axis_dct
from jpegcompile.frontend.raising.axis_forms import (
    Axes,
    average_pool,
    is_identity,
    is_mean,
    is_ones,
    is_sum,
    padding,
    resampling,
    steps,
)
from jpegcompile.frontend.raising.state import State
from jpegcompile.frontend.walk import quoted
from jpegcompile.messages import Message

_SLICE_TAKES_INPUTS_SINCE = 10
_RESIZE_SINCE, _RESIZE_WITH_MODES_SINCE = 10, 11
_PAD_TAKES_INPUTS_SINCE = 11
_AXES_ARE_INPUTS = {"ReduceMean": 18, "ReduceSum": 13}
# Entries below this are rounding errors of matrices in float32, between exact zeros.
_ROUNDING = 1e-5


def raise_separable(
    state: State,
    node: onnx.NodeProto,
    given: dict[str, str],
    x: str,
    blocks: tuple[int, int],
    target: str,
) -> str:
    """Append the spatial operator of a separable node; return its output.

    Args:
        state: the graphs.
        node: the node.
        given: tensors of the old graph by operand name.
        x: pixels of the input map.
        blocks: block sizes of the input and of the output.
        target: name for the output.

    Raises:
        UnsupportedModelError: if the matrices are not constants.
    """
    rows, columns = (state.array(given[name]) for name in ("rows", "columns"))
    if rows is None or columns is None:
        raise state.refusal(
            node,
            Message(
                "own-matrices-not-constant",
                f"has matrices {quoted(given['rows'])} and {quoted(given['columns'])} that are not"
                " both constants, so its operator on pixels is unknown",
            ),
        )
    axes = (_on_pixels(rows, blocks), _on_pixels(columns.T, blocks))
    writer = _Writer(state, node, x, target)
    forms = writer.forms()
    names = [node.op_type] if node.op_type in forms else list(forms)
    if any(forms[name](axes) for name in names):
        return target
    first, second = (np.ascontiguousarray(a).astype(rows.dtype) for a in (axes[0], axes[1].T))
    left = state.add("MatMul", [state.constant(f"{target}.rows", first), x])
    return state.add(
        "MatMul", [left, state.constant(f"{target}.columns", second)], target, node.name
    )


def _on_pixels(matrix: np.ndarray, blocks: tuple[int, int]) -> np.ndarray:
    """Return D_out^T R D_in for the matrix R of an axis, without rounding errors near integers."""
    size_out, size_in = matrix.shape
    wide = matrix.astype(np.float64)
    spatial = axis_dct(size_out, blocks[1]).T @ wide @ axis_dct(size_in, blocks[0])
    nearest = np.round(spatial)
    return np.where(np.abs(spatial - nearest) < _ROUNDING, nearest, spatial)


class _Writer:
    """Appends the operator that has given matrices; the methods return whether there is one."""

    def __init__(self, state: State, node: onnx.NodeProto, x: str, target: str) -> None:
        self._state = state
        self._node = node
        self._x = x
        self._target = target

    def forms(self) -> dict[str, Callable[[Axes], bool]]:
        """Return the methods that try to append each operator."""
        return {
            "JpegGlobalAveragePool": self.whole_mean,
            "JpegSlice": self.selection,
            "JpegPad": self.padding,
            "JpegAveragePool": self.average_pool,
            "JpegReduceMean": lambda axes: self.reduction("ReduceMean", axes),
            "JpegReduceSum": lambda axes: self.reduction("ReduceSum", axes),
            "JpegResize": self.resizing,
        }

    def whole_mean(self, axes: Axes) -> bool:
        return all(map(is_mean, axes)) and self._add("GlobalAveragePool")

    def _add(self, op: str, *more: str, **attributes: object) -> bool:
        self._state.add(op, [self._x, *more], self._target, self._node.name, **attributes)
        return True

    def _integers(self, kind: str, values: list[int]) -> str:
        return self._state.constant(f"{self._target}.{kind}", np.asarray(values, np.int64))

    def reduction(self, op: str, axes: Axes) -> bool:
        is_reduced = is_mean if op == "ReduceMean" else is_sum
        over = [i for i, a in enumerate(axes, start=2) if is_reduced(a) and not is_identity(a)]
        if any(i not in over and not is_identity(a) for i, a in enumerate(axes, start=2)):
            return False
        if not over:
            return False
        if self._state.opset < _AXES_ARE_INPUTS[op]:
            return self._add(op, axes=over, keepdims=1)
        return self._add(op, self._integers("axes", over), keepdims=1)

    def average_pool(self, axes: Axes) -> bool:
        for include in (False, True):
            windows = [average_pool(a, include_pad=include) for a in axes]
            first, second = windows
            if first is None or second is None:
                continue
            attributes: dict[str, object] = {
                "kernel_shape": [first.kernel, second.kernel],
                "strides": [first.stride, second.stride],
                "pads": [first.begin, second.begin, first.end, second.end],
            }
            if (first.dilation, second.dilation) != (1, 1):
                attributes["dilations"] = [first.dilation, second.dilation]
            if include:
                attributes["count_include_pad"] = 1
            return self._add("AveragePool", **attributes)
        return False

    def selection(self, axes: Axes) -> bool:
        found = {i: a for i, a in enumerate(axes, start=2) if not is_identity(a)}
        slices = {i: steps(a) for i, a in found.items()}
        if not found or any(s is None for s in slices.values()):
            return self._gather(found)
        bounds = [s for s in slices.values() if s is not None]
        starts, ends, strides = ([b[k] for b in bounds] for k in range(3))
        if self._state.opset < _SLICE_TAKES_INPUTS_SINCE:
            if any(stride != 1 for stride in strides):
                return self._gather(found)
            return self._add("Slice", starts=starts, ends=ends, axes=list(found))
        lists = {"starts": starts, "ends": ends, "axes": list(found), "steps": strides}
        return self._add("Slice", *(self._integers(k, v) for k, v in lists.items()))

    def _gather(self, found: dict[int, np.ndarray]) -> bool:
        """Select rows or columns in any order."""
        if len(found) != 1:
            return False
        ((axis, matrix),) = found.items()
        is_selection = np.isin(matrix, (0.0, 1.0)).all() and (matrix.sum(axis=1) == 1).all()
        if not is_selection:
            return False
        return self._add("Gather", self._integers("indices", matrix.argmax(axis=1)), axis=axis)

    def padding(self, axes: Axes) -> bool:
        found = padding(axes)
        if found is None:
            return False
        mode, ((top, bottom), (left, right)) = found
        pads = [0, 0, top, left, 0, 0, bottom, right]
        if self._state.opset < _PAD_TAKES_INPUTS_SINCE:
            return self._add("Pad", pads=pads, mode=mode)
        return self._add("Pad", self._integers("pads", pads), mode=mode)

    def resizing(self, axes: Axes) -> bool:
        if all(is_ones(a) or is_identity(a) for a in axes):
            return self._add("Expand", self._integers("shape", [1, 1, *(len(a) for a in axes)]))
        opset = self._state.opset
        found = resampling(axes, has_modes=opset >= _RESIZE_WITH_MODES_SINCE)
        if found is None:
            return False
        sampling, (high, wide) = found
        scales = np.asarray([1, 1, high, wide], np.float32)
        if opset < _RESIZE_WITH_MODES_SINCE:
            op = "Resize" if opset >= _RESIZE_SINCE else "Upsample"
            if opset < 9:
                return self._add(op, mode=sampling.mode, scales=scales.tolist())
            name = self._state.constant(f"{self._target}.scales", scales)
            return self._add(op, name, mode=sampling.mode)
        attributes: dict[str, object] = {
            "mode": sampling.mode,
            "coordinate_transformation_mode": sampling.coordinates,
        }
        if sampling.mode == "nearest":
            attributes["nearest_mode"] = sampling.nearest
        roi = ""
        if opset < 13:
            # Below opset 13 the input is required; only one mode of coordinates reads it.
            roi = self._state.constant(f"{self._target}.roi", np.zeros(0, np.float32))
        name = self._state.constant(f"{self._target}.scales", scales)
        return self._add("Resize", roi, name, **attributes)
