"""The verb `compile`: write a compiled model and say what became of its nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from jpegcompile.backends.dump import dump_files
from jpegcompile.commands.console import change_text, counted, progress_bar
from jpegcompile.commands.options import (
    frequency_number,
    frequency_options,
    json_option,
    model_options,
    plan_from,
    print_json,
    truncate_option,
)
from jpegcompile.compile import CompiledModel
from jpegcompile.compile import compile as compile_model
from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import CheckFailedError, UsageError
from jpegcompile.files import is_same_file, require_writable, write_whole
from jpegcompile.frequency_plan import MASKINGS, FrequencyPlan, Masking
from jpegcompile.options import SPATIAL_HAS_NO_FREQUENCIES
from jpegcompile.pipeline import PIPELINE
from jpegcompile.report import Report
from jpegcompile.search.frequencies import FrequencySearch, choose_frequencies, require_budget
from jpegcompile.weights.read import external_files
from jpegcompile.weights.write import data_file

_AUTO = "auto"
_MODEL = "the model itself"


@click.command(name="compile")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write."
)
@click.option(
    "--target",
    type=click.Choice(["ort", "onnx"]),
    default="ort",
    show_default=True,
    help="jpegcompile operators with function bodies, or standard operators only.",
)
@click.option(
    "--lean",
    is_flag=True,
    help="Native kernels that take little more memory than the model's weights; slower.",
)
@click.option(
    "--batch",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Images at a time to choose native kernels for, where MODEL leaves that open.",
)
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
@click.option(
    "--max-drop", type=float, metavar="POINTS", help="auto: top-1 that may be lost, in points."
)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="auto: folder with one folder of JPEG files a class; half of them verify. Classes are"
    " numbered in the sorted order of the folder names, unless by --labels.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="auto: JSON file that maps folder names to class indices.",
)
@click.option("--output-name", metavar="NAME", help="auto: which output holds the scores.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    help="auto: folder of measurements, from which an interrupted search goes on.",
)
@click.option(
    "--save-frequencies",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the frequencies of each node, for --frequencies-file.",
)
@json_option
def compile_command(
    model: Path,
    output: Path,
    target: Any,
    lean: bool,
    batch: int,
    strict: bool,
    external_data: bool,
    dump_passes: Path | None,
    input_mode: Any,
    preprocess: str | None,
    subsampling: str | None,
    image_input: str | None,
    input_size: str | None,
    domain: Any,
    frequencies: int | str | None,
    frequencies_file: Path | None,
    relu: Masking | None,
    truncate: int | str | None,
    save_frequencies: Path | None,
    as_json: bool,
    **search_options: Any,
) -> None:
    """Compile MODEL into the JPEG transform domain.

    At all 15 frequencies the compiled model is exact. With --frequencies auto, or --truncate auto,
    --max-drop POINTS and --images DIR, a search finds for each node how few are enough.
    """
    inputs = {
        _MODEL: model,
        "the file of --preprocess": None if preprocess is None else Path(preprocess),
        "the file of --frequencies-file": frequencies_file,
        "the file of --labels": search_options["labels"],
    }
    written = _written(output, save_frequencies, dump_passes, weights=external_data)
    _require_distinct(written, inputs, search_options["images"])
    for _, option, file in written:
        if option != "--dump-passes":
            require_writable(file)

    def compiled_with(plan: FrequencyPlan, dump: Path | None = None) -> CompiledModel:
        with progress_bar("compiling") as progress:
            return compile_model(
                model,
                input=input_mode,
                target=target,
                preprocess=preprocess,
                subsampling=subsampling,
                image_input=image_input,
                input_size=input_size,
                frequencies=plan,
                domain=domain,
                lean=lean,
                batch=batch,
                strict=strict,
                dump_passes=dump,
                progress=progress,
            )

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
        normalization = _require_search_options(asked, frequencies_file, preprocess, search_options)
        # What is wrong with the other options should not come out after a long search.
        compiled_with(FrequencyPlan())
        search = _search(
            model,
            search_options,
            normalization,
            relu=relu,
            has_exact_masks=has_exact_masks,
            truncate=truncate if isinstance(truncate, int) else None,
            image_input=image_input,
            input_size=input_size,
        )
        plan = search.plan
    else:
        _refuse_search_options(search_options)
        kept = truncate if isinstance(truncate, int) else None
        plan = plan_from(frequencies, frequencies_file, relu, kept)
    compiled = compiled_with(plan, dump_passes)
    if search is not None:
        _require_budget(search, compiled.report, as_json)
    if compiled.weights and not external_data:
        external_data = True
        written = _written(output, save_frequencies, dump_passes, weights=True)
        _require_distinct(written, inputs, search_options["images"])
    compiled.save(output, external_data=external_data)
    if save_frequencies is not None:
        write_whole(save_frequencies, (json.dumps(plan.to_json(), indent=1) + "\n").encode())
    if as_json:
        print_json(_summary(output, compiled.report, search, external_data))
        return
    _show_report(output, compiled.report, external_data)
    if search is not None:
        _show_search(search)


def _written(
    output: Path, save_frequencies: Path | None, dump: Path | None, *, weights: bool
) -> list[tuple[str, str, Path]]:
    """What each written file is, the option that names it, and its path."""
    files = [("--output", "--output", output)]
    if weights:
        files.append(("the weights of --output", "--output", data_file(output)))
    if save_frequencies is not None:
        files.append(("--save-frequencies", "--save-frequencies", save_frequencies))
    if dump is not None:
        dumped = dump_files(dump, [step.name for step in PIPELINE])
        files += [("a file of --dump-passes", "--dump-passes", file) for file in dumped]
    return files


def _require_distinct(
    written: Sequence[tuple[str, str, Path]],
    inputs: Mapping[str, Path | None],
    images: Path | None,
) -> None:
    """Refuse to write over what is read, and one file over the other."""
    read = [(name, path) for name, path in inputs.items() if path is not None]
    model = inputs[_MODEL]
    if model is not None and any(file.exists() for _, _, file in written):
        read += [("a file of the model's weights", file) for file in external_files(model)]
    for index, (_, option, file) in enumerate(written):
        clashes = [name for name, path in read if is_same_file(file, path)]
        if images is not None and images.resolve() in file.resolve().parents:
            clashes.append("in the folder of --images")
        others = [(name, path) for name, other, path in written[:index] if other != option]
        clashes += [f"{name} too" for name, path in others if is_same_file(file, path)]
        if clashes:
            raise UsageError(f"{file}: is {clashes[0]}; give another {option}")


def _require_search_options(
    asked: str, file: Path | None, preprocess: str | None, options: dict[str, Any]
) -> str:
    """The preprocessing, which a search cannot do without."""
    if file is not None:
        raise UsageError(f"{asked} makes what --frequencies-file gives; leave one out")
    if options["max_drop"] is None or options["images"] is None:
        raise UsageError(
            f"{asked} needs --max-drop POINTS, the loss of top-1 that is allowed, and"
            " --images DIR, a folder with one folder of JPEG files a class"
        )
    if preprocess is None:
        raise UsageError(f"{asked} needs --preprocess, to run the model on JPEG files")
    return preprocess


def _refuse_search_options(options: dict[str, Any]) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        name = given[0].replace("_", "-")
        raise UsageError(f"--{name} is for --frequencies auto and --truncate auto; leave it out")


def _require_budget(search: FrequencySearch, report: Report, as_json: bool) -> None:
    """A search that is refuted shows what it measured all the same; nothing is written."""
    try:
        require_budget(search)
    except CheckFailedError:
        if as_json:
            print_json(_summary(None, report, search, False))
        else:
            _show_search(search)
        raise


def _summary(
    output: Path | None, report: Report, search: FrequencySearch | None, has_weights: bool
) -> dict[str, Any]:
    return {
        "output": None if output is None else str(output),
        "weights": str(data_file(output)) if output is not None and has_weights else None,
        "report": report.to_json(),
        "search": None if search is None else search.to_json(),
    }


def _search(
    model: Path,
    options: dict[str, Any],
    preprocess: str,
    *,
    relu: Masking | None,
    has_exact_masks: bool,
    truncate: int | None,
    image_input: str | None,
    input_size: str | None,
) -> FrequencySearch:
    try:
        with progress_bar("choosing frequencies") as progress:
            return choose_frequencies(
                model,
                options["images"],
                max_drop=options["max_drop"],
                preprocess=preprocess,
                labels=options["labels"],
                output=options["output_name"],
                relu=relu or "asm",
                has_exact_masks=has_exact_masks,
                truncate=truncate,
                image_input=image_input,
                input_size=input_size,
                cache=options["cache"],
                progress=progress,
            )
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            "what was measured is kept, and the same command goes on from there"
        ) from stop


def _show_report(output: Path, report: Report, has_weights: bool) -> None:
    lowered = "lowered" if report.domain == "jpeg" else "spatial by choice"
    click.echo(
        f"{output}: {counted(len(report.lowered), 'node')} {lowered},"
        f" {len(report.kept)} kept spatial, {counted(report.casts, 'cast')},"
        f" {output.stat().st_size:,} bytes"
    )
    if has_weights:
        weights = data_file(output)
        click.echo(f"{weights}: its weights, {weights.stat().st_size:,} bytes")
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
    for note in report.notes:
        click.echo(f"note: {note}")


def _show_search(search: FrequencySearch) -> None:
    click.echo(
        f"frequencies: {search.mean_frequencies:.1f} of {ALL} decide a mask and"
        f" {search.mean_truncate:.1f} are kept behind it, on average"
    )
    for title, counts in (("search", search.search), ("verification", search.verification)):
        click.echo(f"{title}: {change_text(counts)}")
    if -100 * search.verification.change > search.max_drop and not search.is_refuted:
        click.echo(
            f"note: the verification drops by more than the {search.max_drop:g} points that are"
            " allowed, which chance may explain; more images would tell"
        )
