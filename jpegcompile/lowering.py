"""Run the passes of `pipeline.py` on a source model."""

from __future__ import annotations

from dataclasses import replace

from jpegcompile.backends.dump import PassDump
from jpegcompile.errors import InternalError, UnsupportedModelError
from jpegcompile.frontend.graph import graph_at_size
from jpegcompile.frontend.load import Source
from jpegcompile.frontend.preprocessing_nodes.extract import Extraction, extract_preprocessing
from jpegcompile.input_size import size_text
from jpegcompile.ir.module import CompileOptions, Module
from jpegcompile.ir.verifier import verify_module
from jpegcompile.messages import Message
from jpegcompile.odd_maps import note_odd_maps
from jpegcompile.options.fitted import complete_options, image_of, require_averages
from jpegcompile.options.recompiling import complete_from_model
from jpegcompile.pipeline import FIND_MAPS, pipeline_for
from jpegcompile.preprocessing.steps import SCALED_DECODING
from jpegcompile.progress import Progress
from jpegcompile.resolution import Change, at_asked_resolution


def lower(
    source: Source,
    options: CompileOptions,
    progress: Progress | None = None,
    dump: PassDump | None = None,
) -> Module:
    """Run the pipeline on a checked model; return the module without emitting it.

    Args:
        source: the model.
        options: options of the compilation.
        progress: called with (passes done, passes in all).
        dump: where to write the graph after each pass.

    Args:
        source: the model.
        options: options of the compilation.
        progress: called with (passes done, all passes).
        dump: writes the module after each pass.

    Returns:
        The lowered module.

    Raises:
        UsageError, UnsupportedModelError: as for `compile`.
        AccessError: if `dump` cannot write.
    """
    options, notes = complete_from_model(source, options)
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
    module = Module.of(graph_at_size(source.model, source.folder, image), image, complete)
    for note in notes:
        module.report.note(note)
    _note_changes(module, source, options, extraction, change)
    if dump is not None:
        dump.open(source.files)
        dump.write(module)
    _run_passes(module, source, progress, dump)
    if options.domain == "jpeg":
        note_odd_maps(module, source, FIND_MAPS)
    return module


def _note_changes(
    module: Module,
    source: Source,
    options: CompileOptions,
    extraction: Extraction | None,
    change: Change | None,
) -> None:
    """Report how the module differs from the source and from `options`."""
    report, complete = module.report, module.options
    if extraction is not None:
        extraction.note_in(report)
    raised = None if source.raised is None else source.raised.info
    trained = None if raised is None else raised.trained_size
    report.trained_size = None if trained == module.image.size else trained
    if change is not None:
        (change if trained is None else replace(change, trained=trained)).note_in(report)
    elif complete.preprocess != options.preprocess:
        report.note(
            Message(
                "preset-does-not-resize",
                f"the network's input is {size_text(module.image.size)}, too small for the resizing"
                " of the preprocessing preset: give images of this size",
            )
        )
    if module.image.geometry.is_scaled:
        report.note(SCALED_DECODING)
    if complete.frequencies is not options.frequencies:
        report.note(
            Message(
                "frequencies-evidence-dropped",
                f"{complete.frequencies.name}: its evidence belongs to another plan or model and"
                " was left out",
            )
        )
    if source.integer_pixels is not None:
        report.note(
            Message(
                "pixels-not-rounded",
                f"the source model reads {source.integer_pixels} pixels; the compiled model does"
                " not round pixels to integers",
            )
        )


def _run_passes(
    module: Module,
    source: Source,
    progress: Progress | None,
    dump: PassDump | None,
) -> None:
    """Run every pass, and verify the module after each pass that changed it."""
    pipeline = pipeline_for(module.options.target)
    for done, step in enumerate(pipeline, start=1):
        try:
            is_changed = step.run(module)
        except UnsupportedModelError as error:
            raise UnsupportedModelError(Message(error.code, f"{source.name}: {error}")) from error
        try:
            # An unchanged graph has been verified already, but the final graph is always verified.
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
