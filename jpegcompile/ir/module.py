"""The object that passes rewrite: a graph, the model's interface and the domains of tensors."""

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
from jpegcompile.messages import Message
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
    """Options of a compilation; see `jpegcompile.compile`."""

    input_mode: InputMode = option.INPUT.default
    target: Target = ORT
    preprocess: Preprocess | None = None
    subsampling: str | None = option.SUBSAMPLING.default
    image_input: str | None = option.IMAGE_INPUT.default
    input_size: tuple[int, int] | None = None
    resolution: ResolutionPlan | None = None
    frequencies: FrequencyPlan = field(default_factory=FrequencyPlan)
    # Whether masks and truncations in the model take the place of `frequencies`.
    follows_model: bool = False
    domain: DomainChoice = "jpeg"
    lean: bool = option.LEAN.default
    batch: int | None = option.BATCH.default
    precision: Precision = FLOAT32
    gpu: str = DEFAULT_GPU
    aot: tuple[int, ...] = ()

    @property
    def takes_files(self) -> bool:
        """Whether the compiled model accepts JPEG files instead of tensors."""
        return self.input_mode != "tensor"


@dataclass
class Module:
    """A model while it is being compiled.

    Attributes:
        graph: the graph; passes rewrite it in place.
        image: the image input and its normalization.
        options: options of the compilation.
        frame: frame of the files that the model is compiled for; None if it accepts tensors.
        report: which nodes were lowered, which were kept, and why.
        constants: transform matrices that nodes share.
        maps: block size assigned to every feature map that may enter the JPEG domain, by the name
            of the spatial tensor. Other tensors stay spatial.
        channels_last: names of maps [N,H,W,C], which never enter the JPEG domain.
        vectors: names of tensors of rank 4 without height and width; see
            `passes/lower/assign_blocks.py`.
        infinite: names of tensors that may contain infinite or huge values; see
            `analysis/infinite.py`.
        exact_nodes: nodes that must stay spatial and unfused, with the reason, by name; see
            `passes/lower/keep_exact.py`.
        blocks: block size of every tensor that is in the JPEG domain now, by its own name. Block
            size 1 is the spatial domain and never appears here.
        twins: name of the spatial source tensor that an output of a lowered node represents, by the
            name of that output.
        image_twin: source tensor that the ingest computes, if that is not the image input.
        ingest_output: name of the output of the ingest.
        programs: definitions of operators whose function body is specific to this model, by name.
        half_constants: float16 constants of the source, by the name of the float32 replacement.
        convolutions: name of the convolution within each fused operator, by the operator's node.
        calls: calls that compute the graph, for targets that launch kernels themselves.
        kept_frequencies: number of frequencies that a truncated map of these calls keeps, by tensor
            name.
        low_frequency_maps: maps that exist only in these calls, by name; the value is the tensor of
            the graph that the map approximates.
        layouts: memory layout of each map of these calls, by tensor name.
        dynamic_batch: whether the batch dimension is symbolic.
        fixed_batch: the fixed batch size of the model; None if the batch is dynamic, or before
            that is known.
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
    exact_nodes: dict[str, Message] = field(default_factory=dict)
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
        """Create a module on which no pass has run.

        If images may have any size, the frame describes files of the network's input size.

        Args:
            graph: the graph of the source model.
            image: the image input of the model.
            options: options without missing values; see `complete_options`.
        """
        if not options.takes_files:
            return cls(graph, image, options)
        assert options.preprocess is not None
        assert options.subsampling is not None
        frame = frame_of(options.subsampling, *image.size)
        return cls(graph, image.normalized(options.preprocess), options, frame)

    @property
    def is_preprocessed(self) -> bool:
        """Whether the graph preprocesses files; False on targets that launch kernels themselves."""
        is_of_files = self.options.takes_files and not self.options.target.chooses_layouts
        return is_of_files and self.image.is_preprocessed

    @property
    def has_axis_inputs(self) -> bool:
        """Whether the ingest matrices are graph inputs, which allows images of any size."""
        is_of_coefficients = self.options.input_mode == "coefficients"
        return self.is_preprocessed and is_of_coefficients and self.image.decoder == "float"

    def __post_init__(self) -> None:
        """Make the graph safe for deep networks, and let the pool choose unused names."""
        self.graph = OrderedGraph.of(self.graph)
        self.constants = ConstantPool(self.fresh)

    def fresh(self, base: str) -> str:
        """Return an unused name of the graph: `base`, or `base` with the lowest free number."""
        if not self._names:
            self._names = all_names(self.graph) | {node.name for node in self.graph.nodes}
        name, count = base, 0
        while name in self._names:
            count += 1
            name = f"{base}.{count}"
        self._names.add(name)
        return name

    def operator(self, node: gs.Node) -> Operator | None:
        """Definition of a node of a jpegcompile operator, including this model's own operators.

        Returns:
            None for nodes of other operator sets.
        """
        if node.domain != DOMAIN:
            return None
        return self.programs.get(node.op) or OPERATORS.get(node.op)

    def assigned_block(self, tensor: gs.Tensor) -> int:
        """Block size that is assigned to a spatial feature map.

        Raises:
            KeyError: if none is assigned, since the tensor stays spatial.
        """
        return self.maps[tensor.name]

    def current_block(self, tensor: gs.Tensor) -> int:
        """Block size of a tensor as it is in the graph now; 1 is the spatial domain."""
        return self.current_block_of(tensor.name)

    def current_block_of(self, name: str) -> int:
        """Block size of a tensor as it is in the graph now, by the tensor's name."""
        return self.blocks.get(name, 1)


def size_of(tensor: gs.Tensor) -> tuple[int, int]:
    """(H, W) of a feature map."""
    return int(tensor.shape[2]), int(tensor.shape[3])
