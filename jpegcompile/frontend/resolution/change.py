"""Change the image size of a source model.

The image input gets the new size, and every node that was exported for feature maps of the training
size is rewritten. A node with weights for each position of a map, such as a fully connected layer
after a flattened map, is declined.
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
from jpegcompile.messages import Message
from jpegcompile.network_input import NetworkInput

_LONGEST_REASON = 160


@dataclass(frozen=True)
class Resized:
    """A source model at another image size.

    Attributes:
        source: the rewritten model, with the hash and files of the original.
        taken: the image input at the new size.
        rewritten: names of the rewritten nodes.
        reshaped: outputs whose rank is not 4 and whose shape changed: name, old shape and new
            shape, without the batch.
    """

    source: Source
    taken: NetworkInput
    rewritten: tuple[str, ...]
    reshaped: tuple[tuple[str, Dims, Dims], ...] = ()


def at_resolution(source: Source, taken: NetworkInput, size: Size) -> Resized:
    """Rewrite a source model for another image size.

    Args:
        source: the model, which is not changed.
        taken: its image input at the training size.
        size: new (height, width).

    Raises:
        UnsupportedModelError: if a node cannot follow the size; the message names the first one.
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
    """Rewrite one node for the new size, and infer its outputs at both sizes."""
    try:
        state.old.infer(node)
    except shape_inference.InferenceError as error:
        raise UnsupportedModelError(
            Message(
                "resolution-original-invalid",
                f"{name}: {label(node)} does not fit the model's own image size"
                f" {size_text(trained)}: {one_line(error)[:_LONGEST_REASON]}; export the model"
                " again",
            )
        ) from error
    try:
        fit(node, state)
        state.new.infer(node)
        _require_nonempty(node, state)
    except (DeclinedError, shape_inference.InferenceError) as error:
        reason = _reason(error)
        raise UnsupportedModelError(
            Message(
                reason.code,
                f"{name}: {label(node)} requires an input of {size_text(trained)}: {reason}; omit"
                " --resolution, or export the model for the new size",
            )
        ) from error
    state.remember(node)


def _reason(error: DeclinedError | shape_inference.InferenceError) -> Message:
    if isinstance(error, DeclinedError):
        return error.reason
    text = f"its shapes contradict each other: {one_line(error)[:_LONGEST_REASON]}"
    return Message("resolution-shapes-contradict", text)


def _require_nonempty(node: onnx.NodeProto, state: Rewriting) -> None:
    for made in node.output:
        dims = state.new.dims(made)
        before = state.old.dims(made)
        if dims is not None and any(size < 1 for size in dims) and dims != before:
            raise DeclinedError(
                Message("resolution-too-small", "its operand is too small at the new size")
            )


def _declare(state: Rewriting, taken: NetworkInput, name: str) -> None:
    """Declare the image and the outputs at the new size."""
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
