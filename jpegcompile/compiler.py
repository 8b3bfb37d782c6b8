"""The compiler: ONNX graph in, the passes of `pipeline.py`, ONNX graph out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray

from jpegcompile.backends.dump import PassDump
from jpegcompile.backends.emit import emit_in_parts
from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import InternalError, UnsupportedModelError
from jpegcompile.files import write_folder
from jpegcompile.frequency_plan import Frequencies, Masking
from jpegcompile.frontend.graph import graph_at_size
from jpegcompile.frontend.load import Source, load_source
from jpegcompile.frontend.preprocessing_nodes.extract import extract_preprocessing
from jpegcompile.gpu.cubin_file import is_cubin_file
from jpegcompile.gpu.folder import CUBINS, require_replaceable
from jpegcompile.gpu.library.build import require_compiler
from jpegcompile.gpu.library.files import beside
from jpegcompile.input_size import InputSize, size_text
from jpegcompile.ir.module import CompileOptions, DomainChoice, InputMode, Module
from jpegcompile.ir.verifier import verify_module
from jpegcompile.messages import Message
from jpegcompile.metadata import (
    FORMAT_VERSION,
    CompiledInfo,
    write_metadata,
)
from jpegcompile.odd_maps import note_odd_maps
from jpegcompile.options import (
    compile_options,
    complete_options,
    image_of,
    require_averages,
)
from jpegcompile.pipeline import FIND_MAPS, pass_names, pipeline_for
from jpegcompile.preprocessing.preprocess import Decoder, Preprocess
from jpegcompile.preprocessing.steps import SCALED_DECODING
from jpegcompile.progress import Progress, no_progress
from jpegcompile.report import Report
from jpegcompile.resolution import at_asked_resolution
from jpegcompile.resolution_plan import Resolution
from jpegcompile.target.registry import TARGETS
from jpegcompile.version import __version__
from jpegcompile.weights.write import save

ModelSource = str | os.PathLike[str] | onnx.ModelProto


@dataclass(frozen=True)
class CompiledModel:
    """A compiled model in memory.

    Attributes:
        model: the ONNX model; above 2 GB without the values of its larger weights.
        report: what was lowered, what was kept and why.
        weights: these values, by the names of the initializers; empty for smaller models.
        files: of a model for `--target triton`, the files of its folder. They do the work; `model`
            is what they compute, in ONNX.
        cubins: of a model for `--target ort` with `aot`, the file of its GPU kernels.
    """

    model: onnx.ModelProto = field(repr=False)
    report: Report = field(repr=False)
    weights: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    cubins: bytes = field(default=b"", repr=False)

    def save(self, path: str | os.PathLike[str], *, external_data: bool = False) -> None:
        """Write the model; its files appear whole or not at all.

        Args:
            path: of the model: a file, or the folder of a model for `--target triton`.
            external_data: whether weights go to a file beside it, called as the model with `.data`
                behind; above 2 GB they always do.

        Raises:
            AccessError: if it cannot be written.
        """
        if self.files:
            require_replaceable(path)
            write_folder(path, self.files)
            if CUBINS not in self.files:
                # Of the model that was there before.
                (Path(path) / CUBINS).unlink(missing_ok=True)
            return
        kernels = beside(path)
        companions = {kernels: self.cubins} if self.cubins else {}
        save(self.model, path, self.weights, external_data=external_data, companions=companions)
        if not self.cubins and is_cubin_file(kernels):
            # Of the model that was there before.
            kernels.unlink()


def compile(
    model: ModelSource,
    *,
    input: InputMode = "coefficients",
    target: str = "ort",
    preprocess: str | os.PathLike[str] | Mapping[str, Any] | Preprocess | None = None,
    decoder: Decoder | None = None,
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
    precision: str | None = None,
    gpu: str | None = None,
    aot: Sequence[str] = (),
    strict: bool = False,
    dump_passes: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> CompiledModel:
    """Compile a spatial network into one that works in the JPEG transform domain.

    Args:
        model: path of an ONNX model, or the model.
        input: "coefficients" for inputs `luma` int16 [N,1,Hb,Wb,8,8], `chroma` int16
            [N,2,hb,wb,8,8] (absent for grey) and `quantization` uint16 [N,3,8,8]; "jpeg" for one
            input `jpeg` uint8 [bytes], the bytes of one file, which native kernels alone can read;
            "tensor" to keep the original input.
        target: "ort" for jpegcompile nodes with function bodies, "onnx" for standard ops only,
            "triton" for a module of PyTorch that calls GPU kernels; see `jpegcompile/target/`.
        preprocess: preset, JSON file or mapping; needed unless for tensors (see `Preprocess`).
        decoder: "float" for the affine decode of `docs/exactness.md`, "libjpeg-turbo" for the
            integers that Pillow and OpenCV see; by default what the preprocessing says, "float" as
            a rule.
        subsampling: chroma subsampling that the file is written for; 4:2:0, or gray for models of
            one channel, if not given.
        image_input: which input is the image, where the model has several.
        input_size: "HEIGHTxWIDTH" or (height, width) of an image input that leaves them open.
        resolution: the size at which the network runs, other than the one that it was trained at:
            its nodes and its preprocessing are made to follow, see docs/resolution.md. Or the plan
            of a search.
        frequencies: how many spatial frequencies, 1 to 15, decide the mask of piecewise linear
            operators (15 is exact); or a plan for each node: a `FrequencyPlan`, its JSON form, or
            the path of a file of it.
        relu: "asm" to mask the exact pixels (the default), "apx" to take the approximated ones.
        truncate: how many frequencies, 1 to 15, the results of those operators keep, whatever the
            plan says.
        domain: "jpeg" to keep every map in the JPEG domain, "auto" to take the faster one: on CPUs
            that is the spatial domain for all maps behind the image; on GPUs, where this is the
            default, the cost model chooses for each map.
        lean: whether native kernels keep to those weights that take little more memory than the
            model's, at the cost of time.
        batch: images at a time that native kernels are chosen for, 1 if not given; any other
            number runs as well. A model that is bound to a batch takes that one.
        precision: "float32", "tf32x3", "float16" or "bfloat16", as far as the target has it; by
            default "tf32x3" for "triton" and "float32" for the others.
        gpu: that layouts are chosen for, "sm_80", "sm_90" (the default) or "sm_100"; for "triton".
        aot: architectures, such as "sm_90", that the GPU kernels of the model are compiled for
            ahead of time: for "triton" into a file of the folder, for "ort" into a file that
            `CompiledModel.save` writes beside the model, OUT.cubins beside OUT.onnx.
        strict: refuse a model of which something would be kept spatial.
        dump_passes: folder for the graph after each pass, as ONNX models that share one file of
            weights; made if missing.
        progress: called with (passes done, passes in all).

    Raises:
        UsageError: if arguments do not fit the model.
        UnsupportedModelError: if the model cannot be compiled, or, with `strict`, not wholly.
        AccessError: if a file cannot be read, or the folder of `dump_passes` not written, or what
            the target needs is not installed.
    """
    options = compile_options(
        input=input,
        target=target,
        preprocess=preprocess,
        decoder=decoder,
        subsampling=subsampling,
        image_input=image_input,
        input_size=input_size,
        resolution=resolution,
        frequencies=frequencies,
        relu=relu,
        truncate=truncate,
        domain=domain,
        lean=lean,
        batch=batch,
        precision=precision,
        gpu=gpu,
        aot=aot,
    )
    options.target.require()
    if options.aot:
        require_compiler("--aot")
    dump = None
    if dump_passes is not None:
        dump = PassDump(dump_passes, pass_names(options.target), map(pass_names, TARGETS.values()))
    source = load_source(model, image_input)
    module = lower(source, options, progress, dump)
    _refuse_double(source, module.image.name)
    _refuse_integer_tensor(source, module)
    if strict and module.report.kept:
        first, *others = module.report.kept
        more = f" (and {len(others)} more)" if others else ""
        raise UnsupportedModelError(
            f"{source.name}: {first.op} '{first.name}' would stay spatial: {first.reason}{more};"
            " compile without --strict to keep it"
        )
    compiled, weights = emit_in_parts(module)
    kept = {p.key: p.value for p in source.model.metadata_props}
    info = _info(module, source)
    write_metadata(compiled, info, kept)
    files: Mapping[str, bytes] = {}
    cubins = b""
    if options.target.chooses_layouts:
        from jpegcompile.backends.triton.emit import emit_triton

        files = emit_triton(module, info, source.name, options.aot, progress)
    elif options.aot:
        from jpegcompile.gpu.library.companion import companion

        cubins = companion(compiled, options.aot, progress or no_progress)
    return CompiledModel(compiled, module.report, weights, files, cubins)


def _refuse_double(source: Source, image: str) -> None:
    """The passes work in float64, and are tested in it, but no runtime that we emit for does."""
    declared = next(v for v in source.model.graph.input if v.name == image)
    if declared.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE:
        raise UnsupportedModelError(
            f"{source.name}: input '{image}' is float64, for which ONNX Runtime has no convolution;"
            " export the model in float32"
        )


def _refuse_integer_tensor(source: Source, module: Module) -> None:
    """A compiled model that keeps the input has to take what the source takes."""
    if source.integer_pixels is not None and not module.options.takes_files:
        raise UnsupportedModelError(
            f"{source.name}: input '{module.image.name}' is {source.integer_pixels}, which"
            " --input tensor would have to keep; use --input coefficients, or export the model with"
            " a float32 input"
        )


def lower(
    source: Source,
    options: CompileOptions,
    progress: Progress | None = None,
    dump: PassDump | None = None,
) -> Module:
    """Run the pipeline on a checked model; nothing is emitted.

    Raises:
        UsageError, UnsupportedModelError: as for `compile`.
        AccessError: if `dump` cannot write.
    """
    extraction = None
    if options.takes_files:
        extraction = extract_preprocessing(
            source, options.image_input, options.input_size, options.preprocess
        )
        source, options = extraction.source, replace(options, preprocess=extraction.preprocess)
    image = image_of(source, options.image_input, options.input_size)
    plan = options.frequencies.for_source(source.sha256)
    complete = complete_options(replace(options, frequencies=plan), image)
    require_averages(source, complete.preprocess)
    source, image, complete, change = at_asked_resolution(source, image, complete)
    graph = graph_at_size(source.model, source.folder, image)
    module = Module.of(graph, image, complete)
    if extraction is not None:
        extraction.note_in(module.report)
    if change is not None:
        change.note_in(module.report)
    elif complete.preprocess != options.preprocess:
        module.report.note(
            f"the network takes {size_text(image.size)}, so the preset of the preprocessing resizes"
            " no images: give them at that size"
        )
    if module.image.geometry.is_scaled:
        module.report.note(SCALED_DECODING)
    if plan is not options.frequencies:
        module.report.note(
            f"{plan.name}: its evidence is of another plan or another model and was left out"
        )
    if source.integer_pixels is not None:
        module.report.note(
            f"the source takes {source.integer_pixels} pixels: here they are not rounded"
        )
    if dump is not None:
        dump.open(source.files)
        dump.write(module)
    pipeline = pipeline_for(options.target)
    for done, step in enumerate(pipeline, start=1):
        try:
            is_changed = step.run(module)
        except UnsupportedModelError as error:
            text = f"{source.name}: {error}"
            raise UnsupportedModelError(Message(error.code, text)) from error
        try:
            # A graph that a pass left alone was checked before; the last one is in any case.
            if is_changed or done == len(pipeline):
                verify_module(module, step.name)
        except InternalError:
            if dump is not None:
                dump.write_broken(module)
            raise
        if dump is not None:
            dump.write(module)
        if progress is not None:
            progress(done, len(pipeline))
    if options.domain == "jpeg":
        note_odd_maps(module, source, FIND_MAPS)
    return module


def _info(module: Module, source: Source) -> CompiledInfo:
    options = module.options
    has_kernels = options.target.kernels is not None or options.target.chooses_layouts
    present = module.graph.tensors()
    return CompiledInfo(
        format_version=FORMAT_VERSION,
        tool_version=__version__,
        source_sha256=source.sha256,
        target=options.target.name,
        input_mode=options.input_mode,
        input=module.image,
        frame=module.frame,
        ingest_output=module.ingest_output,
        preprocess=options.preprocess.to_json() if options.preprocess else None,
        tensors={
            name: [module.blocks.get(name, 1), twin]
            for name, twin in module.twins.items()
            if name in present
        },
        report=module.report.to_json(),
        domain=options.domain,
        lean=options.lean if has_kernels else None,
        batch=module.fixed_batch or options.batch or 1 if has_kernels else None,
        frequencies=None if module.report.is_exact else options.frequencies.to_json(),
        precision=options.precision.name,
        trained_size=module.report.trained_size,
        own_preprocessing=module.report.own_preprocessing,
    )
