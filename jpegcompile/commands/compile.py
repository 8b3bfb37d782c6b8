"""The verb `compile`: write a compiled model and say what became of its nodes."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, get_args

import click

from jpegcompile.commands.console import counted, fate_text, progress_bar
from jpegcompile.commands.images import require_reported
from jpegcompile.commands.options import (
    frequency_number,
    frequency_options,
    gpu_options,
    json_option,
    kernel_options,
    model_options,
    plan_from,
    print_json,
    resolution_option,
    truncate_option,
)
from jpegcompile.commands.resolution import run_resolution_search, show_resolution_search
from jpegcompile.commands.search import (
    refuse_search_options,
    require_search_options,
    run_search,
    search_options,
    show_search,
)
from jpegcompile.commands.written import MODEL, require_distinct, written_files
from jpegcompile.compiler import CompiledModel
from jpegcompile.compiler import compile as compile_model
from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import CheckFailedError, UsageError
from jpegcompile.files import require_writable, write_whole
from jpegcompile.frequency_plan import MASKINGS, FrequencyPlan, Masking
from jpegcompile.gpu.archs import ARCHITECTURES
from jpegcompile.gpu.folder import require_replaceable
from jpegcompile.gpu.library.files import beside
from jpegcompile.options import SPATIAL_HAS_NO_FREQUENCIES
from jpegcompile.preprocessing.preprocess import Decoder, Preprocess
from jpegcompile.preprocessing.reading import with_decoder
from jpegcompile.resolution_plan import ResolutionPlan
from jpegcompile.search.frequencies import FrequencySearch
from jpegcompile.search.resolution import ResolutionSearch
from jpegcompile.search.splits import require_budget
from jpegcompile.target.registry import TARGETS, target_of
from jpegcompile.weights.write import data_file

_AUTO = "auto"
Search = FrequencySearch | ResolutionSearch


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write, or for --target triton the folder.",
)
@click.option(
    "--target",
    type=click.Choice(list(TARGETS)),
    default="ort",
    show_default=True,
    help="jpegcompile operators with function bodies, standard operators only, or a folder with a"
    " module of PyTorch that calls Triton kernels on a GPU.",
)
@gpu_options
@click.option(
    "--aot",
    metavar="ARCH,...",
    help=f"Compile the GPU kernels of the model ahead of time for {', '.join(ARCHITECTURES)}: with"
    " --target triton into a file of the folder, with --target ort into OUTPUT.cubins beside the"
    " model.",
)
@kernel_options
@click.option("--strict", is_flag=True, help="Fail (exit 3) if anything would be kept spatial.")
@click.option(
    "--external-data",
    is_flag=True,
    help="Write the weights to a file of their own, called as the output with .data behind; above"
    " 2 GB they always are.",
)
@click.option(
    "--dump-passes",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the graph after each pass to this folder, too.",
)
@model_options
@resolution_option(
    _AUTO,
    more=" auto chooses the smallest one that loses no more than --max-drop points on --images.",
)
@click.option(
    "--decoder",
    type=click.Choice(get_args(Decoder)),
    help="Decode to real numbers, or to the 8-bit integers of libjpeg-turbo, which Pillow and"
    " OpenCV see; float, unless --preprocess says otherwise.",
)
@click.option(
    "--frequencies",
    callback=frequency_number(_AUTO),
    metavar="N|auto",
    help="Spatial frequencies, 1 to 15, that decide the masks of ReLU, PReLU, Clip and MaxPool;"
    " 15, all of them, is exact and the default. auto chooses them, and what is kept (--truncate),"
    " for each node.",
)
@truncate_option(_AUTO, more=" auto chooses them for each node; masks stay exact.")
@frequency_options
@search_options
@click.option(
    "--save-frequencies",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the frequencies of each node, for --frequencies-file.",
)
@json_option
def compile(
    model: Path,
    output: Path,
    target: str,
    lean: bool,
    batch: int | None,
    strict: bool,
    external_data: bool,
    dump_passes: Path | None,
    input_mode: Any,
    preprocess: str | None,
    decoder: Decoder | None,
    subsampling: str | None,
    image_input: str | None,
    input_size: str | None,
    resolution: str | None,
    domain: Any,
    precision: str | None,
    gpu: str | None,
    aot: str | None,
    frequencies: int | str | None,
    frequencies_file: Path | None,
    relu: Masking | None,
    truncate: int | str | None,
    save_frequencies: Path | None,
    as_json: bool,
    **searched: Any,
) -> None:
    """Compile MODEL into the JPEG transform domain.

    At all 15 frequencies the compiled model is exact. With --frequencies auto, or --truncate auto,
    --max-drop POINTS and --images DIR, a search finds for each node how few are enough; with
    --resolution auto, how small an input is.
    """
    inputs = {
        MODEL: model,
        "the file of --preprocess": None if preprocess is None else Path(preprocess),
        "the file of --frequencies-file": frequencies_file,
        "the file of --labels": searched["labels"],
    }
    writes = partial(
        written_files,
        output,
        save_frequencies,
        dump_passes,
        target_of(target),
        kernels=aot is not None,
    )
    if target_of(target).chooses_layouts:
        require_replaceable(output)
    written = writes(weights=external_data)
    require_distinct(written, inputs, searched["images"])
    for _, option, file in written:
        if option != "--dump-passes":
            require_writable(file)

    description: str | Preprocess | None = preprocess
    runs_at: str | ResolutionPlan | None = None if resolution == _AUTO else resolution

    def compiled_with(plan: FrequencyPlan, dump: Path | None = None) -> CompiledModel:
        with progress_bar("compiling") as progress:
            return compile_model(
                model,
                input=input_mode,
                target=target,
                preprocess=description,
                decoder=decoder,
                subsampling=subsampling,
                image_input=image_input,
                input_size=input_size,
                resolution=runs_at,
                frequencies=plan,
                domain=domain,
                lean=lean,
                batch=batch,
                precision=precision,
                gpu=gpu,
                aot=() if aot is None else [arch.strip() for arch in aot.split(",")],
                strict=strict,
                dump_passes=dump,
                progress=progress,
            )

    resolutions: ResolutionSearch | None = None
    if resolution == _AUTO:
        if _AUTO in (frequencies, truncate):
            raise UsageError(
                "--resolution auto and a search of frequencies are two searches; do this one first,"
                " and give what it finds as --resolution HxW to the other"
            )
        normalization = require_search_options("--resolution auto", None, preprocess, searched)
        # What is wrong with the other options should not come out after a long search.
        compiled_with(FrequencyPlan())
        resolutions = run_resolution_search(
            model,
            searched,
            with_decoder(normalization, decoder),
            image_input=image_input,
            input_size=input_size,
        )
        description, runs_at = resolutions.preprocess, resolutions.plan

    search: FrequencySearch | None = None
    if _AUTO in (frequencies, truncate):
        if domain == "auto":
            raise UsageError(SPATIAL_HAS_NO_FREQUENCIES)
        has_exact_masks = frequencies != _AUTO
        if has_exact_masks and frequencies not in (None, ALL):
            raise UsageError(
                "--truncate auto leaves masks exact, or they are chosen, too, by --frequencies"
                f" auto; leave --frequencies {frequencies} out"
            )
        asked = "--truncate auto" if has_exact_masks else "--frequencies auto"
        normalization = require_search_options(asked, frequencies_file, preprocess, searched)
        # What is wrong with the other options should not come out after a long search.
        compiled_with(FrequencyPlan())
        search = run_search(
            model,
            searched,
            with_decoder(normalization, decoder),
            relu=relu,
            has_exact_masks=has_exact_masks,
            truncate=truncate if isinstance(truncate, int) else None,
            image_input=image_input,
            input_size=input_size,
            resolution=resolution,
        )
        plan = search.plan
    else:
        if resolutions is None:
            refuse_search_options(searched)
        kept = truncate if isinstance(truncate, int) else None
        plan = plan_from(frequencies, frequencies_file, relu, kept)
    compiled = compiled_with(plan, dump_passes)
    found = resolutions or search
    if found is not None:
        _require_budget(found, compiled, as_json)
    if compiled.weights and not external_data:
        external_data = True
        require_distinct(writes(weights=True), inputs, searched["images"])
    compiled.save(output, external_data=external_data)
    if save_frequencies is not None:
        write_whole(save_frequencies, (json.dumps(plan.to_json(), indent=1) + "\n").encode())
    if as_json:
        print_json(_summary(output, compiled, found, external_data))
    else:
        _show_report(output, compiled, external_data)
    if found is not None:
        if not as_json:
            _show_search(found)
        require_reported(searched["on_error"], found.skipped)


def _show_search(search: Search) -> None:
    if isinstance(search, ResolutionSearch):
        show_resolution_search(search)
    else:
        show_search(search)


def _require_budget(search: Search, compiled: CompiledModel, as_json: bool) -> None:
    """A search that is refuted shows what it measured all the same; nothing is written."""
    try:
        require_budget(search)
    except CheckFailedError:
        if as_json:
            print_json(_summary(None, compiled, search, False))
        else:
            _show_search(search)
        raise


def _summary(
    output: Path | None,
    compiled: CompiledModel,
    search: Search | None,
    has_weights: bool,
) -> dict[str, Any]:
    return {
        "output": None if output is None else str(output),
        "weights": str(data_file(output)) if output is not None and has_weights else None,
        "kernels": str(beside(output)) if output is not None and compiled.cubins else None,
        "report": compiled.report.to_json(),
        "search": None if search is None else search.to_json(),
        "skipped": [] if search is None else [asdict(skipped) for skipped in search.skipped],
        "ignored": {} if search is None else dict(search.ignored),
        "pixel_fallbacks": 0 if search is None else search.pixel_fallbacks,
    }


def _show_report(output: Path, compiled: CompiledModel, has_weights: bool) -> None:
    report = compiled.report
    fates = fate_text(len(report.lowered), len(report.kept), report.domain)
    files = list(output.iterdir()) if output.is_dir() else [output]
    size = sum(file.stat().st_size for file in files)
    click.echo(f"{output}: {fates}, {counted(report.casts, 'cast')}, {size:,} bytes")
    if has_weights:
        weights = data_file(output)
        click.echo(f"{weights}: its weights, {weights.stat().st_size:,} bytes")
    if compiled.cubins:
        click.echo(f"{beside(output)}: its GPU kernels, {len(compiled.cubins):,} bytes")
    if not report.is_exact:
        masks = sum(node.masking in MASKINGS for node in report.nodes)
        truncated = sum(node.is_truncated for node in report.nodes)
        parts = []
        if masks:
            parts.append(f"few frequencies decide the masks of {counted(masks, 'node')}")
        if truncated:
            parts.append(
                f"{counted(truncated, 'result')} {'is' if truncated == 1 else 'are'} truncated"
            )
        click.echo(f"approximate: {', and '.join(parts)}")
    for node in report.kept:
        click.echo(f"kept spatial: {node.op} '{node.name}': {node.reason}")
    for call in report.calls:
        if not call.kernel:
            click.echo(f"by PyTorch: {call.operators[0]} '{call.name}': {call.reason}")
    for note in report.notes:
        click.echo(f"note: {note}")
