"""The report of a compilation: what happened to each node, and why nodes stay spatial.

The records are data; `commands/` prints them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from jpegcompile.dct.frequencies import full
from jpegcompile.frequency_plan import MASKINGS, Masking
from jpegcompile.messages import Message, code_of
from jpegcompile.own_preprocessing import OwnPreprocessing

Status = Literal["lowered", "kept"]
_SUMS = (
    "multiply_adds",
    "transform_multiply_adds",
    "skippable_multiply_adds",
    "skippable_transform_multiply_adds",
)


@dataclass(frozen=True)
class NodeReport:
    """One node that touches a feature map.

    Attributes:
        name: name of the source node.
        op: operator of the source node.
        status: "lowered", or "kept" in the spatial domain.
        reason: why the node was kept; empty for a lowered node.
        input_block: block size of the input; None if the input is not a feature map.
        output_block: block size of the output; None if the output is not a feature map.
        output_shape: shape of the output as the graph declares it, batch first.
        multiply_adds: multiply-adds of the spatial operator for one image.
        transform_multiply_adds: multiply-adds of the DCTs around the operator, if each is computed
            tile by tile.
        masking: for a piecewise linear operator on tiles, "exact", or "asm" or "apx" if the mask
            uses few frequencies; None for other operators.
        frequencies: the mask frequencies are u + v < `frequencies`, at `input_block`.
        truncate: the kept frequencies of the result are u + v < `truncate`, at `output_block`.
        skippable_multiply_adds: the part of `multiply_adds` that native kernels skip, since
            truncated coefficients are zero. Only 1x1 convolutions skip multiply-adds; larger
            windows are convolved on pixels.
        skippable_transform_multiply_adds: the part of `transform_multiply_adds` that native kernels
            skip.
        method: for a convolution with several native kernels, the kernel that the cost model chose:
            "direct", "winograd4" (F(4x4, 3x3)) or "winograd2". For the convolution that reads
            files, "dense", or "sparse or dense" if it depends on the coefficients of each image.
        exact: whether the node is kept because of a discontinuous operator: the node is
            discontinuous, feeds a discontinuous operator, or reads the output of one.
    """

    name: str
    op: str
    status: Status
    reason: str
    input_block: int | None
    output_block: int | None
    output_shape: tuple[int | str, ...]
    multiply_adds: int
    transform_multiply_adds: int
    masking: Masking | Literal["exact"] | None = None
    frequencies: int | None = None
    truncate: int | None = None
    skippable_multiply_adds: int = 0
    skippable_transform_multiply_adds: int = 0
    method: str | None = None
    exact: bool = False

    @property
    def is_truncated(self) -> bool:
        """Whether the result lacks some frequencies."""
        return self.truncate is not None and self.truncate < full(self.output_block or 1)

    @property
    def is_exact(self) -> bool:
        """Whether the mask uses all frequencies and the result keeps all frequencies."""
        return self.masking not in MASKINGS and not self.is_truncated


@dataclass(frozen=True)
class CallReport:
    """A call that computes nodes, on a target that launches kernels itself.

    Attributes:
        name: name of the last source node.
        operators: operators of the nodes, in order.
        kernel: the kernel that computes the nodes; empty if PyTorch operators compute them.
        reads: layouts of the input maps.
        makes: layout of the output map.
        reason: why no kernel computes the nodes; empty otherwise.
    """

    name: str
    operators: tuple[str, ...]
    kernel: str
    reads: tuple[str, ...]
    makes: str
    reason: str = ""


@dataclass
class Report:
    """Outcome of a compilation, before anything is written.

    Attributes:
        order: names of all nodes in graph order, before lowering.
        notes: facts about the whole graph, such as a fixed batch size or an absorbed normalization.
        casts: number of remaining ToJpeg and ToSpatial casts.
        domain: the requested domain: "jpeg", or "auto" if the compiler may choose spatial maps.
        trained_size: (height, width) that the network was trained at; None if it runs at that size.
        own_preprocessing: preprocessing nodes of the source that the ingest replaces.
        resolution: measurements of the search that chose the size; None without a search.
        calls: calls that compute the nodes, on targets that launch kernels themselves.
    """

    order: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    casts: int = 0
    domain: str = "jpeg"
    trained_size: tuple[int, int] | None = None
    own_preprocessing: OwnPreprocessing | None = None
    resolution: dict[str, Any] | None = None
    calls: list[CallReport] = field(default_factory=list)
    _by_name: dict[str, NodeReport] = field(default_factory=dict)

    def add(self, node: NodeReport) -> None:
        """Record a node; this replaces an earlier record of the same node."""
        self._by_name[node.name] = node

    def note(self, text: str) -> None:
        """Record a fact about the graph, once."""
        if text not in self.notes:
            self.notes.append(text)

    def has(self, name: str) -> bool:
        """Whether a source node with this name was recorded."""
        return name in self._by_name

    def node(self, name: str) -> NodeReport:
        """Return the record of a source node.

        Raises:
            KeyError: if there is none.
        """
        return self._by_name[name]

    @property
    def nodes(self) -> list[NodeReport]:
        """Nodes that touch a feature map, in graph order."""
        rank = {name: index for index, name in enumerate(self.order)}
        return sorted(self._by_name.values(), key=lambda n: rank.get(n.name, len(rank)))

    @property
    def is_exact(self) -> bool:
        """Whether no mask was approximated and no frequency truncated."""
        return all(node.is_exact for node in self.nodes)

    @property
    def lowered(self) -> list[NodeReport]:
        """Nodes in the JPEG domain; block size 1, which equals the spatial domain, is included."""
        return [node for node in self.nodes if node.status == "lowered"]

    @property
    def kept(self) -> list[NodeReport]:
        """Nodes that stay spatial."""
        return [node for node in self.nodes if node.status == "kept"]

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready data that `from_json` reads."""
        own = self.own_preprocessing
        return {
            "nodes": [{**asdict(node), "code": code_of(node.reason)} for node in self.nodes],
            "notes": list(self.notes),
            "casts": self.casts,
            "domain": self.domain,
            "trained_size": None if self.trained_size is None else list(self.trained_size),
            "own_preprocessing": None if own is None else own.to_json(),
            "resolution": self.resolution,
            "calls": [asdict(call) for call in self.calls],
            "lowered": len(self.lowered),
            "kept": len(self.kept),
            **{key: sum(getattr(node, key) for node in self.nodes) for key in _SUMS},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Report:
        """Read a report of this version or an older one; missing keys get their defaults.

        Args:
            data: data that `to_json` returned.

        Raises:
            KeyError, TypeError: if the data has another form.
        """
        own, trained = data.get("own_preprocessing"), data.get("trained_size")
        report = cls(
            order=[str(node["name"]) for node in data["nodes"]],
            notes=list(data["notes"]),
            casts=data["casts"],
            domain=data.get("domain", "jpeg"),
            trained_size=None if trained is None else (trained[0], trained[1]),
            own_preprocessing=None if own is None else OwnPreprocessing.from_json(own),
            resolution=data.get("resolution"),
            calls=[_call_of(call) for call in data.get("calls", [])],
        )
        for node in data["nodes"]:
            report.add(_node_of(node))
        return report


def _node_of(data: Mapping[str, Any]) -> NodeReport:
    fields = {key: value for key, value in data.items() if key != "code"}
    reason = Message.stored(data.get("code", ""), data["reason"])
    return NodeReport(**{**fields, "reason": reason, "output_shape": tuple(data["output_shape"])})


def _call_of(data: Mapping[str, Any]) -> CallReport:
    names = {key: tuple(data[key]) for key in ("operators", "reads")}
    return CallReport(**{**data, **names})
