"""The graph that replaces a graph of `jpegcompile` operators, while it is being written.

Each tensor of the old graph has a `Value`: its pixels in the new graph, or its coefficients, or
both. Casts between the two appear only where a node needs the other form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import uses_external_data

from jpegcompile.dct.blocks import axis_dct, to_spatial
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.walk import FreshNames, quoted
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo
from jpegcompile.opset import standard_opset
from jpegcompile.weights.read import MappedWeights

Size = tuple[int, int]
# Largest height and width of a map in pixels: no JPEG file is larger.
_LARGEST = 65535
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)


@dataclass
class Value:
    """A tensor of the old graph.

    Attributes:
        pixels: tensor of the new graph with the pixels; for a tensor that is no map, the tensor.
        block: block size of the tensor in the old graph; 1 for pixels and for other tensors.
        size: (height, width) of a map with a block size above 1; None if it is unknown.
        coefficients: tensor of the new graph with the coefficients; empty if there is none yet.
    """

    pixels: str
    block: int = 1
    size: Size | None = None
    coefficients: str = ""


@dataclass
class Mask:
    """Frequencies of a nonlinearity, as a node states them.

    Attributes:
        input_block: block size of its input.
        output_block: block size of its output.
        masking: "asm" or "apx"; empty if the node determines positions, or is exact.
        frequencies: number of mask frequencies at `input_block`; None if all.
        truncate: number of kept frequencies at `output_block`; None if all.
    """

    input_block: int
    output_block: int
    masking: str = ""
    frequencies: int | None = None
    truncate: int | None = None


@dataclass
class State:
    """The old graph, and what is known of the new one.

    Attributes:
        model: the model; its graph is replaced at the end.
        name: name of the model in messages.
        info: metadata of a compiled model; None if there is none.
        folder: folder of the model's weight files.
        nodes: nodes of the new graph.
        values: values of tensors of the old graph that are renamed or in the JPEG domain.
        masks: nonlinearities by the name of their node.
        nonlinearities: names of the nonlinearities that made tensors of the old graph.
        shapes: declared shapes of tensors of the old graph; unknown dimensions are texts.
        preferred: names for the pixels of maps.
        functions: local functions of `jpegcompile` operators, by name.
        image: the image before the first operator of the network; None if no file is read.
        raised: number of nodes that were raised.
    """

    model: onnx.ModelProto
    name: str
    info: CompiledInfo | None
    folder: Path | None
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    masks: dict[str, Mask] = field(default_factory=dict)
    nonlinearities: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[int | str, ...]] = field(default_factory=dict)
    preferred: dict[str, str] = field(default_factory=dict)
    functions: dict[str, onnx.FunctionProto] = field(default_factory=dict)
    image: Value | None = None
    raised: int = 0

    def __post_init__(self) -> None:
        """Index the old graph."""
        graph = self.model.graph
        self.opset = standard_opset(self.model.opset_import)
        self.names = FreshNames(graph)
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.added: dict[str, onnx.TensorProto] = {}
        self._shared: dict[str, str] = {}
        self._claimed: set[str] = set()
        self._mapped = None if self.folder is None else MappedWeights(self.folder)
        kinds = [value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)]
        kinds = [kind for kind in kinds if kind in FLOATS]
        self.kind = helper.tensor_dtype_to_np_dtype(kinds[0] if kinds else TensorProto.FLOAT)
        self.makers = {o: node for node in graph.node for o in node.output if o}
        self.readers = Counter(i for node in graph.node for i in node.input if i)
        self.readers.update(value.name for value in graph.output)
        for value in (*graph.input, *graph.value_info, *graph.output):
            kind = value.type.tensor_type
            if kind.HasField("shape"):
                self.shapes[value.name] = tuple(
                    d.dim_value if d.HasField("dim_value") else d.dim_param for d in kind.shape.dim
                )
        for name, tensor in self.constants.items():
            self.shapes[name] = tuple(tensor.dims)

    def refusal(self, node: onnx.NodeProto, reason: Message) -> UnsupportedModelError:
        """Return the error that a node cannot be raised, with the name of the node."""
        where = f"{self.name}: node {quoted(node.name)} ({node.op_type})"
        return UnsupportedModelError(Message(reason.code, f"{where} {reason}"))

    def array(self, name: str) -> NDArray[Any] | None:
        """Return the values of a constant; None for other tensors. Casts of constants count."""
        tensor = self.constants.get(name) or self.added.get(name)
        if tensor is not None:
            return self._values(tensor)
        node = self.makers.get(name)
        if node is None or node.op_type not in ("Cast", "Constant", "Identity"):
            return None
        if node.op_type == "Constant":
            value = next((a.t for a in node.attribute if a.name == "value"), None)
            return None if value is None else numpy_helper.to_array(value)
        given = self.array(node.input[0])
        if given is None or node.op_type == "Identity":
            return given
        return given.astype(helper.tensor_dtype_to_np_dtype(node.attribute[0].i))

    def _values(self, tensor: onnx.TensorProto) -> NDArray[Any]:
        if uses_external_data(tensor) and self._mapped is not None:
            return self._mapped.array(tensor)
        return numpy_helper.to_array(tensor)

    def constant(self, base: str, values: NDArray[Any]) -> str:
        """Add a constant to the new graph; return its name."""
        name = self.names.fresh(base)
        self.added[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def shared(self, label: str, values: NDArray[Any]) -> str:
        """Return the name of the constant of a label, which the first call adds."""
        if label not in self._shared:
            # A model that was raised before may have a constant of that name.
            self._shared[label] = self.constant(label, values)
        return self._shared[label]

    def add(
        self,
        op: str,
        inputs: Sequence[str],
        output: str = "",
        name: str = "",
        **attributes: Any,
    ) -> str:
        """Append a standard node; return the name of its output."""
        made = output or self.names.fresh(f"{name or inputs[0]}.{op}")
        node = name or self.names.fresh(f"{made}.{op}")
        self.nodes.append(helper.make_node(op, list(inputs), [made], node, **attributes))
        return made

    def raw(self, name: str) -> str:
        """Return a tensor of the new graph with the content of a tensor of the old graph."""
        value = self.values.get(name)
        if value is None:
            return name
        if value.block == 1:
            return value.pixels
        if not value.coefficients:
            value.coefficients = self._transformed(value.pixels, name, value, forward=True)
        return value.coefficients

    def pixels(self, name: str, block: int, size: Size | None, node: onnx.NodeProto) -> str:
        """Return the pixels of a map that a node reads with a block size."""
        if block == 1:
            return self.raw(name)
        value = self.values.get(name)
        if value is not None and value.block == block:
            return value.pixels
        values = self.array(name)
        if values is not None:
            size = values.shape[-2:] if values.ndim > 1 else None
        self.require_tiled(name, block, size, node)
        if values is not None:
            kept = to_spatial(values.astype(np.float64), block).astype(values.dtype)
            pixels = self.constant(name.removesuffix(".jpeg"), kept)
        else:
            unknown = Value("", block, size)
            pixels = self._transformed(self.raw(name), name, unknown, forward=False)
        if value is None:
            self.values[name] = Value(pixels, block, size, coefficients=name)
        return pixels

    def require_tiled(self, name: str, block: int, size: Size | None, node: onnx.NodeProto) -> None:
        """Refuse a map of a node whose size is unknown or impossible."""
        if size is None:
            raise self.refusal(
                node,
                Message(
                    "own-map-size-unknown",
                    f"has the map {quoted(name)} of unknown height and width; declare its shape",
                ),
            )
        if any(not 0 < side <= _LARGEST or side % block for side in size):
            raise self.refusal(
                node,
                Message(
                    "own-map-size-differs",
                    f"has the map {quoted(name)} of {size[0]}x{size[1]} pixels, and both numbers"
                    f" must be multiples of {block} up to {_LARGEST}; correct its shape",
                ),
            )

    def _transformed(self, source: str, name: str, value: Value, *, forward: bool) -> str:
        """Append the block DCT of pixels, or the inverse."""
        assert value.size is not None
        height, width = value.size
        matrices = []
        for size, is_left in ((height, True), (width, False)):
            matrix = axis_dct(size, value.block)
            is_inverse = forward != is_left
            label = f"raised.{'idct' if is_inverse else 'dct'}.{size}.b{value.block}"
            values = (matrix.T if is_inverse else matrix).astype(self.kind)
            matrices.append(self.shared(label, values))
        base = f"{name}.{'ToJpeg' if forward else 'ToSpatial'}"
        left = self.add("MatMul", [matrices[0], source], self.names.fresh(f"{base}.rows"))
        return self.add("MatMul", [left, matrices[1]], self.names.fresh(base))

    def twin(self, name: str) -> str:
        """Return the name of the pixels of a map of the old graph."""
        preferred = self.preferred.get(name)
        if preferred is not None and preferred not in self._claimed:
            self._claimed.add(preferred)
            return preferred
        twins: Mapping[str, Any] = {} if self.info is None else self.info.tensors
        return self.names.fresh(str(twins[name][1]) if name in twins else f"{name}.pixels")
