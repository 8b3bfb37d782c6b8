"""What the compiler did with each node, and why it declined: data first, tables elsewhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from jpegcompile.dct.frequencies import full
from jpegcompile.frequency_plan import MASKINGS, Masking
from jpegcompile.messages import code_of
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
        name, op: of the source node.
        status: "lowered", or "kept" in the spatial domain.
        reason: why it was kept; empty for a lowered node.
        input_block, output_block: block sizes; None where a side is not a feature map.
        output_shape: as written in the graph, batch first.
        multiply_adds: of the spatial operator, for one image.
        transform_multiply_adds: of the block DCTs around it when each is done by tiles.
        masking: of a piecewise linear operator on tiles: "exact", or "asm" or "apx" where few
            frequencies decide the mask; None for other operators.
        frequencies: u + v < this decide the mask, at `input_block`.
        truncate: u + v < this are kept of the result, at `output_block`.
        skippable_multiply_adds: of `multiply_adds`, the products that native kernels skip, since
            truncation made the coefficients zero: those of 1x1 convolutions. Windows are convolved
            on pixels, and skip none.
        skippable_transform_multiply_adds: of `transform_multiply_adds`, what they skip likewise.
        method: of a convolution for which native kernels have several, the one that the cost model
            chose: "direct", "winograd4" (F(4x4, 3x3)) or "winograd2"; of that which reads
            files, "sparse or dense", where each image's coefficients decide, or "dense".
        exact: of a kept node, whether a discontinuous operator is the reason: the node is one,
            computes what one must read exactly, or reads what one finds.
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
        """Whether its result keeps less than all frequencies."""
        return self.truncate is not None and self.truncate < full(self.output_block or 1)

    @property
    def is_exact(self) -> bool:
        """Whether all frequencies decide its mask, and its result keeps all."""
        return self.masking not in MASKINGS and not self.is_truncated


@dataclass(frozen=True)
class CallReport:
    """What computes some nodes on a target that calls kernels itself.

    Attributes:
        name: of the last node of the source.
        operators: of the nodes, in order.
        kernel: that computes them; empty where operators of PyTorch do.
        reads, makes: how maps stand in memory.
        reason: why no kernel does; empty otherwise.
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
        order: names of all nodes in graph order, as they were before lowering.
        notes: facts about the whole graph (batch kept, normalisation absorbed, ...).
        casts: number of ToJpeg and ToSpatial casts left.
        domain: that was asked for: "jpeg", or "auto", by which maps are spatial by choice.
        trained_size: (height, width) that the network was trained at, where it runs at another.
        own_preprocessing: nodes of the source whose work the ingest does.
        resolution: what the search measured that chose that other size, if one did.
        calls: what computes the nodes, on targets that call kernels themselves.
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
        """Record a node, in place of what was said of it before."""
        self._by_name[node.name] = node

    def note(self, text: str) -> None:
        """Record a fact about the graph, once."""
        if text not in self.notes:
            self.notes.append(text)

    def has(self, name: str) -> bool:
        """Whether a source node of that name was recorded."""
        return name in self._by_name

    def node(self, name: str) -> NodeReport:
        """What is recorded of a source node.

        Raises:
            KeyError: if nothing is.
        """
        return self._by_name[name]

    @property
    def nodes(self) -> list[NodeReport]:
        """Every node that touches a feature map, in graph order."""
        rank = {name: index for index, name in enumerate(self.order)}
        return sorted(self._by_name.values(), key=lambda n: rank.get(n.name, len(rank)))

    @property
    def is_exact(self) -> bool:
        """Whether no mask was approximated and no frequency dropped."""
        return all(node.is_exact for node in self.nodes)

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
