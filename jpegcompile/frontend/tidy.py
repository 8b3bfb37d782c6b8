"""Convert models that ONNX Runtime accepts, but the onnx checker does not, to standard form.

A model keeps the meaning that it has in ONNX Runtime: of two entries for the same key, the last one
counts.
"""

from __future__ import annotations

from collections import Counter

import onnx
from onnx import TensorProto

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.walk import all_graphs
from jpegcompile.messages import Message

# Second name of the standard operator domain, besides the empty string.
_ALIAS = "ai.onnx"
_TYPED_FIELDS = (
    *("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data"),
)


def tidy_opsets(model: onnx.ModelProto) -> None:
    """Keep one version of each operator domain, the last one, and replace `ai.onnx` by "".

    The nodes of the graph, its subgraphs and local functions are changed accordingly, in place.
    """
    _tidy_imports(model)
    for function in model.functions:
        _tidy_imports(function)
    graphs = [*all_graphs(model.graph)]
    nodes = [node for holder in (*graphs, *model.functions) for node in holder.node]
    for node in nodes:
        if node.domain == _ALIAS:
            node.domain = ""


def _tidy_imports(holder: onnx.ModelProto | onnx.FunctionProto) -> None:
    versions = {
        "" if entry.domain == _ALIAS else entry.domain: entry.version
        for entry in holder.opset_import
    }
    if len(versions) < len(holder.opset_import) or any(
        entry.domain == _ALIAS for entry in holder.opset_import
    ):
        del holder.opset_import[:]
        for domain, version in versions.items():
            holder.opset_import.add(domain=domain, version=version)


def tidy_metadata(model: onnx.ModelProto) -> None:
    """Keep one value for each key of the model's metadata, the last one."""
    values = {entry.key: entry.value for entry in model.metadata_props}
    if len(values) < len(model.metadata_props):
        del model.metadata_props[:]
        for key, value in values.items():
            model.metadata_props.add(key=key, value=value)


def tidy_graphs(graph: onnx.GraphProto, source: str) -> None:
    """Name graphs, and drop redundant initializers and declarations, in place.

    Inputs that are also initializers or Constant nodes are constants, as in IR version 3, and are
    removed from the inputs. Inputs of If branches are removed, too.

    Args:
        graph: the graph; its subgraphs are included.
        source: name of the model in messages.

    Raises:
        UnsupportedModelError: if two initializers of the same name differ.
    """
    for each in all_graphs(graph):
        each.name = each.name or "graph"
        _tidy_initializers(each, source)
        initialized = {tensor.name for tensor in each.initializer}
        _drop_nameless_constants(each)
        initialized.update(o for n in each.node if n.op_type == "Constant" for o in n.output)
        initialized.add("")
        _drop_inputs(each, initialized)
        for node in each.node:
            if node.op_type == "If":
                for attribute in node.attribute:
                    del attribute.g.input[:]


def _drop_nameless_constants(graph: onnx.GraphProto) -> None:
    for index in reversed(range(len(graph.node))):
        node = graph.node[index]
        if node.op_type == "Constant" and not any(node.output):
            del graph.node[index]


def _drop_inputs(graph: onnx.GraphProto, names: set[str]) -> None:
    kept = [value for value in graph.input if value.name not in names]
    if len(kept) < len(graph.input):
        del graph.input[:]
        graph.input.extend(kept)


def _tidy_initializers(graph: onnx.GraphProto, source: str) -> None:
    """Keep the raw values of initializers, and drop unnamed and repeated initializers.

    Raises:
        UnsupportedModelError: if two initializers of the same name differ. ONNX Runtime uses the
            last one if they are small, and the first one if they are large.
    """
    seen: dict[str, TensorProto] = {}
    dropped = set()
    for index, tensor in enumerate(graph.initializer):
        _keep_raw(tensor)
        other = seen.setdefault(tensor.name, tensor)
        if tensor.name and other is not tensor and other != tensor:
            raise UnsupportedModelError(
                Message(
                    "initializers-differ",
                    f"{source}: two initializers are named '{tensor.name}' and differ; remove one",
                )
            )
        if not tensor.name or other is not tensor:
            dropped.add(index)
    for index in sorted(dropped, reverse=True):
        del graph.initializer[index]


def _keep_raw(tensor: TensorProto) -> None:
    if tensor.HasField("raw_data"):
        for field in _TYPED_FIELDS:
            tensor.ClearField(field)


def name_nodes(graph: onnx.GraphProto) -> None:
    """Name every unnamed node, and every node with a repeated name, after its output.

    Reports identify nodes by name, so names become unique across all graphs of a model.
    """
    nodes = [node for each in all_graphs(graph) for node in each.node]
    counts = Counter(node.name for node in nodes)
    taken = {name for name in counts if name}
    seen: set[str] = set()
    for node in nodes:
        if node.name and node.name not in seen:
            seen.add(node.name)
            continue
        base = next((name for name in node.output if name), node.op_type)
        node.name = _free(base, taken)
        taken.add(node.name)
        seen.add(node.name)


def _free(base: str, taken: set[str]) -> str:
    name, count = base, 0
    while name in taken:
        count += 1
        name = f"{base}.{count}"
    return name
