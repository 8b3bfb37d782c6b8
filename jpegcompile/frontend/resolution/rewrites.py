"""Rewrite nodes that were exported for maps of one size to follow the image size.

AveragePool over the whole map            =>  GlobalAveragePool; the same for MaxPool
Reshape to a shape at the training size   =>  Reshape to the shape at the new size
Resize to a size at the training size     =>  Resize to the size at the new size
Slice that ends at the training size      =>  Slice that ends at the end of the axis
Expand to a map at the training size      =>  Expand to the map at the new size
Split of a Concat into the same parts     =>  Split into the parts at the new size

The functions change a node in place and record it in `Rewriting.rewritten`.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from jpegcompile.frontend.resolution.reshapes import shape_at
from jpegcompile.frontend.resolution.state import (
    DeclinedError,
    Rewriting,
    attribute,
    integers,
)
from jpegcompile.frontend.resolution.tensors import Dims, Tensors, holds_batch, shape_text
from jpegcompile.frontend.walk import END_OF_AXIS
from jpegcompile.messages import Message

_POOLS = {"AveragePool": "GlobalAveragePool", "MaxPool": "GlobalMaxPool"}
_END = 2**63 - 1
# Since this opset the part sizes of Split are an input.
_SPLIT_BY_INPUT = 13


def pool(node: onnx.NodeProto, state: Rewriting) -> None:
    """Make a pool whose window covers the whole map a global pool."""
    before, after = state.shapes(node.input[0])
    sides, rank = before[2:], len(before) - 2
    kernel = integers(node, "kernel_shape", rank, 1)
    pads = integers(node, "pads", 2 * rank, 0)
    made = state.old.dims(node.output[0])
    if made is None or before[2:] == after[2:] or any(size != 1 for size in made[2:]):
        return
    begins, ends = pads[:rank], pads[rank:]
    is_whole = all(
        begin + side <= extent and extent <= begin + side + end
        for side, extent, begin, end in zip(sides, kernel, begins, ends, strict=True)
    )
    is_whole &= set(integers(node, "dilations", rank, 1)) == {1}
    counts_padding = node.op_type == "AveragePool" and attribute(node, "count_include_pad")
    if not is_whole or (any(pads) and counts_padding) or len([o for o in node.output if o]) > 1:
        return
    node.op_type = _POOLS[node.op_type]
    del node.attribute[:]
    state.rewritten.append(node.name)


def reshape(node: onnx.NodeProto, state: Rewriting) -> None:
    """Replace a constant shape by the shape at the new size.

    Raises:
        DeclinedError: if the new shape cannot be derived.
    """
    before, after = state.shapes(node.input[0])
    made = state.old.dims(node.output[0])
    wanted = None if made is None else shape_at(before, made, after, state.maps)
    if made is None or wanted is None:
        raise DeclinedError(
            Message(
                "resolution-reshape-ambiguous",
                f"it reshapes {shape_text(before)} to {shape_text(made)}, and it is unknown which"
                " dimensions follow the image size",
            )
        )
    if _natural(node, state) == [wanted]:
        return
    # 0 keeps the batch. -1 infers a dimension that contains the batch.
    keeps_batch = made[:1] == before[:1] and wanted[:1] == after[:1]
    target = [0, *wanted[1:]] if keeps_batch else [-1 if holds_batch(d) else d for d in wanted]
    node.input[1] = state.constant(f"{node.output[0]}.shape", np.asarray(target, np.int64))
    kept = [each for each in node.attribute if each.name != "allowzero"]
    del node.attribute[:]
    node.attribute.extend(kept)
    state.rewritten.append(node.name)


def _natural(node: onnx.NodeProto, state: Rewriting) -> list[Dims | None]:
    """Return the output shapes of an unchanged node at the new size; None if it is invalid."""
    try:
        made = state.new.made(node)
    except onnx.shape_inference.InferenceError:
        return [None] * len(node.output)
    scratch = Tensors(state.new.opsets, types=made)
    return [scratch.dims(name) for name in node.output]


def resize(node: onnx.NodeProto, state: Rewriting) -> None:
    """Replace constant sizes by the new sizes of the maps that they describe.

    Raises:
        DeclinedError: if the output is not a map of rank 4, or its new size is unknown.
    """
    given = state.fixed(node, 3)
    if given is None:
        given = state.fixed(node, len(node.input) - 1)
        if state.has_changed(node.input[0]) or given is None:
            return
    before, after = state.shapes(node.input[0])
    made = state.old.dims(node.output[0])
    if made is None or len(made) != 4:
        raise DeclinedError(
            Message("resolution-resize-not-map", "its output is not a map of rank 4")
        )
    found = _new_sizes(made[2:], state)
    wanted = next(iter(found)) if found else _scaled(made[2:], before[2:], after[2:])
    if wanted == made[2:]:
        return
    if node.op_type == "Resize" and len(node.input) > 3 and node.input[3]:
        sizes = np.asarray([*given[: len(given) - 2], *wanted], np.int64)
        node.input[3] = state.constant(f"{node.output[0]}.sizes", sizes)
    else:
        scales = [1.0, 1.0, *(w / side for w, side in zip(wanted, after[2:], strict=True))]
        name = state.constant(f"{node.output[0]}.scales", np.asarray(scales, np.float32))
        node.input[len(node.input) - 1] = name
    state.rewritten.append(node.name)


def _new_sizes(size: Dims, state: Rewriting) -> set[Dims]:
    """Return the new (height, width) of maps of `size`; empty if it is unknown.

    Raises:
        DeclinedError: if maps of this size differ at the new resolution.
    """
    found = state.maps.get(size, set())
    if len(found) > 1:
        raise DeclinedError(
            Message(
                "resolution-maps-differ",
                f"it outputs maps of {list(size)}, but such maps have several sizes at the new"
                " resolution",
            )
        )
    return found


def _scaled(made: Dims, before: Dims, after: Dims) -> Dims:
    if before == after:
        return made
    if any(size % side for size, side in zip(made, before, strict=True)):
        raise DeclinedError(
            Message(
                "resolution-map-unknown",
                f"it outputs maps of {list(made)}, and no other map determines their new size",
            )
        )
    return tuple(
        size // side * wanted for size, side, wanted in zip(made, before, after, strict=True)
    )


def expand(node: onnx.NodeProto, state: Rewriting) -> bool:
    """Replace the constant size of a map by its new size.

    Returns:
        Whether the node was rewritten.
    """
    operand, made = state.old.dims(node.input[0]), state.old.dims(node.output[0])
    given, follows = (known.values.get(node.input[1]) for known in (state.old, state.new))
    if operand is None or made is None or given is None or len(operand) != 4 or len(made) != 4:
        return False
    if follows is None or not np.array_equal(given, follows) or len(given) != 4:
        return False
    found = _new_sizes(made[2:], state)
    wanted = (*made[:2], *next(iter(found), made[2:]))
    # 1 keeps the dimension of the operand.
    target = [
        1 if size == before else new
        for size, before, new in zip(made, operand, wanted, strict=True)
    ]
    if wanted == made or any(holds_batch(size) for size in target):
        return False
    node.input[1] = state.constant(f"{node.output[0]}.shape", np.asarray(target, np.int64))
    state.rewritten.append(node.name)
    return True


def split(node: onnx.NodeProto, state: Rewriting) -> bool:
    """Split the output of a Concat into its operands at the new size.

    Returns:
        Whether the node follows the size.
    """
    before, after = state.shapes(node.input[0])
    axis = int(attribute(node, "axis") or 0) % len(before)
    made = [state.old.dims(name) for name in node.output]
    parts = tuple(dims[axis] for dims in made if dims is not None)
    became = state.joined.get(parts, set())
    if len(became) != 1:
        return False
    sizes = next(iter(became))
    if len(parts) != len(made) or sum(sizes) != after[axis]:
        return False
    if [dims and dims[axis] for dims in _natural(node, state)] == list(sizes):
        return True
    kept = [each for each in node.attribute if each.name not in ("split", "num_outputs")]
    del node.attribute[:]
    node.attribute.extend(kept)
    if state.old.opset < _SPLIT_BY_INPUT:
        node.attribute.append(helper.make_attribute("split", sizes))
    else:
        name = state.constant(f"{node.output[0]}.split", np.asarray(sizes, np.int64))
        del node.input[1:]
        node.input.append(name)
    state.rewritten.append(node.name)
    return True


def slice_(node: onnx.NodeProto, state: Rewriting) -> None:
    """Let the constant end of a Slice follow the size; computed bounds follow it already.

    Raises:
        DeclinedError: if the bounds are unknown, or select a fixed part of an axis that changes.
    """
    before, after = state.shapes(node.input[0])
    if state.is_computed(node.input[1:3]):
        return
    starts, ends, axes, steps = _bounds(node, state)
    moved = False
    for place, (start, end, axis, step) in enumerate(zip(starts, ends, axes, steps, strict=True)):
        size = before[axis]
        if size == after[axis]:
            continue
        if step < 0 or start >= max(step, 2) or not (end < 0 or end >= size):
            raise DeclinedError(
                Message(
                    "resolution-slice-fixed", f"it slices an axis of {size} at a fixed position"
                )
            )
        if size <= end < END_OF_AXIS:
            ends[place], moved = _END, True
    if moved:
        _set_ends(node, ends, state)


def _bounds(node: onnx.NodeProto, state: Rewriting) -> tuple[list[int], ...]:
    """Return starts, ends, axes and steps of a Slice.

    Raises:
        DeclinedError: if starts or ends are not constants.
    """
    given = [attribute(node, name) for name in ("starts", "ends", "axes")]
    if given[0] is None:
        given = [state.fixed(node, index) for index in range(1, 5)]
    starts, ends, axes, *steps = (
        None if part is None else [int(v) for v in part] for part in given
    )
    if starts is None or ends is None:
        raise DeclinedError(
            Message("resolution-slice-unknown", "its starts or ends are not constants")
        )
    axes = list(range(len(starts))) if axes is None else axes
    step = steps[0] if steps and steps[0] is not None else [1] * len(starts)
    return starts, ends, axes, step


def _set_ends(node: onnx.NodeProto, ends: list[int], state: Rewriting) -> None:
    if attribute(node, "ends") is not None:
        kept = [a for a in node.attribute if a.name != "ends"]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute("ends", [int(end) for end in ends])])
    else:
        node.input[2] = state.constant(f"{node.output[0]}.ends", np.asarray(ends, np.int64))
    state.rewritten.append(node.name)
