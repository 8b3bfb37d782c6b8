"""A source model at another size of its image than the one that it was trained at.

The size of the image is changed, and so is every node that was exported for the maps of the
trained size. A node that reads a map by position, such as a fully connected layer behind a
flattened map, is declined: its weights are for one size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import onnx
from onnx import shape_inference

from jpegcompile.errors import UnsupportedModelError, one_line
from jpegcompile.frontend.declarations import infer_declarations
from jpegcompile.frontend.load import Source
from jpegcompile.frontend.resolution.rules import fit
from jpegcompile.frontend.resolution.state import DeclinedError, Rewriting
from jpegcompile.frontend.resolution.tensors import Dims, Tensors
from jpegcompile.frontend.walk import label
from jpegcompile.input_size import Size, size_text
from jpegcompile.network_input import NetworkInput

_LONGEST_REASON = 160


@dataclass(frozen=True)
class Resized:
    """A source model at another size.

    Attributes:
        source: with its model rewritten; its hash and its files stay those of the original.
        taken: the image input at that size.
        rewritten: names of the nodes that were made to follow it.
        reshaped: outputs of the model that are no maps and have another shape now: names, and the
            shapes of one image before and after.
    """

    source: Source
    taken: NetworkInput
    rewritten: tuple[str, ...]
    reshaped: tuple[tuple[str, Dims, Dims], ...] = ()


def at_resolution(source: Source, taken: NetworkInput, size: Size) -> Resized:
    """A checked source model, made to run at another size of its image.

    Args:
        source: stays as it is.
        taken: its image input at the size that the model was trained at.
        size: (height, width) to run at.

    Raises:
        UnsupportedModelError: naming the first node that cannot follow the size, and why.
    """
    at_size = replace(taken, height=size[0], width=size[1])
    model = onnx.ModelProto()
    model.CopyFrom(source.model)
    state = Rewriting(
        model,
        Tensors.of(model, taken.name, taken.shape),
        Tensors.of(model, taken.name, at_size.shape),
    )
    state.maps[taken.size] = {size}
    for node in model.graph.node:
        _follow(node, state, source.name, taken.size)
    _declare(state, at_size, source.name)
    return Resized(
        replace(source, model=model), at_size, tuple(state.rewritten), tuple(_reshaped(state))
    )


def _follow(node: onnx.NodeProto, state: Rewriting, name: str, trained: Size) -> None:
    """Make one node follow the size, and infer what it makes at both sizes."""
    try:
        state.old.infer(node)
    except shape_inference.InferenceError as error:
        raise UnsupportedModelError(
            f"{name}: {label(node)} does not fit the size of the model itself,"
            f" {size_text(trained)}: {_reason(error)}; export the model again"
        ) from error
    try:
        fit(node, state)
        state.new.infer(node)
        _require_room(node, state)
    except (DeclinedError, shape_inference.InferenceError) as error:
        raise UnsupportedModelError(
            f"{name}: {label(node)} is bound to an input of {size_text(trained)}:"
            f" {_reason(error)}; leave --resolution out, or export the model for that size"
        ) from error
    state.remember(node)


def _reason(error: Exception) -> str:
    return one_line(error)[:_LONGEST_REASON]


def _require_room(node: onnx.NodeProto, state: Rewriting) -> None:
    for made in node.output:
        dims = state.new.dims(made)
        before = state.old.dims(made)
        if dims is not None and any(size < 1 for size in dims) and dims != before:
            raise DeclinedError("its operand is too small at the size that is asked for")


def _declare(state: Rewriting, taken: NetworkInput, name: str) -> None:
    """Declare the image and the outputs anew; nothing of the trained size is left."""
    image = next(value for value in state.model.graph.input if value.name == taken.name)
    for dim, size in zip(image.type.tensor_type.shape.dim[1:], taken.shape, strict=True):
        dim.dim_value = size
    for output in state.model.graph.output:
        if output.name in state.kept:
            continue
        dims = output.type.tensor_type.shape.dim
        before, after = state.old.dims(output.name), state.new.dims(output.name)
        for axis, dim in enumerate(dims):
            if before is None or after is None or len(dims) != len(after):
                dim.Clear()
            elif before[axis] != after[axis]:
                dim.dim_value = after[axis]
    infer_declarations(state.model, name)


def _reshaped(state: Rewriting) -> list[tuple[str, Dims, Dims]]:
    found = []
    for output in state.model.graph.output:
        before, after = state.old.dims(output.name), state.new.dims(output.name)
        if before is not None and after is not None and len(before) != 4 and before != after:
            found.append((output.name, before[1:], after[1:]))
    return found
