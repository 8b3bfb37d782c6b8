"""The verb `compile`: write a compiled model and report what became of its nodes."""

from __future__ import annotations

import json as json_text
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jpegcompile.commands.compile_report import show_report, summary
from jpegcompile.commands.console import progress_bar
from jpegcompile.commands.images import require_reported
from jpegcompile.commands.json_output import print_json
from jpegcompile.commands.options import chosen, verb_command
from jpegcompile.commands.search import (
    Search,
    asked_search,
    exact_options,
    found_options,
    refuse_search_options,
    run_search,
    show_found,
)
from jpegcompile.commands.written import written_files
from jpegcompile.compiled_model import CompiledModel
from jpegcompile.compiler import compile as compile_model
from jpegcompile.distinct_files import MODEL, require_distinct
from jpegcompile.errors import CheckFailedError
from jpegcompile.files import require_writable, write_whole
from jpegcompile.frequency_plan import FrequencyPlan, frequency_plan
from jpegcompile.gpu.folder import require_replaceable
from jpegcompile.metadata import read_metadata
from jpegcompile.options import compiling as option
from jpegcompile.search.splits import require_budget
from jpegcompile.target.registry import target_of

CompileWith = Callable[..., CompiledModel]


@verb_command("compile")
def compile(
    model: Path,
    output: Path,
    external_data: bool,
    save_frequencies: Path | None,
    dump_passes: Path | None,
    json: bool,
    **given: Any,
) -> None:
    """Search if asked, compile, write the files and show the report."""
    target = target_of(given["target"])
    writes = partial(
        written_files, output, save_frequencies, dump_passes, target, kernels=bool(given["aot"])
    )
    require_written = partial(
        require_distinct, inputs=_inputs(model, given), images=given["images"]
    )
    if target.chooses_layouts:
        require_replaceable(output)
    written = writes(weights=external_data)
    require_written(written)
    for _, flag, file in written:
        if flag != option.DUMP_PASSES.flag:
            require_writable(file)

    def compile_with(changed: dict[str, Any], dump: Path | None = None) -> CompiledModel:
        options = {**chosen((*option.MODEL, option.STRICT), given), **changed}
        with progress_bar("compiling") as progress:
            return compile_model(model, **options, dump_passes=dump, progress=progress)

    found = _searched(model, given, compile_with)
    changed = {**_plan(given), **found_options(found)}
    compiled = compile_with(changed, dump_passes)
    if found is not None:
        _require_budget(found, compiled, json)
    if compiled.weights and not external_data:
        external_data = True
        require_written(writes(weights=True))
    compiled.save(output, external_data=external_data)
    if save_frequencies is not None:
        plan = json_text.dumps(_used_plan(compiled, changed.get("frequencies")), indent=1)
        write_whole(save_frequencies, f"{plan}\n".encode())
    if json:
        print_json(summary(output, compiled, found, external_data))
    else:
        show_report(output, compiled, external_data)
        show_found(found)
    if found is not None:
        require_reported(given["on_error"], found.skipped)


def _inputs(model: Path, given: dict[str, Any]) -> dict[str, Path | None]:
    """Return the files that the command reads, by their names in messages."""
    preprocess, frequencies = given["preprocess"], given["frequencies"]
    return {
        MODEL: model,
        "the file of --preprocess": None if preprocess is None else Path(preprocess),
        "the file of --frequencies": frequencies if isinstance(frequencies, Path) else None,
        "the file of --labels": given["labels"],
    }


def _searched(model: Path, given: dict[str, Any], compile_with: CompileWith) -> Search | None:
    """Run the search that the user asks for, if any."""
    kind = asked_search(given)
    if kind is None:
        refuse_search_options()
        return None
    # Errors in the other options must not wait for the end of a long search.
    compile_with(exact_options(given))
    return run_search(kind, model, given)


def _plan(given: dict[str, Any]) -> dict[str, Any]:
    """Return the plan of --frequencies, --relu and --truncate, without words such as auto.

    Without these options there is none: a model that is compiled again keeps its own.
    """
    if all(given[name] is None for name in ("frequencies", "relu", "truncate")):
        return {}
    numbers = {**given, **exact_options(given)} if asked_search(given) == "frequencies" else given
    plan = frequency_plan(numbers["frequencies"], numbers["relu"], numbers["truncate"])
    return {"frequencies": plan, "relu": None, "truncate": None}


def _used_plan(compiled: CompiledModel, asked: FrequencyPlan | None) -> Any:
    """Return the plan of the compiled model, which a model that is compiled again may bring."""
    info = read_metadata(compiled.model, "the compiled model")
    if info is not None and info.frequencies is not None:
        return info.frequencies
    return (asked or FrequencyPlan()).to_json()


def _require_budget(search: Search, compiled: CompiledModel, json: bool) -> None:
    """Fail if the search exceeds its budget. Its measurements are shown, and nothing is written."""
    try:
        require_budget(search)
    except CheckFailedError:
        if json:
            print_json(summary(None, compiled, search, False))
        else:
            show_found(search)
        raise
