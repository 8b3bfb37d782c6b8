"""The compiler, which runs the passes of `pipeline.py` on an ONNX graph."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from jpegcompile.backends.dump import PassDump
from jpegcompile.backends.emit import emit_in_parts
from jpegcompile.compiled_model import CompiledModel
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frequency_plan import Frequencies, Masking
from jpegcompile.frontend.load import Source, load_source
from jpegcompile.gpu.library.build import require_compiler
from jpegcompile.input_size import InputSize
from jpegcompile.ir.module import DomainChoice, InputMode, Module
from jpegcompile.lowering import lower
from jpegcompile.messages import Message
from jpegcompile.metadata import (
    FORMAT_VERSION,
    CompiledInfo,
    write_metadata,
)
from jpegcompile.options import compiling as option
from jpegcompile.options.requested import compile_options, model_options
from jpegcompile.pipeline import pass_names
from jpegcompile.preprocessing.preprocess import Decoder, Preprocess
from jpegcompile.progress import Progress, no_progress
from jpegcompile.report import Report
from jpegcompile.resolution_plan import Resolution
from jpegcompile.target.registry import TARGETS
from jpegcompile.version import __version__

ModelSource = str | os.PathLike[str] | onnx.ModelProto


def compile(
    model: ModelSource,
    *,
    input: InputMode = option.INPUT.default,
    target: str = option.TARGET.default,
    preprocess: str | os.PathLike[str] | Mapping[str, Any] | Preprocess | None = None,
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
    precision: str | None = option.PRECISION.default,
    gpu: str | None = option.GPU.default,
    aot: Sequence[str] = option.AOT.default,
    strict: bool = option.STRICT.default,
    dump_passes: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> CompiledModel:
    """Compile a spatial network so that it works in the JPEG domain.

    docs/options.md lists the same options for the command line.

    Args:
        model: path of an ONNX model, or the model.
        input: what the compiled model accepts. "coefficients": the inputs `luma` int16
            [N,1,Hb,Wb,8,8], `chroma` int16 [N,2,hb,wb,8,8] (absent for gray) and `quantization`
            uint16 [N,3,8,8]. "jpeg": one input `jpeg` uint8 [bytes], the bytes of one file; it
            needs native kernels. "tensor": the original input.
        target: "ort" for jpegcompile operators with function bodies, "onnx" for standard operators
            only, "triton" for a PyTorch module that calls GPU kernels; see `jpegcompile/target/`.
        preprocess: preset, JSON file or mapping (see `Preprocess`). Required unless `input` is
            "tensor".
        decoder: "float" for the float decode of `docs/exactness.md`, "libjpeg-turbo" for the
            integer decode that Pillow and OpenCV use. Defaults to the decoder of `preprocess`,
            which is usually "float".
        subsampling: chroma subsampling of the JPEG files. Defaults to 4:2:0, or to gray for models
            of one channel.
        image_input: name of the image input, if the model has several inputs.
        input_size: "HEIGHTxWIDTH" or (height, width), if they are dynamic dimensions of the model.
        resolution: image size at which the network runs, if it differs from the training size; or
            the plan of a search. Nodes and preprocessing are adapted; see docs/resolution.md.
        frequencies: number of mask frequencies of piecewise linear operators, 1 to 15; 15 is exact.
            Or a plan for each node: a `FrequencyPlan`, its JSON form, or the path of a JSON file.
        relu: "asm" to apply the masks to the exact pixels (the default), "apx" to return the
            approximate pixels.
        truncate: number of kept frequencies of the results of piecewise linear operators, 1 to 15.
            Overrides the plan.
        domain: "jpeg" to keep feature maps in the JPEG domain, "auto" for the faster domain. On
            CPUs the spatial domain is faster for all maps after the ingest. On GPUs, where "auto"
            is the default, the cost model chooses the domain of each map.
        lean: whether to choose native kernels that need little memory beyond the weights of the
            model. They are slower.
        batch: batch size for which native kernels are chosen, 1 by default. The model also accepts
            other batch sizes. A model with a fixed batch size always uses its own.
        precision: "float32", "tf32x3", "float16" or "bfloat16", if the target has it. Defaults to
            "tf32x3" for "triton" and to "float32" for the other targets.
        gpu: GPU architecture for which layouts are chosen: "sm_80", "sm_90" (the default) or
            "sm_100". Applies to "triton".
        aot: GPU architectures, such as "sm_90", for which the GPU kernels of the model are compiled
            ahead of time. For "triton" the kernels are stored in the folder. For "ort"
            `CompiledModel.save` writes them next to the model: OUT.cubins for OUT.onnx.
        strict: whether to refuse the model if any node would stay spatial.
        dump_passes: folder for the graph after each pass, as ONNX models that share one file of
            weights. It is created if it does not exist.
        progress: called with (passes done, passes in all).

    Returns:
        The compiled model in memory; `CompiledModel.save` writes it.

    Raises:
        UsageError: if arguments do not fit the model.
        UnsupportedModelError: if the model cannot be compiled, or, with `strict`, if a node would
            stay spatial.
        AccessError: if a file cannot be read, `dump_passes` cannot be written, or a package that
            the target needs is not installed.
    """
    options = compile_options(**model_options(locals()))
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
    if strict:
        _refuse_spatial(source, module.report)
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
    """Refuse float64: the passes support it, but no runtime of a target does."""
    declared = next(v for v in source.model.graph.input if v.name == image)
    if declared.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE:
        raise UnsupportedModelError(
            Message(
                "input-is-float64",
                f"{source.name}: input '{image}' is float64, and ONNX Runtime has no convolution"
                " for it; export the model in float32",
            )
        )


def _refuse_integer_tensor(source: Source, module: Module) -> None:
    """Refuse an integer input for `--input tensor`, which accepts the source model's input."""
    if source.integer_pixels is not None and not module.options.takes_files:
        raise UnsupportedModelError(
            Message(
                "tensor-input-is-integer",
                f"{source.name}: input '{module.image.name}' is {source.integer_pixels}, which"
                " --input tensor does not support; use --input coefficients, or export the model"
                " with a float32 input",
            )
        )


