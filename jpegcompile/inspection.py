"""Look at a model before compiling it, or at a compiled one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from jpegcompile.compiler import lower
from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import Frequencies, FrequencyPlan, Masking, frequency_plan
from jpegcompile.frontend.load import load_source
from jpegcompile.gpu.folder import is_module_folder, read_manifest
from jpegcompile.input_size import InputSize, input_size_of, sized
from jpegcompile.ir.module import DomainChoice, InputMode
from jpegcompile.metadata import CompiledInfo, info_of, read_metadata
from jpegcompile.options import compile_options
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.report import Report
from jpegcompile.resolution_plan import Resolution
from jpegcompile.runtime.native import Execution, execution_of
from jpegcompile.runtime.opening import read_compiled
from jpegcompile.search.interval import PairedCounts


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found.

    Attributes:
        report: the fate of every node, notes, casts and sums.
        compiled: metadata of a compiled model; None for a source model.
        execution: what would run the nodes of a compiled file here; None for a source model, and
            for a module of PyTorch, whose report lists the calls.
    """

    report: Report
    compiled: CompiledInfo | None
    execution: Execution | None = None

    @property
    def chosen_resolution(self) -> SearchEvidence | None:
        """What the search of the resolution measured; None without one."""
        return SearchEvidence.of(self.report.resolution)

    @property
    def chosen_frequencies(self) -> SearchEvidence | None:
        """What the search of the frequencies measured; None without one."""
        plan = None if self.compiled is None else self.compiled.frequencies
        return SearchEvidence.of(None if plan is None else plan.get("evidence"))

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data; the report is beside the record of a compiled model."""
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
    """What a search within a budget measured on images that it had not used.

    Attributes:
        max_drop: the budget, in percentage points of top-1.
        verification: predictions before and after.
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
    input: InputMode = "coefficients",
    preprocess: str | os.PathLike[str] | Mapping[str, Any] | Preprocess = "none",
    subsampling: str | None = None,
    image_input: str | None = None,
    input_size: InputSize | None = None,
    resolution: Resolution | None = None,
    frequencies: Frequencies = ALL,
    relu: Masking | None = None,
    truncate: int | None = None,
    domain: DomainChoice | None = None,
    lean: bool = False,
    batch: int | None = None,
    target: str | None = None,
    precision: str | None = None,
    gpu: str | None = None,
) -> Inspection:
    """What of a model is lowered, what is kept spatial and why; nothing is written.

    Args:
        model: a source model, or a compiled one (then its own record is shown).
        input: as for `compile`; not for a compiled model, and so are all but `input_size`.
        preprocess: as for `compile`; it does not change what is lowered.
        subsampling: as for `compile`.
        image_input: as for `compile`.
        input_size: as for `compile`; of a compiled model it must be the size that it has.
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
        UsageError, UnsupportedModelError, AccessError: as for `compile`; of a compiled model also
            if the native kernels cannot be loaded.
    """
    opened: onnx.ModelProto | None = None
    info: CompiledInfo | None
    if isinstance(model, onnx.ModelProto):
        opened, info = model, read_metadata(model, "model")
    elif is_module_folder(model):
        info = info_of(read_manifest(Path(model))["info"], str(model))
    else:
        opened, info = read_compiled(model)
    plan = frequency_plan(frequencies, relu, truncate)
    size = input_size_of(input_size)
    if info is not None:
        if plan != FrequencyPlan():
            raise UsageError(
                "the frequencies of a compiled model are fixed; leave options for them out, or"
                " inspect its source"
            )
        given = {
            "input": input != "coefficients",
            "preprocess": preprocess != "none",
            "subsampling": subsampling is not None,
            "image-input": image_input is not None,
            "resolution": resolution is not None,
            "domain": domain is not None,
            "target": target is not None,
            "precision": precision is not None,
            "gpu": gpu is not None,
        }
        if any(given.values()):
            first = next(option for option, is_given in given.items() if is_given)
            raise UsageError(
                f"--{first} applies only when compiling, and the model is compiled already; leave"
                " the option out, or inspect the model's source"
            )
        if lean or batch is not None:
            raise UsageError(
                "the native kernels of a compiled model are fixed; leave --lean and --batch out, or"
                " inspect its source"
            )
        if size is not None:
            sized(f"input '{info.input.name}'", info.input.size, size)
        execution = None if opened is None else execution_of(opened)
        return Inspection(Report.from_json(info.report), info, execution)
    options = compile_options(
        input=input,
        target=target or "ort",
        precision=precision,
        gpu=gpu,
        preprocess=preprocess,
        subsampling=subsampling,
        image_input=image_input,
        input_size=size,
        resolution=resolution,
        frequencies=plan,
        domain=domain,
        lean=lean,
        batch=batch,
    )
    return Inspection(lower(load_source(model, image_input), options).report, None)
