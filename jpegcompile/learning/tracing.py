"""Tracing of PyTorch modules to graphs that hold for training and for evaluation.

Tracing runs `forward` once, so a condition on `self.training` would be lost. Modules are traced in
both modes. A module whose operators depend on the mode stays whole, like one that cannot be traced.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, get_ident
from typing import Any

from torch import Tensor, fx, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from jpegcompile.errors import UnsupportedModelError, one_line
from jpegcompile.learning.lowering.operators import ByMode, WhileTraining
from jpegcompile.learning.lowering.twins import has_twin
from jpegcompile.learning.lowering.whole import WholeModule, called_in, put, tree_of
from jpegcompile.learning.modes import arguments_of, compare_modes
from jpegcompile.messages import Message

# Tracing changes classes of PyTorch for its time.
_LOCK = Lock()
# Functions and methods that draw random numbers.
_DRAWS = frozenset(
    (
        *("rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like"),
        *("bernoulli", "normal", "uniform", "multinomial", "poisson", "exponential", "random"),
        *("cauchy", "geometric", "log_normal"),
    )
)
_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


@dataclass(frozen=True)
class Traced:
    """A traced module.

    Attributes:
        graph_module: the graph, with the tree of the module; parameters and buffers are shared.
        whole: modules that were not traced, by qualified name, and why.
        only_mode: the mode that the graph holds for; None for both.
    """

    graph_module: WholeModule
    whole: dict[str, Message]
    only_mode: bool | None


def trace(module: nn.Module) -> Traced:
    """Trace a module.

    Arguments of `forward` with a default keep it.

    Raises:
        UnsupportedModelError: if the forward of the module itself cannot be traced.
    """
    if "forward" in vars(module):
        kind = type(module).__name__
        text = f"forward of this {kind} was replaced; convert the network before it is compiled"
        raise UnsupportedModelError(Message("learning-forward-replaced", text))
    whole = dict(_untouchable(module))
    while True:
        known = len(whole)
        train, test = _traced(module, whole, True), _traced(module, whole, False)
        if len(whole) > known:
            continue
        compared = compare_modes(train.graph, test.graph)
        changing = compared.differing
        if not changing or changing == {""}:
            break
        for name in changing - {""}:
            text = f"the operators of '{name}' depend on the training mode"
            whole[name] = Message("learning-follows-mode", text)
    only = module.training if changing else None
    made = _with_constants(module, train if only in (None, True) else test)
    if not changing:
        for node, argument in compared.following.items():
            _by_mode(made, node, argument)
        for node in compared.updates:
            _while_training(made, node)
        made.recompile()
    called = called_in(made.graph)
    return Traced(made, {name: why for name, why in whole.items() if name in called}, only)


@dataclass
class _Graph:
    """A graph, and the tensors that the forward of the module created while it was traced."""

    graph: fx.Graph
    constants: dict[str, Tensor]


class _Constants(nn.Module):
    """Tensors that a forward creates, which follow the network to another device or type."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor, persistent=False)


def _constants_of(module: nn.Module) -> dict[str, Tensor]:
    """Remove the tensors that a tracer has left at the traced module, and return them."""
    names = [name for name in vars(module) if name.startswith("_tensor_constant")]
    return {name: module.__dict__.pop(name) for name in names}


def _with_constants(module: nn.Module, traced: _Graph) -> WholeModule:
    """Return the graph with a tree of the module's submodules, and its constants in one of them."""
    tree = tree_of(module, called_in(traced.graph))
    if traced.constants:
        folder = "constants"
        while hasattr(tree, folder):
            folder = f"_{folder}"
        put(tree, folder, _Constants(traced.constants).train(module.training))
        for node in traced.graph.nodes:
            if node.op == "get_attr" and node.target in traced.constants:
                node.target = f"{folder}.{node.target}"
    return WholeModule(tree, traced.graph)


def _untouchable(module: nn.Module) -> Iterator[tuple[str, Message]]:
    """Yield modules that must be called as they are."""
    for name, part in module.named_modules():
        if not name:
            continue
        if any(part.__dict__.get(hooks) for hooks in _HOOKS):
            yield name, Message("learning-has-hooks", f"'{name}' has hooks, which expect pixels")
        elif hasattr(part, "parametrizations"):
            text = f"a parameter of '{name}' is computed by a parametrization"
            yield name, Message("learning-parametrized", text)


