"""The tree of modules of a lowered network: the names of the source, with shared parameters."""

from __future__ import annotations

from torch import nn

from jpegcompile.learning.lowering.twins import clone


def tree_of(module: nn.Module) -> nn.Module:
    """Return a tree with the modules of a module, and with its parameters and buffers.

    Parameters and buffers are the same tensors. Submodules that only group others become plain
    modules and lists, since their `forward` would call the lowered modules in the wrong order.
    """
    kind: type[nn.Module] = nn.Module
    if isinstance(module, nn.Sequential | nn.ModuleList):
        kind = nn.ModuleList
    elif isinstance(module, nn.ModuleDict):
        kind = nn.ModuleDict
    made = kind()
    for name in ("_parameters", "_buffers", "_non_persistent_buffers_set", "training"):
        made.__dict__[name] = module.__dict__[name]
    made._modules = {
        name: None if child is None else tree_of(child) if child._modules else clone(child)
        for name, child in module._modules.items()
    }
    return made