def _refuse_spatial(source: Source, report: Report) -> None:
    """Refuse a model if one of its nodes stays spatial."""
    if not report.kept:
        return
    first, *others = report.kept
    more = f" (and {len(others)} more)" if others else ""
    raise UnsupportedModelError(
        Message(
            "strict-node-kept",
            f"{source.name}: {first.op} '{first.name}' would stay spatial: {first.reason}{more};"
            " compile without --strict to accept that",
        )
    )


def _info(module: Module, source: Source) -> CompiledInfo:
    """Return the metadata of the compiled file."""
    present = module.graph.tensors()
    return CompiledInfo(
        format_version=FORMAT_VERSION,
        tool_version=__version__,
        source_sha256=source.sha256,
        input=module.image,
        frame=module.frame,
        ingest_output=module.ingest_output,
        tensors={
            name: [module.blocks.get(name, 1), twin]
            for name, twin in module.twins.items()
            if name in present
        },
        report=module.report.to_json(),
        trained_size=module.report.trained_size,
        own_preprocessing=module.report.own_preprocessing,
        **_recorded_options(module),
    )


def _recorded_options(module: Module) -> dict[str, Any]:
    """Return the fields of `CompiledInfo` that store options, by field name."""
    options = module.options
    has_kernels = options.target.kernels is not None or options.target.chooses_layouts
    values = {
        "input": options.input_mode,
        "target": options.target.name,
        "preprocess": options.preprocess.to_json() if options.preprocess else None,
        "domain": options.domain,
        "lean": options.lean if has_kernels else None,
        "batch": module.fixed_batch or options.batch or 1 if has_kernels else None,
        "frequencies": None if module.report.is_exact else options.frequencies.to_json(),
        "precision": options.precision.name,
    }
    return {one.recorded: values[one.name] for one in option.MODEL if one.recorded}
