"""How many spatial frequencies each nonlinearity uses: what `--frequencies` and its file say.

Numbers are for 8x8 tiles, 1 to 15; smaller tiles have fewer frequencies and take their share (see
`jpegcompile.dct.frequencies.resolve`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.files import read_json

Masking = Literal["asm", "apx"]
MASKINGS: tuple[Masking, ...] = get_args(Masking)

_KEYS = ("relu", "frequencies", "truncate", "nodes", "evidence")
_FORM = '{"frequencies": 12, "nodes": {"relu1": 8, "relu2": {"frequencies": 8, "truncate": 10}}}'


@dataclass(frozen=True)
class NodeFrequencies:
    """The two numbers of a nonlinearity.

    Attributes:
        mask: frequencies that decide its mask; all of them make it exact.
        keep: frequencies that its result keeps.
    """

    mask: int = ALL
    keep: int = ALL

    def to_json(self) -> dict[str, int]:
        """JSON-ready data, as in a frequencies file."""
        return {"frequencies": self.mask, "truncate": self.keep}


@dataclass(frozen=True)
class FrequencyPlan:
    """Frequencies of every nonlinearity of a model.

    Attributes:
        masking: "asm" masks the exact pixels, "apx" takes the approximated ones.
        default: of the nodes that are not named.
        nodes: by the name of the node in the source model.
        name: how errors call the plan.
        evidence: what a search measured of it (see `jpegcompile.choose_frequencies`).
    """

    masking: Masking = "asm"
    default: NodeFrequencies = field(default_factory=NodeFrequencies)
    nodes: Mapping[str, NodeFrequencies] = field(default_factory=dict)
    name: str = "frequencies"
    evidence: Mapping[str, Any] | None = None

    @property
    def is_exact(self) -> bool:
        """Whether every nonlinearity uses and keeps all frequencies."""
        return all(n == NodeFrequencies() for n in (self.default, *self.nodes.values()))

    def of(self, node: str) -> NodeFrequencies:
        """Frequencies of a node."""
        return self.nodes.get(node, self.default)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data: the content of a frequencies file."""
        nodes = {name: node.to_json() for name, node in self.nodes.items()}
        data = {"relu": self.masking, **self.default.to_json(), "nodes": nodes}
        return data if self.evidence is None else {**data, "evidence": dict(self.evidence)}


Frequencies = int | str | os.PathLike[str] | Mapping[str, Any] | FrequencyPlan


def plan_of(
    frequencies: Frequencies = ALL, relu: Masking | None = None, truncate: int | None = None
) -> FrequencyPlan:
    """The plan that arguments describe.

    Args:
        frequencies: for all nonlinearities; or a plan, its JSON form, or the path of a file of it.
        relu: masking; that of the plan, or asm, if not given.
        truncate: frequencies kept by nodes of which the plan does not say it.

    Raises:
        UsageError: if a number is not 1 to 15, or the JSON form has other keys.
        AccessError: if the file cannot be read.
    """
    if isinstance(frequencies, FrequencyPlan):
        return _plan(frequencies.to_json(), relu, truncate, frequencies.name)
    if isinstance(frequencies, bool | int):
        return _plan({"frequencies": frequencies}, relu, truncate, "frequencies")
    if isinstance(frequencies, Mapping):
        return _plan(frequencies, relu, truncate, "frequencies")
    return _plan(read_json(frequencies, "frequencies"), relu, truncate, str(frequencies))


def _plan(data: Any, relu: Masking | None, truncate: int | None, name: str) -> FrequencyPlan:
    if not isinstance(data, Mapping) or not isinstance(data.get("nodes", {}), Mapping):
        raise UsageError(f"{name}: frequencies are a JSON object like {_FORM}")
    unknown = [str(key) for key in data if key not in _KEYS]
    if unknown:
        raise UsageError(f"{name}: has no meaning for '{unknown[0]}'; its form is {_FORM}")
    masking = relu or data.get("relu", "asm")
    if masking not in MASKINGS:
        raise UsageError(f"relu is '{masking}'; use {' or '.join(MASKINGS)}")
    kept = ALL if truncate is None else _number(truncate, "truncate")
    default = _node(data, NodeFrequencies(keep=kept), name)
    nodes = {
        str(node): _node(value if isinstance(value, Mapping) else {"frequencies": value}, default,
                         f"{name}: {node}")
        for node, value in data.get("nodes", {}).items()
    }  # fmt: skip
    return FrequencyPlan(masking, default, nodes, name, data.get("evidence"))


def _node(data: Mapping[str, Any], default: NodeFrequencies, name: str) -> NodeFrequencies:
    mask = data.get("frequencies", default.mask)
    keep = data.get("truncate", default.keep)
    return NodeFrequencies(_number(mask, name), _number(keep, f"{name}: truncate"))


def _number(value: Any, name: str) -> int:
    if type(value) is not int or not 1 <= value <= ALL:
        raise UsageError(f"{name}: is {value!r}; give a whole number from 1 to {ALL}")
    return value
