"""Comparison of the graphs of a module in both modes, training and evaluation."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import fx

# Names of arguments of functions that say whether a network is trained.
_MODES = ("training", "use_input_stats")
_PROXY = re.compile(r"Proxy\(\w+\)")


@dataclass(frozen=True)
class Comparison:
    """How the graphs of both modes differ.

    Attributes:
        differing: names of the innermost modules whose operators differ; "" is the module itself.
            If there are any, the other attributes are empty.
        following: nodes of the training graph of which one argument is the mode, and its name.
        updates: nodes of the training graph that change a buffer while training only, such as a
            count of batches. Nothing reads their results.
    """

    differing: set[str] = field(default_factory=set)
    following: dict[fx.Node, str] = field(default_factory=dict)
    updates: list[fx.Node] = field(default_factory=list)


def compare_modes(train: fx.Graph, test: fx.Graph) -> Comparison:
    """Compare the graphs of a module in training and in evaluation."""
    updates = _updates_of_training(train, test)
    one, other = _nodes_without(train, updates), list(test.nodes)
    inner = _innermost(_by_scope(one), _by_scope(other))
    if inner:
        return Comparison(inner)
    following = {}
    for node, literals, wanted in zip(one, _literals(one), _literals(other), strict=True):
        if literals != wanted:
            argument = _mode_argument(node)
            if argument is None:
                return Comparison({""})
            following[node] = argument
    return Comparison(set(), following, updates)


def arguments_of(node: fx.Node) -> dict[str, Any]:
    """Return the arguments of a node, by name where the function has a signature."""
    names = _parameters(node)
    given = {names[i] if i < len(names) else str(i): value for i, value in enumerate(node.args)}
    return {**given, **node.kwargs}


def _innermost(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> set[str]:
    """Return the names of the innermost modules whose nodes differ."""
    differing = {scope for scope in one.keys() | other.keys() if one.get(scope) != other.get(scope)}
    return {
        scope
        for scope in differing
        if not any(s != scope and (not scope or s.startswith(f"{scope}.")) for s in differing)
    }


def _updates_of_training(train: fx.Graph, test: fx.Graph) -> list[fx.Node]:
    known = Counter(_form(node) for node in test.nodes if _is_update(node))
    found = []
    for node in train.nodes:
        if _is_update(node):
            known[_form(node)] -= 1
            if known[_form(node)] < 0:
                found.append(node)
    return found


def _is_update(node: fx.Node) -> bool:
    """Whether a node changes a tensor of the module by numbers, and nothing reads its result."""
    is_in_place = node.op == "call_method" and str(node.target).endswith("_") and not node.users
    return is_in_place and [source.op for source in node.all_input_nodes] == ["get_attr"]


def _form(node: fx.Node) -> tuple[str, str, str]:
    (source,) = node.all_input_nodes
    return str(source.target), str(node.target), repr((node.args[1:], node.kwargs))


def _nodes_without(graph: fx.Graph, updates: list[fx.Node]) -> list[fx.Node]:
    """Return the nodes of a graph without updates, and without the tensors that only they read."""
    left_out = set(updates)
    return [
        node
        for node in graph.nodes
        if node not in left_out
        and not (node.op == "get_attr" and node.users and left_out.issuperset(node.users))
    ]


def _by_scope(nodes: list[fx.Node]) -> dict[str, list[Any]]:
    """Return the nodes of each module in order, in a form to compare.

    The mode is left out, and which nodes of other modules they read: a module in front may return
    its input in one of the modes.
    """
    scopes: dict[str, list[Any]] = {}
    for node in nodes:
        scope = _scope_of(node)
        arguments = arguments_of(node)
        argument = _mode_argument(node)
        if argument is not None:
            arguments = {key: value for key, value in arguments.items() if key != argument}
        literals = fx.node.map_arg(arguments, partial(_name_in, scope))
        scopes.setdefault(scope, []).append((node.op, node.target, _text(literals)))
    return scopes


def _name_in(scope: str, node: fx.Node) -> str:
    return f"<{node.op} {node.target}>" if _scope_of(node) == scope else "<>"


def _scope_of(node: fx.Node) -> str:
    """Return the name of the module whose forward made a node."""
    return str(node.meta.get("scope", ""))


def _literals(nodes: list[fx.Node]) -> Iterator[str]:
    """Yield the arguments of each node, with the places of the nodes that it reads."""
    places = {node: index for index, node in enumerate(nodes)}
    for node in nodes:
        yield _text(fx.node.map_arg(arguments_of(node), lambda n: f"<{places[n]}>"))


def _text(literals: Any) -> str:
    """Return literals as text; texts of assertions contain names of nodes, which differ."""
    return _PROXY.sub("", repr(literals))


def _parameters(node: fx.Node) -> list[str]:
    if node.op != "call_function":
        return []
    try:
        return list(inspect.signature(node.target).parameters)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return []


def _mode_argument(node: fx.Node) -> str | None:
    """Return the argument of a function that is its mode, if it is a literal."""
    arguments = arguments_of(node) if node.op == "call_function" else {}
    return next((name for name in _MODES if isinstance(arguments.get(name), bool)), None)
