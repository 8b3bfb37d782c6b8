"""Bring what ONNX Runtime takes, and the checker of onnx does not, to the form of the standard.

Everything here keeps the meaning that ONNX Runtime gives a file: of two entries for one thing the
last one counts, where it always does.
"""

from __future__ import annotations

from collections import Counter

import onnx
from onnx import TensorProto

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.walk import all_graphs

# The standard operators have two names of their domain.
_ALIAS = "ai.onnx"
_TYPED_FIELDS = (
    *("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data"),
)


def tidy_opsets(model: onnx.ModelProto) -> None:
    """One version for each domain, the last that is named; `ai.onnx` is spelled as nothing.

    So it is in the nodes, those of local functions included.
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
    """One value for each key of the model's metadata, the last."""
    values = {entry.key: entry.value for entry in model.metadata_props}
    if len(values) < len(model.metadata_props):
        del model.metadata_props[:]
        for key, value in values.items():
            model.metadata_props.add(key=key, value=value)


def tidy_graphs(graph: onnx.GraphProto, source: str) -> None:
    """Name graphs, and drop initializers and declarations that say nothing.

    Declared inputs that are initializers, or Constant nodes, are constants (IR version 3 has them
    as inputs, too); the branches of If have no inputs.

    Raises:
        UnsupportedModelError: if two initializers of one name differ.
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
    """Of two fields of values the raw one counts; initializers without a name nobody reads.

    Raises:
        UnsupportedModelError: if two of one name differ. ONNX Runtime takes the last of small
            ones and the first of large ones.
    """
    seen: dict[str, TensorProto] = {}
    dropped = set()
    for index, tensor in enumerate(graph.initializer):
        _keep_raw(tensor)
        other = seen.setdefault(tensor.name, tensor)
        if tensor.name and other is not tensor and other != tensor:
            raise UnsupportedModelError(
                f"{source}: there are two initializers '{tensor.name}', and they differ; keep the"
                " one that is meant"
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
    """Give every node without a name, or with that of another one, the name of its output.

    Names are unique in all graphs of a model, for reports cite them.
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
