"""The unit that passes work on: a graph, the model's interface, and which tensors are where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import onnx_graphsurgeon as gs

from jpegcompile.cost.gpus import DEFAULT_GPU
from jpegcompile.frequency_plan import FrequencyPlan
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.ir.calls import Call
from jpegcompile.ir.graph import all_names
from jpegcompile.ir.ordered import OrderedGraph
from jpegcompile.ir.transform_matrices import ConstantPool
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.subsampling import frame_of
from jpegcompile.network_input import NetworkInput
from jpegcompile.operators.constants import DOMAIN
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.options import compiling as option
from jpegcompile.precision import FLOAT32, Precision
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.report import Report
from jpegcompile.resolution_plan import ResolutionPlan
from jpegcompile.target.base import Target
from jpegcompile.target.ort import ORT

InputMode = Literal["coefficients", "jpeg", "tensor"]
DomainChoice = Literal["jpeg", "auto"]


@dataclass(frozen=True)
class CompileOptions:
    """Checked options of `jpegcompile.compile`, with the defaults of their record."""

    input_mode: InputMode = option.INPUT.default
    target: Target = ORT
    preprocess: Preprocess | None = None
    subsampling: str | None = option.SUBSAMPLING.default
    image_input: str | None = option.IMAGE_INPUT.default
    input_size: tuple[int, int] | None = None
    resolution: ResolutionPlan | None = None
    frequencies: FrequencyPlan = field(default_factory=FrequencyPlan)
    domain: DomainChoice = "jpeg"
    lean: bool = option.LEAN.default
    batch: int | None = option.BATCH.default
    precision: Precision = FLOAT32
    gpu: str = DEFAULT_GPU
    aot: tuple[int, ...] = ()

    @property
    def takes_files(self) -> bool:
        """Whether the compiled model accepts JPEG files, not tensors."""
        return self.input_mode != "tensor"


@dataclass
class Module:
    """A model while it is being compiled.

    Attributes:
        graph: the graph; passes rewrite it in place.
        image: the image input, and how pixels become what the network computes on.
        options: what was asked for.
        frame: of the files that the model is compiled for; None where it takes tensors.
        report: what was lowered, what was kept and why.
        constants: transform matrices, shared between nodes.
        maps: block size of every feature map that the jpeg domain is assigned to, by the name of
            the spatial tensor. A tensor that is not here stays spatial.
        channels_last: names of maps [N,H,W,C], which never enter the jpeg domain.
        vectors: names of tensors of rank 4 that have no height and width; see
            `passes/lower/assign_blocks.py`.
        infinite: names of tensors that may hold infinite or huge values, see
            `analysis/infinite.py`.
        exact_nodes: nodes that must stay spatial, and as they are, with the reason; see
            `passes/lower/keep_exact.py`.
        blocks: block size of every tensor that *is* in the jpeg domain, by its own name. Block
            size 1 is the spatial domain itself and never stands here.
        twins: for every output of a lowered node, in either domain, the name of the spatial tensor
            of the source that it represents.
        image_twin: source tensor that the ingest computes, where that is not the image input.
        ingest_output: name of the tensor that the ingest makes.
        programs: definitions of operators of which this model gives the body, by name.
        half_constants: the float16 constants of the source, by the names of their float32 twins.
        convolutions: names of the convolutions that became part of a fused operator, by its name.
        calls: what computes the graph, on targets that call kernels themselves.
        kept_frequencies: how many frequencies a truncated tensor of these calls keeps, by its name.
        low_frequency_maps: maps that only these calls have, by name; the value is the tensor of
            the graph that the map approximates.
        layouts: how each map of these calls stands in memory, by the name of its tensor.
        dynamic_batch: whether the batch dimension is symbolic.
        fixed_batch: the batch of a model whose batch dimension is not; None before that is known.
    """

    graph: gs.Graph
    image: NetworkInput
    options: CompileOptions
    frame: Frame | None = None
    report: Report = field(default_factory=Report)
    constants: ConstantPool = field(init=False)
    maps: dict[str, int] = field(default_factory=dict)
    channels_last: frozenset[str] = frozenset()
    vectors: frozenset[str] = frozenset()
    infinite: frozenset[str] = frozenset()
    exact_nodes: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, int] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)
    image_twin: str | None = None
    ingest_output: str | None = None
    programs: dict[str, Operator] = field(default_factory=dict)
    half_constants: dict[str, gs.Constant] = field(default_factory=dict)
    convolutions: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    kept_frequencies: dict[str, int] = field(default_factory=dict)
    low_frequency_maps: dict[str, str] = field(default_factory=dict)
    layouts: dict[str, MapLayout] = field(default_factory=dict)
    dynamic_batch: bool = False
    fixed_batch: int | None = None
    _names: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, graph: gs.Graph, image: NetworkInput, options: CompileOptions) -> Module:
        """A module on which no pass has run.

        Where images may be of any size, the frame is that of files of the network's size.

        Args:
            graph: of the source model.
            image: its image input.
            options: complete ones; see `complete_options`.
        """
        if not options.takes_files:
            return cls(graph, image, options)
        assert options.preprocess is not None
        assert options.subsampling is not None
        frame = frame_of(options.subsampling, *image.size)
        return cls(graph, image.normalized(options.preprocess), options, frame)

    @property
    def is_preprocessed(self) -> bool:
        """Whether the graph preprocesses files; where a target calls kernels, they do."""
        is_of_files = self.options.takes_files and not self.options.target.chooses_layouts
        return is_of_files and self.image.is_preprocessed

    @property
    def has_axis_inputs(self) -> bool:
        """Whether the matrices of the ingest are inputs of the graph, for images of any size."""
        is_of_coefficients = self.options.input_mode == "coefficients"
        return self.is_preprocessed and is_of_coefficients and self.image.decoder == "float"

    def __post_init__(self) -> None:
        """Give the pool a way to avoid names of the graph, which is one for deep networks."""
        self.graph = OrderedGraph.of(self.graph)
        self.constants = ConstantPool(self.fresh)

    def fresh(self, base: str) -> str:
        """`base`, or `base` with the lowest number that no tensor and no node is called by."""
        if not self._names:
            self._names = all_names(self.graph) | {node.name for node in self.graph.nodes}
        name, count = base, 0
        while name in self._names:
            count += 1
            name = f"{base}.{count}"
        self._names.add(name)
        return name

    def operator(self, node: gs.Node) -> Operator | None:
        """The definition of a node of the domain, be it this model's own; None for other nodes."""
        if node.domain != DOMAIN:
            return None
        return self.programs.get(node.op) or OPERATORS.get(node.op)

    def assigned_block(self, tensor: gs.Tensor) -> int:
        """Block size assigned to a spatial feature map."""
        return self.maps[tensor.name]

    def current_block(self, tensor: gs.Tensor) -> int:
        """Block size of what a tensor holds now; 1 is the spatial domain."""
        return self.current_block_of(tensor.name)

    def current_block_of(self, name: str) -> int:
        """The same by the name of the tensor."""
        return self.blocks.get(name, 1)


def size_of(tensor: gs.Tensor) -> tuple[int, int]:
    """(H, W) of a feature map."""
    return int(tensor.shape[2]), int(tensor.shape[3])
