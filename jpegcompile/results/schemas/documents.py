"""Types of the documents that verbs print with --json. Schemas are derived from these types.

Most documents are records. `FORMS` lists keys of JSON forms that are not fields of the record, or
have another type. This module defines the types of the other documents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypedDict

from jpegcompile.data.cache.report import CacheReport
from jpegcompile.digits.tour import Demo
from jpegcompile.evaluation.benchmark.results import KIND, Benchmark, Cell, Side, Timing
from jpegcompile.evaluation.comparison import Comparison
from jpegcompile.evaluation.gpu_check.records import GpuCheck, KernelCheck, ModelCheck, Rate
from jpegcompile.evaluation.predict import Prediction
from jpegcompile.evaluation.verification import Verification
from jpegcompile.gpu.library.build import KernelFile
from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.metadata import CompiledInfo
from jpegcompile.network_input import NetworkInput
from jpegcompile.report import NodeReport, Report
from jpegcompile.results.finetuning import Finetuning
from jpegcompile.results.record import Unbounded
from jpegcompile.results.schema import Form, Schema, document_schema
from jpegcompile.runtime.native import Execution
from jpegcompile.runtime.triton.execution import ModuleExecution
from jpegcompile.search.sizes import Candidate
from jpegcompile.tuning.record import Tuning


class InputCount(TypedDict):
    """One kind of inputs of `bench`: their number, and the mean bytes of a file."""

    count: int
    bytes: float | None


class OperatorTime(TypedDict):
    """All nodes of one operator: their number, and the seconds of a batch."""

    nodes: int
    seconds: float


class Ratios(TypedDict):
    """Results of a side divided by the results of the first side."""

    creation: float | None
    memory: float | None
    own_memory: float | None


class Counts(TypedDict):
    """Predictions of two models on the same images; drops are in percentage points."""

    images: int
    before: float
    after: float
    lost: float
    gained: float
    drop: float
    interval: tuple[float, float]
    drop_bound: float


class MeasuredSize(Counts):
    """One size that a search measured."""

    size: tuple[int, int]
    geometry: Mapping[str, Any]
    within: bool


class Stability(TypedDict):
    """How far one unit in the last place of the image moves the outputs."""

    images: int
    moved: int
    largest: float | None
    share: float
    threshold: float


class FrequencySearch(TypedDict):
    """Measurements of a search of frequencies."""

    max_drop: float
    confidence: float
    mean_frequencies: float | None
    mean_truncate: float | None
    search: Counts
    verification: Counts
    stability: Stability | None
    refused_as_chaotic: Stability | None


class ResolutionSearch(TypedDict):
    """Measurements of a search of the resolution."""

    size: tuple[int, int]
    trained_size: tuple[int, int]
    max_drop: float
    confidence: float
    predicted_time: float
    candidates: tuple[Candidate, ...]
    measured: tuple[MeasuredSize, ...]
    search: Counts
    verification: Counts


class Inspected(TypedDict):
    """The --json output of `inspect`."""

    compiled: CompiledInfo | None
    report: Report
    execution: Execution | None


class Run(TypedDict):
    """The --json output of `run`."""

    execution: Execution | ModuleExecution
    predictions: tuple[Prediction, ...]
    skipped: tuple[Skipped, ...]
    ignored: Mapping[str, str]
    pixel_fallbacks: int


class Compiled(TypedDict):
    """The --json output of `compile`."""

    output: str | None
    weights: str | None
    kernels: str | None
    report: Report
    search: FrequencySearch | ResolutionSearch | None
    skipped: tuple[Skipped, ...]
    ignored: Mapping[str, str]
    pixel_fallbacks: int


class KernelFiles(TypedDict):
    """What `gpu-kernels` prints."""

    files: tuple[KernelFile, ...]


class FrameForm(TypedDict):
    """The frame that files must have."""

    height: int
    width: int
    sampling: tuple[tuple[int, int], ...]
    color_space: str


_SUMS = (
    *("casts", "lowered", "kept", "multiply_adds", "transform_multiply_adds"),
    *("skippable_multiply_adds", "skippable_transform_multiply_adds"),
)

FORMS: Mapping[type, Form] = {
    Execution: Form({"native_nodes": int, "body_nodes": int}),
    NodeReport: Form({"code": str}),
    Report: Form(
        {"nodes": tuple[NodeReport, ...], **dict.fromkeys(_SUMS, int)},
        omitted=("order", "_by_name"),
    ),
    CompiledInfo: Form({"subsampling": str | None, "frame": FrameForm | None}, omitted=("report",)),
    NetworkInput: Form(
        {"affine": tuple[tuple[Any, ...], ...] | None, "geometry": Mapping[str, Any]}
    ),
    Timing: Form(
        {
            "seconds": Mapping[str, float],
            "ratio": Mapping[str, float],
            "ratio_to": Mapping[str, Mapping[str, float]],
            "rounds": Mapping[str, tuple[float, ...]],
        }
    ),
    Side: Form({"operators": Mapping[str, OperatorTime]}),
    Cell: Form({"ratio": Mapping[str, Ratios]}),
    Benchmark: Form({"inputs": Mapping[str, InputCount]}, kind=KIND),
    KernelCheck: Form({"share": Unbounded, "passed": bool}),
    ModelCheck: Form({"error": Unbounded, "allowed": Unbounded, "passed": bool}),
    Rate: Form({"bandwidth": float, "speed": float}),
    GpuCheck: Form({"passed": bool}),
    KernelFile: Form({"path": str}),
    Tuning: Form({"seconds": float, "default_seconds": float}),
}

DOCUMENTS: Mapping[str, type] = {
    "bench": Benchmark,
    "cache": CacheReport,
    "compare": Comparison,
    "compile": Compiled,
    "demo": Demo,
    "finetune": Finetuning,
    "gpu-check": GpuCheck,
    "gpu-kernels": KernelFiles,
    "inspect": Inspected,
    "run": Run,
    "tune": Tuning,
    "verify": Verification,
}


def schema_for(verb: str) -> Schema:
    """Derive the schema of the --json output of a verb from its types."""
    return document_schema(DOCUMENTS[verb], f"jpegcompile {verb} --json", FORMS)


def schema_text(verb: str) -> str:
    """Return the content of a verb's schema file."""
    return json.dumps(schema_for(verb), indent=1) + "\n"
