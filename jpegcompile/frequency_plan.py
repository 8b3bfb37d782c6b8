"""How many spatial frequencies each nonlinearity uses, from `--frequencies` or its file.

Numbers are from 1 to 15, for 8x8 tiles. Smaller tiles have fewer frequencies and use a
proportional number (see `jpegcompile.dct.frequencies.resolve`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any, Literal, get_args

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.files import read_json
from jpegcompile.messages import Message

# Operators of the source nodes that a plan can name.
PIECEWISE_LINEAR = frozenset(("Relu", "LeakyRelu", "PRelu", "Clip", "MaxPool"))
Masking = Literal["asm", "apx"]
MASKINGS: tuple[Masking, ...] = get_args(Masking)

_MASK, _KEEP = "frequencies", "truncate"
_NODE_KEYS = (_MASK, _KEEP)
_KEYS = ("relu", *_NODE_KEYS, "nodes", "evidence")
_NODE_FORM = '{"frequencies": 8, "truncate": 10}'
_FORM = '{"frequencies": 12, "nodes": {"relu1": 8, "relu2": {"frequencies": 8, "truncate": 10}}}'


@dataclass(frozen=True)
class NodeFrequencies:
    """Frequencies of one nonlinearity.

    Attributes:
        mask: number of mask frequencies, which decide the mask. With all frequencies, the mask is
            exact.
        keep: number of frequencies that the result keeps.
    """

    mask: int = ALL
    keep: int = ALL

    def to_json(self) -> dict[str, int]:
        """Return JSON-ready data, as in a frequencies file."""
        return {_MASK: self.mask, _KEEP: self.keep}


@dataclass(frozen=True)
class FrequencyPlan:
    """Frequencies of every nonlinearity of a model.

    Attributes:
        masking: "asm" applies masks to the exact pixels, "apx" returns the approximate pixels.
        default: frequencies of nodes that `nodes` does not name.
        nodes: frequencies by the name of the node in the source model.
        name: name of the plan in errors.
        evidence: measurements of the search that chose the plan (see
            `jpegcompile.choose_frequencies`), with the hashes of the plan (`plan_sha256`) and of
            the model (`source_sha256`). None without a search.
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
        """Return the frequencies of a node."""
        return self.nodes.get(node, self.default)

    @property
    def sha256(self) -> str:
        """Hash of the plan without its evidence and its name."""
        data = replace(self, evidence=None).to_json()
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()

    def for_source(self, source_sha256: str) -> FrequencyPlan:
        """Return the plan for a model, without evidence that belongs to another plan or model."""
        hashes = {"plan_sha256": self.sha256, "source_sha256": source_sha256}
        if self.evidence is None or hashes.items() <= self.evidence.items():
            return self
        return replace(self, evidence=None)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data: the content of a frequencies file."""
        nodes = {name: node.to_json() for name, node in self.nodes.items()}
        data = {"relu": self.masking, **self.default.to_json(), "nodes": nodes}
        return data if self.evidence is None else {**data, "evidence": dict(self.evidence)}


Frequencies = int | str | os.PathLike[str] | Mapping[str, Any] | FrequencyPlan


def frequency_plan(
    frequencies: Frequencies | None = None,
    relu: Masking | None = None,
    truncate: int | None = None,
) -> FrequencyPlan:
    """Return the plan that options describe.

    Args:
        frequencies: number of mask frequencies of all nonlinearities, all by default; or a plan,
            its JSON form, or the path of a JSON file.
        relu: masking, which overrides the plan. Defaults to the masking of the plan, or "asm".
        truncate: number of frequencies that all nodes keep. Overrides the plan.

    Raises:
        UsageError: if a number is not from 1 to 15, or the JSON form is wrong.
        AccessError: if the file cannot be read.
    """
    if frequencies is None:
        frequencies = ALL
    if isinstance(frequencies, FrequencyPlan):
        return _plan(frequencies.to_json(), relu, truncate, frequencies.name)
    if isinstance(frequencies, Integral):
        # NumPy's integers are accepted too, but Python's bool is not.
        is_bool = isinstance(frequencies, bool)
        frequencies = {_MASK: frequencies if is_bool else int(frequencies)}
    if isinstance(frequencies, Mapping):
        return _plan(frequencies, relu, truncate, "frequencies")
    if not isinstance(frequencies, str | os.PathLike):
        kind = type(frequencies).__name__
        text = f"frequencies is of type {kind}; give a number, a path, a mapping or a plan"
        raise UsageError(Message("frequencies-type", text))
    return _plan(read_json(frequencies, "frequencies"), relu, truncate, str(frequencies))


def _plan(data: Any, relu: Masking | None, truncate: int | None, name: str) -> FrequencyPlan:
    if not isinstance(data, Mapping) or not isinstance(data.get("nodes", {}), Mapping):
        text = f"{name}: is not a plan of frequencies; write a JSON object like {_FORM}"
        raise UsageError(Message("frequencies-form", text))
    _check_keys(data, _KEYS, name, _FORM)
    masking = relu or data.get("relu", "asm")
    if masking not in MASKINGS:
        where = "" if relu else f"{name}: "
        text = f"{where}relu is '{masking}'; use {' or '.join(MASKINGS)}"
        raise UsageError(Message("relu-unknown", text))
    evidence = data.get("evidence")
    if not isinstance(evidence, Mapping | None):
        text = f'{name}: "evidence" is not a JSON object; leave it out'
        raise UsageError(Message("frequencies-evidence-form", text))
    default = _node(data, NodeFrequencies(), name)
    nodes = {}
    for node, value in data.get("nodes", {}).items():
        numbers, where = value if isinstance(value, Mapping) else {_MASK: value}, f"{name}: {node}"
        _check_keys(numbers, _NODE_KEYS, where, _NODE_FORM)
        nodes[str(node)] = _node(numbers, default, where)
    if truncate is not None:
        kept = _number(truncate, _KEEP)
        default = replace(default, keep=kept)
        nodes = {node: replace(numbers, keep=kept) for node, numbers in nodes.items()}
    return FrequencyPlan(masking, default, nodes, name, evidence)


def _check_keys(data: Mapping[str, Any], known: tuple[str, ...], name: str, form: str) -> None:
    unknown = [str(key) for key in data if key not in known]
    if unknown:
        text = f"{name}: has the unknown key '{unknown[0]}'; write a JSON object like {form}"
        raise UsageError(Message("frequencies-key-unknown", text))


def _node(data: Mapping[str, Any], default: NodeFrequencies, name: str) -> NodeFrequencies:
    # A plan from a plain number already has this name.
    where = name if name == _MASK else f"{name}: {_MASK}"
    mask = _number(data.get(_MASK, default.mask), where)
    keep = _number(data.get(_KEEP, default.keep), f"{name}: {_KEEP}")
    return NodeFrequencies(mask, keep)


def _number(value: Any, name: str) -> int:
    if type(value) is not int or not 1 <= value <= ALL:
        text = f"{name}: is {value!r}; give a whole number from 1 to {ALL}"
        raise UsageError(Message("frequency-number-out-of-range", text))
    return value
