"""What the compiler did with each node, and why it declined: data first, tables elsewhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["lowered", "kept"]


@dataclass(frozen=True)
class NodeReport:
    """One node that touches a feature map.

    Attributes:
        name, op: of the source node.
        status: "lowered", or "kept" in the spatial domain.
        reason: why it was kept; empty for a lowered node.
        input_block, output_block: block sizes; None where a side is not a feature map.
        output_shape: as written in the graph, batch first.
        multiply_adds: of the spatial operator, for one image.
        transform_multiply_adds: of the block DCTs around it when each is done by tiles.
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


@dataclass
class Report:
    """Outcome of a compilation, before anything is written.

    Attributes:
        order: names of all nodes in graph order, as they were before lowering.
        notes: facts about the whole graph (batch kept, normalisation absorbed, ...).
        casts: number of ToJpeg and ToSpatial casts left.
    """

    order: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    casts: int = 0
    _by_name: dict[str, NodeReport] = field(default_factory=dict)

    def add(self, node: NodeReport) -> None:
        """Record a node, in place of what was said of it before."""
        self._by_name[node.name] = node

    @property
    def nodes(self) -> list[NodeReport]:
        """Every node that touches a feature map, in graph order."""
        rank = {name: index for index, name in enumerate(self.order)}
        return sorted(self._by_name.values(), key=lambda n: rank.get(n.name, len(rank)))

    @property
    def lowered(self) -> list[NodeReport]:
        """Nodes in the jpeg domain (block size 1, the spatial domain itself, included)."""
        return [node for node in self.nodes if node.status == "lowered"]

    @property
    def kept(self) -> list[NodeReport]:
        """Nodes that stay spatial."""
        return [node for node in self.nodes if node.status == "kept"]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-ready data."""
        return {
            "nodes": [asdict(node) for node in self.nodes],
            "notes": list(self.notes),
            "casts": self.casts,
            "lowered": len(self.lowered),
            "kept": len(self.kept),
            "multiply_adds": sum(node.multiply_adds for node in self.nodes),
            "transform_multiply_adds": sum(node.transform_multiply_adds for node in self.nodes),
        }
