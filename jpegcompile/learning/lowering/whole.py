"""Graph modules that keep the whole tree of modules, also what the graph does not call."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import fx, nn

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.learning.lowering.twins import clone
from jpegcompile.messages import Message

_TREE = ("_parameters", "_buffers", "_non_persistent_buffers_set", "_modules", "training")


class WholeModule(fx.GraphModule):
    """A graph module with the tree of its root: `state_dict` has the keys of the root."""

    # Attributes beside the tree, which copies and pickles keep.
    kept_attributes: tuple[str, ...] = ("meta",)

    def __init__(
        self, root: nn.Module | dict[str, Any], graph: fx.Graph, class_name: str = "WholeModule"
    ) -> None:
        """Create a module from a tree of modules, which becomes a part of it.

        Raises:
            UnsupportedModelError: if the tree uses the name of an attribute of this class.
        """
        if isinstance(root, nn.Module):
            self._check_names(root)
        super().__init__(root, graph, class_name)
        if isinstance(root, nn.Module):
            for key in (*_TREE, *self.kept_attributes):
                if key in root.__dict__:
                    self.__dict__[key] = root.__dict__[key]

    def _check_names(self, root: nn.Module) -> None:
        kind = type(self)
        own = ({*dir(kind)} - {*dir(nn.Module)}) | {*kind.kept_attributes}
        for names in (root._modules, root._parameters, root._buffers):
            for name in sorted(own & names.keys()):
                text = f"the network has '{name}', a name that graph modules need; rename it"
                raise UnsupportedModelError(Message("learning-name-taken", text))

    def _deepcopy_init(self) -> Any:
        return WholeModule.__init__

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what `pickle` needs: the tree of modules, and the graph as Python code."""
        state = {key: value for key, value in self.__dict__.items() if key != "_graph"}
        _, (body, imports) = super().__reduce__()
        return _restored, (kind_of_graph(self), state, body["_code"], imports)


def kind_of_graph(module: fx.GraphModule) -> type[Any]:
    """Return the class that a graph module was made as; each one has a class of its own."""
    return next(kind for kind in type(module).__mro__ if "<locals>" not in kind.__qualname__)


def _restored(kind: type[WholeModule], state: Any, code: str, imports: str) -> WholeModule:
    """Return the module of a pickle."""
    root = nn.Module()
    root.__dict__.update(state)
    traced: Any = fx.graph_module.reduce_graph_module({**state, "_code": code}, imports)
    return kind(root, traced.graph)


def tree_of(module: nn.Module, called: Collection[str], name: str = "") -> nn.Module:
    """Return a tree with the modules of a module, and with its parameters and buffers.

    Parameters and buffers are the same tensors. Submodules that only group others become plain
    modules and lists, since their `forward` would call the lowered modules in the wrong order.

    Args:
        module: root of the tree.
        called: qualified names of modules that a graph calls; they stay whole.
        name: qualified name of the root.
    """
    kind: type[nn.Module] = nn.Module
    if isinstance(module, nn.Sequential | nn.ModuleList):
        kind = nn.ModuleList
    elif isinstance(module, nn.ModuleDict):
        kind = nn.ModuleDict
    made = kind()
    for key in _TREE:
        made.__dict__[key] = module.__dict__[key]
    made._modules = {}
    for key, child in module._modules.items():
        path = f"{name}.{key}" if name else key
        is_whole = child is None or not child._modules or path in called
        made._modules[key] = (
            None if child is None else clone(child) if is_whole else tree_of(child, called, path)
        )
    return made


def called_in(graph: fx.Graph) -> set[str]:
    """Return the qualified names of the modules that a graph calls."""
    return {str(node.target) for node in graph.nodes if node.op == "call_module"}


def put(root: nn.Module, name: str, module: nn.Module) -> None:
    """Set a module at a qualified name; folders on the way are created."""
    *folders, last = name.split(".")
    for folder in folders:
        if folder not in root._modules:
            root._modules[folder] = nn.Module()
        child = root._modules[folder]
        assert child is not None
        root = child
    root._modules[last] = module
