"""The report of a lowering: the domain of each node, and why nodes stay spatial."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from jpegcompile.learning.modules.domain import Domain
from jpegcompile.messages import code_of


@dataclass(frozen=True)
class LoweredNode:
    """One call that touches a map.

    Attributes:
        name: name of the source node; qualified name of the module, or name of the call.
        op: operator: the class of a module, or the name of a function.
        domain: domain in which it is computed.
        block: block size of its result, or of its first map if the result is no map.
        reason: why it is computed on pixels; empty in the JPEG domain.
    """

    name: str
    op: str
    domain: Domain
    block: int
    reason: str = ""


@dataclass(frozen=True)
class LoweringReport:
    """What happened to each call that touches a map.

    Attributes:
        nodes: the calls, in order.
        casts: number of casts between the domains.
        notes: facts about the whole model.
    """

    nodes: tuple[LoweredNode, ...] = ()
    casts: int = 0
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[LoweredNode]:
        """Iterate over the calls."""
        return iter(self.nodes)

    def __len__(self) -> int:
        """Return the number of calls."""
        return len(self.nodes)

    @property
    def lowered(self) -> tuple[LoweredNode, ...]:
        """Calls in the JPEG domain."""
        return tuple(node for node in self.nodes if node.domain == "jpeg")

    @property
    def kept(self) -> tuple[LoweredNode, ...]:
        """Calls on pixels."""
        return tuple(node for node in self.nodes if node.domain == "spatial")

    def table(self) -> str:
        """Return a readable table, one line for each call."""
        rows = [("node", "operator", "domain", "block", "reason")]
        rows += [(n.name, n.op, n.domain, str(n.block), n.reason) for n in self.nodes]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            "  ".join((*(row[i].ljust(widths[i]) for i in range(4)), row[4])).rstrip()
            for row in rows
        ]
        kept = len(self.kept)
        lines.append(f"{len(self.lowered)} in the JPEG domain, {kept} spatial, {self.casts} casts")
        return "\n".join([*lines, *self.notes])

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "nodes": [{**asdict(node), "code": code_of(node.reason)} for node in self.nodes],
            "casts": self.casts,
            "notes": list(self.notes),
        }
