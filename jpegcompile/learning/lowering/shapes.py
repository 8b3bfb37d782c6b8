"""Shapes and types of the values of a graph, from one run on two images.

A run takes less time than the imports that PyTorch needs to propagate shapes without arithmetic
(`FakeTensorMode`), and modules may look at values. On the device "meta" it computes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from jpegcompile.dct.blocks import block_size
from jpegcompile.learning.lowering.twins import clone_children
from jpegcompile.messages import Message

Example = Tensor | Sequence[Tensor] | tuple[int, ...]


@dataclass(frozen=True)
class Described:
    """A tensor without its values."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def block(self) -> int:
        """Block size of a map [..., H, W] of four or more dimensions; 1 if it is no map."""
        if len(self.shape) < 4 or not self.dtype.is_floating_point or 0 in self.shape[-2:]:
            return 1
        return block_size(*self.shape[-2:])


def propagate(module: fx.GraphModule, example: Example) -> None:
    """Set `meta["described"]` of each node: what the node returns, with `Described` for tensors.

    The module is not changed: neither its buffers nor the state of random generators.

    Args:
        module: the graph and its modules.
        example: an image, the shape of an image, or one tensor for each input.
    """
    with torch.no_grad(), torch.random.fork_rng():
        _Recorder(_scratch(module), module.graph).run(*_inputs(module, example))


def described(node: Any) -> Any:
    """Return what a node returns; None for what is not a node."""
    return node.meta["described"] if isinstance(node, fx.Node) else None


def shape_of(node: Any) -> tuple[int, ...] | None:
    """Return the shape of a node's tensor; None if the node returns no tensor."""
    value = described(node)
    return value.shape if isinstance(value, Described) else None


def block_of_node(node: Any) -> int:
    """Return the block size of the map, or of the tuple of maps, that a node returns; or 1."""
    value = described(node)
    if isinstance(value, list | tuple) and value:
        blocks = {item.block if isinstance(item, Described) else 1 for item in value}
        return blocks.pop() if len(blocks) == 1 else 1
    return value.block if isinstance(value, Described) else 1


def has_tensors(node: fx.Node) -> bool:
    """Whether a node returns a tensor, or a collection with one."""
    found: list[Described] = []
    fx.node.map_aggregate(
        described(node), lambda value: found.append(value) if isinstance(value, Described) else None
    )
    return bool(found)


def map_problem(node: Any) -> Message | None:
    """Return why a node's value is no map [N, C, H, W]; None if it is one."""
    if len(shape_of(node) or ()) == 4:
        return None
    return Message("learning-not-a-map", "its input has no shape [N, C, H, W]")


class _Recorder(fx.Interpreter):
    """Runs a graph, and describes what each node returns."""

    def __init__(self, module: nn.Module, graph: fx.Graph) -> None:
        super().__init__(module, graph=graph)
        self.extra_traceback = False

    def run_node(self, n: fx.Node) -> Any:
        """Run a node, and describe its result."""
        result = super().run_node(n)
        n.meta["described"] = fx.node.map_aggregate(result, _describe)
        return result


def _describe(value: Any) -> Any:
    if isinstance(value, Tensor):
        return Described(tuple(map(int, value.shape)), value.dtype)
    return value


def _scratch(module: nn.Module) -> nn.Module:
    """Return the tree of a module, with copies of its buffers."""
    root = nn.Module()
    root._parameters, root._buffers = module._parameters, module._buffers
    root._modules = clone_children(module)
    for part in root.modules():
        part._buffers = {
            name: None if tensor is None else tensor.clone()
            for name, tensor in part._buffers.items()
        }
    root.__dict__.update({k: v for k, v in module.__dict__.items() if isinstance(v, Tensor)})
    return root


def _inputs(module: nn.Module, example: Example) -> tuple[Tensor, ...]:
    if isinstance(example, Tensor):
        return (example[:2],)
    sizes = [size for size in example if isinstance(size, int)]
    if len(sizes) == len(example):
        floating = (p for p in module.parameters() if p.is_floating_point())
        like = next(floating, torch.zeros(()))
        return (torch.zeros(sizes, dtype=like.dtype, device=like.device),)
    return tuple(torch.as_tensor(tensor) for tensor in example)
