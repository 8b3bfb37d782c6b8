"""Cut a compiled model after the decoder or the ingest, and expose tensors of any model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import onnx
from onnx import TensorProto, helper

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.interface import (
    AXIS_INPUTS,
    CHROMA,
    DOMAIN,
    FRAME,
    JPEG,
    LEVEL,
    LUMA,
    QUANTIZATION,
)
from jpegcompile.messages import Message
from jpegcompile.network_input import NetworkInput
from jpegcompile.operators.casts import TO_SPATIAL
from jpegcompile.operators.convolution import METHOD, SPATIAL_CONV
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.fragments import AXES, INVERSE
from jpegcompile.operators.function import function_of, node_of
from jpegcompile.operators.ingest import INGEST_FILE, PREPROCESSING
from jpegcompile.operators.queries import (
    COMPACT_ATTRIBUTES,
    GROUP_ATTRIBUTES,
    convolution_in,
    grouped_operands,
    ingest_in,
    is_decode,
)
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.opset import standard_opset


def begin_behind_decode(model: onnx.ModelProto) -> bool:
    """Change a model for the bytes of a file into a model for batches of coefficients.

    Args:
        model: a compiled model; changed in place.

    Returns:
        Whether the model was for bytes.

    Raises:
        UnsupportedModelError: if the model no longer has the types of its inner tensors.
    """
    graph = model.graph
    decode = next((n for n in graph.node if n.domain == DOMAIN and is_decode(n.op_type)), None)
    if decode is None or decode.op_type == INGEST_FILE:
        return False
    described = {value.name: value for value in graph.value_info}
    for name in decode.output:
        if name not in described:
            raise _without_type(name)
    inputs = [described[name] for name in decode.output]
    position = [value.name for value in graph.input].index(decode.input[0])
    others = [value for value in graph.input if value.name != decode.input[0]]
    for value in inputs:
        graph.value_info.remove(value)
    graph.node.remove(decode)
    del graph.input[:]
    graph.input.extend([*others[:position], *inputs, *others[position:]])
    return True


def begin_at(model: onnx.ModelProto, tensor: str, taken: NetworkInput) -> onnx.ModelProto:
    """Return a copy of a compiled model whose input is the image in the JPEG domain.

    Args:
        model: a model compiled for coefficients.
        tensor: name of the ingest's output, float32 [N, C, H, W].
        taken: image input of the model.

    Raises:
        UnsupportedModelError: if the model no longer has the types of its inner tensors.
    """
    result = _with(model, tensor)
    graph = result.graph
    shape = [None, taken.channels, *taken.size]
    image = helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape)
    image.type.tensor_type.shape.dim[0].CopyFrom(_batch(graph, tensor))
    if _is_grouped(result, tensor):
        without_groups(result)
    matrices = chain.from_iterable(AXIS_INPUTS.values())
    replaced = {FRAME, JPEG, LUMA, CHROMA, QUANTIZATION, LEVEL, *matrices}
    inputs = [image, *(value for value in graph.input if value.name not in replaced)]
    del graph.input[:]
    graph.input.extend(inputs)
    _keep_needed(graph, {tensor})
    return result


def _batch(graph: onnx.GraphProto, tensor: str) -> onnx.TensorShapeProto.Dimension:
    """Return the batch dimension of the image, or of luma if the image has no type."""
    described = {value.name: value for value in (*graph.value_info, *graph.input)}
    value = described.get(tensor) or described.get(LUMA)
    if value is None:
        raise _without_type(tensor)
    batch: onnx.TensorShapeProto.Dimension = value.type.tensor_type.shape.dim[0]
    return batch


def _without_type(tensor: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        Message(
            "compiled-model-lost-types",
            f"the compiled model has lost the type of tensor '{tensor}', probably because another"
            " tool changed it; compile the model again",
        )
    )


def preprocesses(model: onnx.ModelProto) -> bool:
    """Whether a compiled model has an ingest that only native kernels run; see `PREPROCESSING`."""
    names = {operator.name for operator in PREPROCESSING}
    return any(n.domain == DOMAIN and n.op_type in names for n in model.graph.node)


def end_at(model: onnx.ModelProto, tensor: str) -> onnx.ModelProto:
    """Return a copy of a model whose output is one of its tensors, without unneeded nodes."""
    result = _with(model, tensor)
    del result.graph.output[:]
    result.graph.output.append(onnx.ValueInfoProto(name=tensor))
    _keep_needed(result.graph, set())
    return result


def _with(model: onnx.ModelProto, tensor: str) -> onnx.ModelProto:
    """Return a copy of a model that computes `tensor`.

    A model without that tensor has a fused ingest, which is separated so that the image is
    `tensor`.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    if not any(tensor in node.output for node in result.graph.node):
        _separate_ingest(result, tensor)
    return result


def _separate_ingest(model: onnx.ModelProto, image: str) -> None:
    """Separate the ingest from the convolution that it is fused with; see `FuseIngest`.

    Args:
        model: a model compiled for coefficients; changed in place.
        image: name for the tensor between the two.
    """
    index, fused = next(
        (index, node)
        for index, node in enumerate(model.graph.node)
        if node.domain == DOMAIN and node.op_type in OPERATORS and OPERATORS[node.op_type].ingest
    )
    operator = OPERATORS[fused.op_type]
    ingest, convolution, cast = ingest_in(operator), convolution_in(operator), OPERATORS[TO_SPATIAL]
    given, seen = _inputs(fused, operator), image
    nodes = [_node(fused, ingest, given, image)]
    if convolution.base == SPATIAL_CONV:
        seen = f"{image}.{TO_SPATIAL}"
        matrices = {name: given[inner] for name, inner in zip(AXES, INVERSE, strict=True)}
        nodes.append(_node(fused, cast, {"x": image, **matrices}, seen))
    nodes.append(_node(fused, convolution, {**given, "x": seen}, fused.output[0]))
    kept = [*model.graph.node[:index], *nodes, *model.graph.node[index + 1 :]]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    opset = standard_opset(model.opset_import)
    present = {function.name for function in model.functions}
    model.functions.extend(
        function_of(OPERATORS[node.op_type], opset) for node in nodes if node.op_type not in present
    )


