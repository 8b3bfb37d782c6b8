"""What tools and hands do to the files of models, as changes of a model in place.

ONNX Runtime runs what `KEPT` leaves of a model that it ran before, unless the tests say otherwise.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Surgery = Callable[[onnx.ModelProto, random.Random], None]


def made(model: onnx.ModelProto) -> list[str]:
    """Names of the tensors that the nodes of the main graph make."""
    return [name for node in model.graph.node for name in node.output if name]


def replace_nodes(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    """Put other nodes in the place of those of the main graph, or the same in another order."""
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)


def shuffle(model: onnx.ModelProto, rng: random.Random) -> None:
    nodes = list(model.graph.node)
    rng.shuffle(nodes)
    replace_nodes(model, nodes)


def reverse(model: onnx.ModelProto, rng: random.Random) -> None:
    replace_nodes(model, list(model.graph.node)[::-1])


def unname_nodes(model: onnx.ModelProto, rng: random.Random) -> None:
    for node in model.graph.node:
        node.name = ""


def unname_graph(model: onnx.ModelProto, rng: random.Random) -> None:
    model.graph.name = ""


def drop_output_shape(model: onnx.ModelProto, rng: random.Random) -> None:
    model.graph.output[0].type.tensor_type.ClearField("shape")


def drop_output_type(model: onnx.ModelProto, rng: random.Random) -> None:
    model.graph.output[0].ClearField("type")


def stale_output(model: onnx.ModelProto, rng: random.Random) -> None:
    """As after another head has been put on."""
    name = model.graph.output[0].name
    sizes = [rng.randint(1, 2000) for _ in range(rng.randint(0, 5))]
    stale = helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)
    model.graph.output[0].CopyFrom(stale)


def stale_declarations(model: onnx.ModelProto, rng: random.Random) -> None:
    integers = ("Concat", "Gather", "Shape", "Unsqueeze")
    names = [node.output[0] for node in model.graph.node if node.op_type not in integers]
    for name in rng.sample(names, 2):
        sizes: list[str | int] = ["N", 1, 77]
        shape = [rng.choice(sizes) for _ in range(rng.randint(0, 5))]
        stale = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        model.graph.value_info.append(stale)


def declare_nobody(model: onnx.ModelProto, rng: random.Random) -> None:
    for name in ("nobody", ""):
        stale = helper.make_tensor_value_info(name, TensorProto.FLOAT, [7])
        model.graph.value_info.append(stale)


def give_out_another(model: onnx.ModelProto, rng: random.Random) -> None:
    model.graph.output.append(onnx.ValueInfoProto(name=rng.choice(made(model))))


def give_out_twice(model: onnx.ModelProto, rng: random.Random) -> None:
    model.graph.output.append(model.graph.output[0])


def give_out_ends(model: onnx.ModelProto, rng: random.Random) -> None:
    """The input itself, and a weight."""
    model.graph.output.append(model.graph.input[0])
    weight = next(t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT)
    value = helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims)
    model.graph.output.append(value)


def make_sparse(model: onnx.ModelProto, rng: random.Random) -> None:
    """Of one weight, by places in the whole tensor."""
    index = rng.choice([i for i, t in enumerate(model.graph.initializer) if len(t.dims) > 1])
    weight = model.graph.initializer[index]
    values = numpy_helper.to_array(weight).copy()
    values[np.abs(values) < np.median(np.abs(values))] = 0
    model.graph.sparse_initializer.append(sparse_tensor(weight.name, values))
    del model.graph.initializer[index]


def sparse_tensor(
    name: str, values: np.ndarray, *, coordinates: bool = False
) -> onnx.SparseTensorProto:
    """The entries of an array that are not zero, at places in the whole or by coordinates."""
    places = np.argwhere(values) if coordinates else np.flatnonzero(values)
    return helper.make_sparse_tensor(
        numpy_helper.from_array(values[values != 0], name),
        numpy_helper.from_array(places.astype(np.int64), ""),
        list(values.shape),
    )


def make_constants(model: onnx.ModelProto, rng: random.Random) -> None:
    """Constant nodes in place of initializers, behind their readers."""
    for tensor in model.graph.initializer:
        model.graph.node.append(helper.make_node("Constant", [], [tensor.name], value=tensor))
    del model.graph.initializer[:]


def declare_weights_as_inputs(model: onnx.ModelProto, rng: random.Random) -> None:
    for tensor in model.graph.initializer:
        value = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        model.graph.input.append(value)


def keep_what_is_unused(model: onnx.ModelProto, rng: random.Random) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones(2, np.float32), "unused"))
    model.graph.initializer.append(numpy_helper.from_array(np.ones(2, np.float32), ""))
    model.graph.node.insert(0, helper.make_node("Neg", [rng.choice(made(model))], ["hanging"]))


def spell_the_domain(model: onnx.ModelProto, rng: random.Random) -> None:
    """ai.onnx is another name of the standard domain."""
    for node in model.graph.node:
        node.domain = rng.choice(["", "ai.onnx"])


def import_twice(model: onnx.ModelProto, rng: random.Random) -> None:
    """ONNX Runtime goes by the last one."""
    version = model.opset_import[0].version
    model.opset_import[0].version = rng.choice([7, 11, 21])
    model.opset_import.append(helper.make_opsetid(rng.choice(["", "ai.onnx"]), version))
    model.opset_import.append(helper.make_opsetid("com.example.unused", 3))


def repeat_weights(model: onnx.ModelProto, rng: random.Random) -> None:
    for _ in range(2):
        model.graph.initializer.append(rng.choice(model.graph.initializer))


def repeat_metadata(model: onnx.ModelProto, rng: random.Random) -> None:
    for value in ("first", "last"):
        model.metadata_props.add(key="author", value=value)


def write_odd_texts(model: onnx.ModelProto, rng: random.Random) -> None:
    model.doc_string = "\x00\x1b[31m caf\u00e9 \n"
    model.graph.doc_string = "\ufffd"
    for index, node in enumerate(model.graph.node):
        node.name = f'{node.name} \n"{{}}%s\x07 {index}'


def leave_out_by_empty_names(model: onnx.ModelProto, rng: random.Random) -> None:
    for node in model.graph.node:
        if node.op_type == "Conv" and len(node.input) == 2:
            node.input.append("")


KEPT: Mapping[str, Surgery] = {
    surgery.__name__: surgery
    for surgery in (
        declare_nobody,
        declare_weights_as_inputs,
        drop_output_shape,
        drop_output_type,
        give_out_another,
        give_out_ends,
        give_out_twice,
        import_twice,
        keep_what_is_unused,
        leave_out_by_empty_names,
        make_constants,
        make_sparse,
        repeat_metadata,
        repeat_weights,
        reverse,
        shuffle,
        spell_the_domain,
        stale_declarations,
        stale_output,
        unname_graph,
        unname_nodes,
        write_odd_texts,
    )
}