def _traced(module: nn.Module, whole: dict[str, Message], training: bool) -> _Graph:
    """Trace in a mode; a module that fails is added to `whole`."""
    while True:
        tracer = _Tracer(whole)
        try:
            with _LOCK, _mode(module, training), _NoDraws():
                return _Graph(tracer.trace(module), _constants_of(module))
        except Exception as error:
            # Any error may come from running the code of a model with symbolic values.
            name, why = tracer.failed, one_line(error)
            if not name or name in whole:
                kind = type(module).__name__
                text = f"forward of {kind} cannot be traced ({why}); move that part to a submodule"
                raise UnsupportedModelError(Message("learning-not-traceable", text)) from error
            whole[name] = Message("learning-not-traced", f"'{name}' cannot be traced: {why}")


@contextmanager
def _mode(module: nn.Module, training: bool) -> Iterator[None]:
    """Set the mode of all submodules for a while."""
    modes = [(part, part.training) for part in module.modules()]
    for part, _ in modes:
        part.training = training
    try:
        yield
    finally:
        for part, before in modes:
            part.training = before


class _NoDraws(TorchFunctionMode):
    """Refuses random tensors that read no input: the graph would repeat the same numbers."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = str(getattr(func, "__name__", "")).rstrip("_")
        if name in _DRAWS and not _reads_input((args, kwargs)):
            text = f"{name} draws numbers without reading the input, such as by rand_like(x)"
            raise RuntimeError(text)
        return func(*args, **(kwargs or {}))


def _reads_input(arguments: Any) -> bool:
    found: list[fx.Proxy] = []
    fx.node.map_aggregate(
        arguments, lambda value: found.append(value) if isinstance(value, fx.Proxy) else None
    )
    return bool(found)


class _Tracer(fx.Tracer):
    """Traces a module, and records in which submodule each node and an error arise."""

    # Buffers are read when the network runs, and what changes them is part of the graph.
    proxy_buffer_attributes = True

    def __init__(self, whole: dict[str, Message]) -> None:
        super().__init__()
        self.whole, self.stack, self.failed = whole, [""], ""
        self.thread = get_ident()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is called as a whole."""
        return (
            module_qualified_name in self.whole
            or has_twin(m)
            or super().is_leaf_module(m, module_qualified_name)
        )

    def create_args_for_root(
        self, root_fn: Any, is_module: bool, concrete_args: Any = None
    ) -> tuple[Any, list[Any]]:
        """Create the inputs of the graph; arguments with a default become constants."""
        known = inspect.signature(inspect.unwrap(root_fn)).parameters
        function, arguments = super().create_args_for_root(root_fn, is_module, concrete_args)
        for index, argument in enumerate(arguments[2:], 2):
            parameter = known.get(argument.node.target)
            if parameter is not None and parameter.default is not parameter.empty:
                arguments[index] = parameter.default
                self.graph.erase_node(argument.node)
        return function, arguments

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        """Trace the call of a module; calls by other threads run as they are."""
        if get_ident() != self.thread:
            return forward(*args, **kwargs)
        name = self.path_of_module(m)
        self.stack.append(name)
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            self.failed = self.failed or name
            raise
        finally:
            self.stack.pop()

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """Return an attribute of a module, or a proxy; other threads get what they ask for."""
        if get_ident() != self.thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def create_node(self, kind: str, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        """Create a node, and record the module whose forward creates it."""
        node = super().create_node(kind, target, *args, **kwargs)
        is_call = kind == "call_module" and self.stack[-1] == target
        node.meta["scope"] = self.stack[-2 if is_call else -1]
        return node


_DROPOUTS: dict[Any, type[nn.Module]] = {
    functional.dropout: nn.Dropout,
    functional.dropout2d: nn.Dropout2d,
}


def _by_mode(module: WholeModule, node: fx.Node, argument: str) -> None:
    """Replace a function by a module that calls it in the mode of the module."""
    scope = node.meta["scope"]
    name = f"{scope}.{node.name}" if scope else node.name
    arguments = {k: v for k, v in arguments_of(node).items() if k != argument}
    source = arguments.pop(next(iter(arguments)))
    made: nn.Module = ByMode(node.target, argument)
    if node.target in _DROPOUTS:
        arguments.pop("inplace", None)
        made, arguments = _DROPOUTS[node.target](**arguments), {}
    put(module, name, made.train(module.get_submodule(scope).training))
    with module.graph.inserting_after(node):
        call = module.graph.call_module(name, (source,), arguments)
    call.meta.update(node.meta)
    node.replace_all_uses_with(call)
    module.graph.erase_node(node)


def _while_training(module: WholeModule, node: fx.Node) -> None:
    """Replace a method that updates a buffer by a module that calls it while training."""
    scope = node.meta["scope"]
    name = f"{scope}.{node.name}" if scope else node.name
    update = WhileTraining(str(node.target))
    put(module, name, update.train(module.get_submodule(scope).training))
    with module.graph.inserting_after(node):
        call = module.graph.call_module(name, node.args, node.kwargs)
    call.meta.update(node.meta)
    module.graph.erase_node(node)