def _inputs(node: onnx.NodeProto, operator: Operator) -> dict[str, str]:
    """Return the names of a node's inputs by operand."""
    return {o.name: name for o, name in zip(operator.inputs, node.input, strict=False) if name}


def _node(
    fused: onnx.NodeProto, part: Operator, given: Mapping[str, str], output: str
) -> onnx.NodeProto:
    """Create one part of a fused node, with the inputs and attributes that the part has.

    The part does not get the method attribute. Only the convolution gets the layout of the output.
    """
    names = {attribute.name for attribute in part.all_attributes} - {METHOD.name}
    if output not in fused.output:
        names -= set(GROUP_ATTRIBUTES)
    inputs = {operand.name: given[operand.name] for operand in part.inputs}
    node = node_of(part, inputs, [output], f"{fused.name}.{part.name}")
    node.attribute.extend(a for a in fused.attribute if a.name in names)
    return node


def _keep_needed(graph: onnx.GraphProto, given: set[str]) -> None:
    """Drop nodes and initializers that no output needs when `given` are inputs."""
    needed = {output.name for output in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if not needed.isdisjoint(set(node.output) - given):
            kept.append(node)
            needed.update(node.input)
            needed.update(outer_reads(node))
    kept.reverse()
    value_info = [value for value in graph.value_info if value.name not in given]
    for field, values in ((graph.node, kept), (graph.value_info, value_info)):
        del field[:]
        field.extend(values)
    # Deleting one by one avoids a second copy of all weights.
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in needed:
            del graph.initializer[index]


def outer_reads(node: onnx.NodeProto) -> set[str]:
    """Return names that the subgraphs of a node may read from the outer graph."""
    names: set[str] = set()
    for attribute in node.attribute:
        for inner in attribute.g.node if attribute.HasField("g") else ():
            names.update(inner.input)
            names |= outer_reads(inner)
    return names


def part_of(
    model: onnx.ModelProto,
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, int],
    outputs: Sequence[str],
) -> onnx.ModelProto:
    """Return some nodes of a model as a separate model, with the weights that they need.

    Args:
        model: the model with the nodes.
        nodes: the nodes in topological order.
        inputs: element types of the tensors that other nodes compute, by name.
        outputs: names of the outputs of the new model.
    """
    read = {name for node in nodes for name in (*node.input, *outer_reads(node))}
    made = {name for node in nodes for name in node.output} | set(outputs)
    result = onnx.ModelProto(
        ir_version=model.ir_version,
        opset_import=model.opset_import,
        functions=model.functions,
        graph=onnx.GraphProto(name=model.graph.name, node=nodes),
    )
    graph = result.graph
    graph.initializer.extend(t for t in model.graph.initializer if t.name in read | made)
    graph.sparse_initializer.extend(model.graph.sparse_initializer)
    graph.value_info.extend(v for v in model.graph.value_info if v.name in made - set(outputs))
    for name, kind in inputs.items():
        value = onnx.ValueInfoProto(name=name)
        value.type.tensor_type.elem_type = kind
        graph.input.append(value)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    return result


def without_groups(model: onnx.ModelProto) -> None:
    """Change all maps of a model to the layout [N, C, H, W].

    Kernels may store maps in grouped channels and with compact tiles. Callers that read maps inside
    the network need the plain layout.

    Args:
        model: any model; changed in place.
    """
    whole = dict.fromkeys(COMPACT_ATTRIBUTES, 0)
    _set(model, {**dict.fromkeys(GROUP_ATTRIBUTES, 1), **whole})


def with_whole_tiles(model: onnx.ModelProto) -> None:
    """Change all maps of a model to tiles with all coefficients; grouped channels stay.

    Args:
        model: any model; changed in place.
    """
    _set(model, dict.fromkeys(COMPACT_ATTRIBUTES, 0))


def _set(model: onnx.ModelProto, values: Mapping[str, int]) -> None:
    """Set attributes of jpegcompile operators that have them."""
    for node in model.graph.node:
        for attribute in node.attribute if node.domain == DOMAIN else ():
            if attribute.name in values:
                attribute.i = values[attribute.name]


def _is_grouped(model: onnx.ModelProto, tensor: str) -> bool:
    """Whether a node reads a tensor in grouped channels."""
    for node in model.graph.node:
        layouts = {a.name: a.i for a in node.attribute} if node.domain == DOMAIN else {}
        operator = OPERATORS.get(node.op_type) if layouts else None
        given = _inputs(node, operator) if operator else {}
        for name, operand in grouped_operands(operator).items() if operator else ():
            if layouts.get(name, 1) != 1 and given.get(operand.name) == tensor:
                return True
    return False


def expose(model: onnx.ModelProto, tensors: Iterable[str]) -> onnx.ModelProto:
    """Return a copy of a model with more outputs. Names that no node computes are ignored.

    Args:
        model: any model.
        tensors: names of tensors to add as outputs.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    without_groups(result)
    made = {name for node in result.graph.node for name in node.output}
    present = {output.name for output in result.graph.output}
    for name in tensors:
        if name in made and name not in present:
            result.graph.output.append(onnx.ValueInfoProto(name=name))
            present.add(name)
    return result
