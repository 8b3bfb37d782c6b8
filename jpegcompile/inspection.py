"""Inspect a model before compiling it, or a compiled model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import Frequencies, FrequencyPlan, Masking, frequency_plan
from jpegcompile.frontend.load import load_source
from jpegcompile.gpu.folder import is_module_folder, read_manifest
from jpegcompile.input_size import InputSize, input_size_of, sized
from jpegcompile.ir.module import DomainChoice, InputMode
from jpegcompile.lowering import lower
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo, info_of, read_metadata
from jpegcompile.options import compiling as option
from jpegcompile.options.requested import ModelOptions, compile_options, model_options
from jpegcompile.preprocessing.preprocess import Decoder, Preprocess
from jpegcompile.report import Report
from jpegcompile.resolution_plan import Resolution
from jpegcompile.runtime.native import Execution, execution_of
from jpegcompile.runtime.opening import read_compiled
from jpegcompile.search.interval import PairedCounts


@dataclass(frozen=True)
class Inspection:
    """Result of `inspect`.

    Attributes:
        report: status of every node, notes, casts and sums.
        compiled: metadata of a compiled model; None for a source model.
        execution: the kernels that run the nodes of a compiled file on this machine. None for a
            source model, and for a PyTorch module, whose `report` lists its calls.
    """

    report: Report
    compiled: CompiledInfo | None
    execution: Execution | None = None

    @property
    def chosen_resolution(self) -> SearchEvidence | None:
        """Measurements of the search that chose the resolution; None without a search."""
        return SearchEvidence.of(self.report.resolution)

    @property
    def chosen_frequencies(self) -> SearchEvidence | None:
        """Measurements of the search that chose the frequencies; None without a search."""
        plan = None if self.compiled is None else self.compiled.frequencies
        return SearchEvidence.of(None if plan is None else plan.get("evidence"))

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data, with the report beside the metadata instead of inside it."""
        report = self.report.to_json()
        if self.compiled is None:
            return {"compiled": None, "report": report, "execution": None}
        taken = self.compiled.input
        takes_any = taken.is_preprocessed and self.compiled.frame is not None
        subsampling = "any" if takes_any else self.compiled.subsampling
        record = {**self.compiled.to_json(), "subsampling": subsampling}
        record.pop("report")
        execution = None if self.execution is None else self.execution.to_json()
        return {"compiled": record, "report": report, "execution": execution}


@dataclass(frozen=True)
class SearchEvidence:
    """Measurements of a search within a budget, on images that the search itself did not use.

    Attributes:
        max_drop: the budget, in percentage points of top-1.
        verification: counts of correct predictions with and without the search's choice.
    """

    max_drop: float
    verification: PairedCounts

    @classmethod
    def of(cls, data: Mapping[str, Any] | None) -> SearchEvidence | None:
        """Read the evidence from metadata; None without a search."""
        if data is None:
            return None
        return cls(data["max_drop"], PairedCounts.from_json(data["verification"]))


def inspect(
    model: str | os.PathLike[str] | onnx.ModelProto,
    *,
    input: InputMode = option.INPUT.default,
    preprocess: str | os.PathLike[str] | Mapping[str, Any] | Preprocess = "none",
    decoder: Decoder | None = option.DECODER.default,
    subsampling: str | None = option.SUBSAMPLING.default,
    image_input: str | None = option.IMAGE_INPUT.default,
    input_size: InputSize | None = option.INPUT_SIZE.default,
    resolution: Resolution | None = option.RESOLUTION.default,
    frequencies: Frequencies | None = option.FREQUENCIES.default,
    relu: Masking | None = option.RELU.default,
    truncate: int | None = option.TRUNCATE.default,
    domain: DomainChoice | None = option.DOMAIN.default,
    lean: bool = option.LEAN.default,
    batch: int | None = option.BATCH.default,
    target: str = option.TARGET.default,
    precision: str | None = option.PRECISION.default,
    gpu: str | None = option.GPU.default,
) -> Inspection:
    """Report which nodes of a model are lowered, and which stay spatial and why.

    Nothing is written. For a source model, the options are those of `compile`. For a compiled
    model, the report is read from its metadata, and only `input_size` may be given.

    Args:
        model: a source model, or a compiled one.
        input: as for `compile`.
        preprocess: as for `compile`. It does not change which nodes are lowered.
        decoder: as for `compile`.
        subsampling: as for `compile`.
        image_input: as for `compile`.
        input_size: as for `compile`. For a compiled model it must equal the size of its image.
        resolution: as for `compile`.
        frequencies: as for `compile`.
        relu: as for `compile`.
        truncate: as for `compile`.
        domain: as for `compile`.
        lean: as for `compile`.
        batch: as for `compile`.
        target: as for `compile`.
        precision: as for `compile`.
        gpu: as for `compile`.

    Raises:
        UsageError, UnsupportedModelError: as for `compile`.
        AccessError: as for `compile`; for a compiled model also if the native kernels cannot be
            loaded.
    """
    asked = model_options(locals())
    opened: onnx.ModelProto | None = None
    info: CompiledInfo | None
    if isinstance(model, onnx.ModelProto):
        opened, info = model, read_metadata(model, "model")
    elif is_module_folder(model):
        info = info_of(read_manifest(Path(model))["info"], str(model))
    else:
        opened, info = read_compiled(model)
    if info is None:
        source = load_source(model, image_input)
        return Inspection(lower(source, compile_options(**asked)).report, None)
    size = input_size_of(input_size)
    _refuse_options(asked)
    if size is not None:
        sized(f"input '{info.input.name}'", info.input.size, size)
    execution = None if opened is None else execution_of(opened)
    return Inspection(Report.from_json(info.report), info, execution)


def _refuse_options(asked: ModelOptions) -> None:
    """Refuse options that apply only when a model is compiled.

    Raises:
        UsageError: if such an option is given; the message names the first one.
    """
    plan = frequency_plan(asked["frequencies"], asked["relu"], asked["truncate"])
    given = {
        "frequencies": plan.default.mask != ALL or bool(plan.nodes),
        "truncate": plan.default.keep != ALL,
        "relu": plan.masking != FrequencyPlan().masking,
    }
    for one in option.inspected(option.MODEL):
        if one is option.INPUT_SIZE:
            continue
        if given.get(one.name, asked[one.name] != one.default):  # type: ignore[literal-required]
            raise UsageError(
                Message(
                    "option-of-compiling",
                    f"{one.flag} applies only when compiling, and this model is already compiled;"
                    " leave it out, or inspect the source model",
                )
            )
