"""Build a spatial `torch.fx.GraphModule` from a prepared ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.ir.graph import is_float, value_of
from jpegcompile.ir.image import channels_first_image, image_tensor
from jpegcompile.ir.module import Module
from jpegcompile.learning.lowering.whole import WholeModule
from jpegcompile.learning.onnx.expressions import evaluate
from jpegcompile.learning.onnx.layers import Layer, Weight, layer_of
from jpegcompile.learning.onnx.paths import Paths, path_of_node, path_of_parameter
from jpegcompile.learning.onnx.roles import STATISTICS, Role
from jpegcompile.messages import Message

# Key of fx nodes under which lowering finds the name of the source node.
NODE = "source_name"
_FIXED = "fixed"


@dataclass(frozen=True)
class Learned:
    """A parameter or running statistic of a module.

    Attributes:
        path: its key in the `state_dict`.
        tensor: name of the constant in the prepared graph.
        shape: shape of the constant.
        is_transposed: whether the module has the transposed matrix.
    """

    path: str
    tensor: str
    shape: tuple[int, ...]
    is_transposed: bool = False


class SpatialModule(WholeModule):
    """The module of an ONNX model on pixels; the attributes are those of `JpegModule`."""

    source: Any
    ends_in_softmax: bool
    kept_attributes = (*WholeModule.kept_attributes, "source", "ends_in_softmax")


@dataclass
class Built:
    """A spatial module of a prepared graph.

    Attributes:
        module: the module.
        learned: its parameters and running statistics, by path.
    """

    module: SpatialModule
    learned: dict[str, Learned] = field(default_factory=dict)


class Builder:
    """Builds a module node by node; every fx node names its ONNX node in `meta["source_name"]`."""

    def __init__(
        self, module: Module, roles: Sequence[Role], names: Mapping[str, str], source: str
    ) -> None:
        """Create a builder.

        Args:
            module: the prepared graph.
            roles: the learned constants.
            names: names of learned constants in the file.
            source: name of the model in messages.
        """
        self._module, self._source = module, source
        self._roles = {(id(r.node), r.index): r for r in roles}
        self._learned_tensors = {id(r.tensor) for r in roles}
        self._graph, self._root = fx.Graph(), nn.Module()
        self._tracer = fx.proxy.GraphAppendingTracer(self._graph)
        self._names = names
        self._paths = Paths(names.values())
        self._values: dict[str, fx.Node] = {}
        self._parameters: dict[tuple[int, bool, tuple[int, ...]], Tensor] = {}
        # The tensors stay here, so that no other tensor gets the same `id`.
        self._attributes: dict[int, tuple[str, gs.Constant]] = {}
        self._shared: dict[Any, str] = {}
        self._current = ""
        self.learned: dict[str, Learned] = {}

    def build(self) -> Built:
        """Build the module.

        Raises:
            UnsupportedModelError: if a node has no equivalent in PyTorch.
        """
        graph = self._module.graph
        image = image_tensor(self._module)
        first = channels_first_image(self._module, image)
        if first is None:
            raise UnsupportedModelError(
                Message(
                    "learning-image-layout",
                    f"{self._source}: input '{image.name}' has channels last and several readers;"
                    " export the model with channels first",
                )
            )
        self._values[first.name] = self._graph.placeholder("input")
        for node in graph.nodes:
            if any(t.name in self._values for t in node.outputs):
                continue
            self._current = node.name
            self._add(node)
        outputs = [self._value(t) for t in graph.outputs]
        self._graph.output(outputs[0] if len(outputs) == 1 else tuple(outputs))
        self._graph.lint()
        return Built(self._finished(), self.learned)

    def _finished(self) -> SpatialModule:
        """Return the module; fx makes constants persistent, which here are no part of the state."""
        module = SpatialModule(self._root, self._graph)
        holder = getattr(module, _FIXED, None)
        if isinstance(holder, nn.Module):
            holder._non_persistent_buffers_set.update(holder._buffers)
        return module

    def _add(self, node: gs.Node) -> None:
        layer = layer_of(node)
        if layer is not None and not self._is_layer(node, layer):
            layer = None
        if layer is not None:
            made = [self._call(node, layer)]
        else:
            before = len(self._graph.nodes)
            opset = int(self._module.graph.opset)
            results = evaluate(node, self._operand, opset, self._source)
            for one in list(self._graph.nodes)[before:]:
                one.meta[NODE] = node.name
            made = [result.node for result in results]
        for tensor, value in zip(node.outputs, made, strict=False):
            self._values[tensor.name] = value

    def _is_layer(self, node: gs.Node, layer: Layer) -> bool:
        """Whether a layer fits: its input is computed, and no other node reads its matrix as is."""
        tied = any(w.is_transposed and len(w.tensor.outputs) > 1 for w in layer.weights.values())
        return value_of(node.inputs[0]) is None and not tied

    def _call(self, node: gs.Node, layer: Layer) -> fx.Node:
        source = self._value(node.inputs[0])
        if layer.padding:
            source = self._record(
                self._graph.call_function(
                    nn.functional.pad, (source, layer.padding), {"value": layer.fill}
                )
            )
        key = (
            node.op,
            repr(sorted(node.attrs.items())),
            tuple(id(w.tensor) for w in layer.weights.values()),
        )
        path = self._shared.get(key) if layer.weights else None
        if path is None:
            path = self._install(node, layer)
            self._shared[key] = path
        return self._record(self._graph.call_module(path, (source,)))

    def _record(self, node: fx.Node) -> fx.Node:
        node.meta[NODE] = self._current
        return node

    def _install(self, node: gs.Node, layer: Layer) -> str:
        """Add the module of a layer, with its weights; return its path."""
        named = [
            path
            for name, weight in layer.weights.items()
            if (path := path_of_parameter(self._name(weight.tensor), name)) is not None
        ]
        if named:
            path = self._paths.take(named[0], is_named=True)
        else:
            wanted = path_of_node(node.name, node.op, has_parameters=bool(layer.weights))
            path = self._paths.take(wanted)
        module = layer.module
        for name, weight in layer.weights.items():
            value = self._parameter(weight, is_statistic=name in STATISTICS)
            setattr(module, name, value)
            self._learn(f"{path}.{name}", weight)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.num_batches_tracked = torch.tensor(0)
        self._set(path, module)
        return path

    def _name(self, tensor: gs.Constant) -> str:
        return self._names.get(tensor.name, tensor.name)

    def _learn(self, path: str, weight: Weight) -> None:
        shape = tuple(weight.tensor.values.shape)
        self.learned[path] = Learned(path, weight.tensor.name, shape, weight.is_transposed)

    def _parameter(self, weight: Weight, *, is_statistic: bool = False) -> Tensor:
        key = (id(weight.tensor), weight.is_transposed, weight.shape)
        if key not in self._parameters:
            values = np.asarray(weight.tensor.values)
            values = values.T if weight.is_transposed else values
            tensor = _tensor(values.reshape(weight.shape))
            self._parameters[key] = tensor if is_statistic else nn.Parameter(tensor)
        return self._parameters[key]

    def _set(self, path: str, module: nn.Module) -> None:
        owner, _, name = path.rpartition(".")
        self._container(owner).add_module(name, module)

    def _container(self, path: str) -> nn.Module:
        here = self._root
        for part in filter(None, path.split(".")):
            if not hasattr(here, part):
                here.add_module(part, nn.Module())
            here = getattr(here, part)
        return here

    def _value(self, tensor: gs.Tensor) -> fx.Node:
        value = self._operand(tensor)
        assert isinstance(value, fx.Proxy)
        return value.node

    def _operand(self, tensor: gs.Tensor) -> fx.Proxy | float:
        """Return an input of an expression: a value, a learned or fixed tensor, or a number."""
        if not isinstance(tensor, gs.Constant):
            if tensor.name not in self._values:
                raise UnsupportedModelError(
                    Message(
                        "learning-second-input",
                        f"{self._source}: node '{self._current}' reads the input"
                        f" '{tensor.name}', which is not the image; a module has one input",
                    )
                )
            return fx.Proxy(self._values[tensor.name], self._tracer)
        values = np.asarray(tensor.values)
        is_learned = id(tensor) in self._learned_tensors
        if not is_learned and values.size == 1 and values.ndim == 0 and is_float(tensor):
            return float(values.reshape(()))
        if id(tensor) not in self._attributes:
            path = self._learned_attribute(tensor) if is_learned else self._fixed(values)
            self._attributes[id(tensor)] = path, tensor
        made = self._record(self._graph.get_attr(self._attributes[id(tensor)][0]))
        return fx.Proxy(made, self._tracer)

    def _learned_attribute(self, tensor: gs.Constant) -> str:
        weight = Weight(tensor, tuple(tensor.values.shape))
        role = next(r for r in self._roles.values() if r.tensor is tensor)
        owner, _, name = self._name(tensor).rpartition(".")
        if path_of_parameter(self._name(tensor), name) is not None:
            holder = self._container(owner)
            if not hasattr(holder, name):
                holder.register_parameter(name, self._parameter(weight))  # type: ignore[arg-type]
                self._learn(f"{owner}.{name}", weight)
                return f"{owner}.{name}"
        wanted = path_of_node(role.node.name, role.node.op, has_parameters=True)
        path = self._paths.take(wanted)
        holder = nn.Module()
        holder.register_parameter(role.name, self._parameter(weight))  # type: ignore[arg-type]
        self._set(path, holder)
        self._learn(f"{path}.{role.name}", weight)
        return f"{path}.{role.name}"

    def _fixed(self, values: NDArray[Any]) -> str:
        """Add a constant, which is no part of the `state_dict`; return its path."""
        holder = self._container(_FIXED)
        name = f"constant_{len(list(holder.buffers()))}"
        holder.register_buffer(name, _tensor(values), persistent=False)
        return f"{_FIXED}.{name}"


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(values, copy=True, order="C"))
