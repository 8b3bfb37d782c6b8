"""The verb `bench`: how long both pipelines take, step by step."""

from __future__ import annotations

from pathlib import Path

import click

from jpegcompile.commands.bench_page import benchmark_page
from jpegcompile.commands.console import progress_bar
from jpegcompile.commands.images import (
    error_options,
    fallback_option,
    require_reported,
)
from jpegcompile.commands.options import (
    FROM_1,
    NOT_NEGATIVE,
    json_option,
    numbers_option,
    provider_option,
)
from jpegcompile.commands.result_options import markdown_option, refuse_two_forms, show_result
from jpegcompile.evaluation.benchmark import run
from jpegcompile.evaluation.benchmark.rivals.registry import RIVALS
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.runtime.providers import Choice

# Beyond them lie slips of the hand: days of making files, and threads that no machine has.
_MOST_BATCH, _MOST_THREADS = 65536, 1024


def _names(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    """Names with commas between."""
    return None if value is None else tuple(name.strip() for name in value.split(","))


@click.command()
@click.argument("original", type=click.Path(path_type=Path))
@click.argument("compiled", type=click.Path(path_type=Path))
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder of JPEG files; without it, files made for the purpose (quality 75 and 90), or"
    " random tensors for a model that takes tensors.",
)
@click.option(
    "--rivals",
    metavar="NAME,...",
    callback=_names,
    help="Readers for ORIGINAL where images may have any size:"
    f" {', '.join(RIVALS)}; all that are installed if not given.",
)
@numbers_option("--batch", "batches", "Inputs of a run; 1,8 if not given.", _MOST_BATCH)
@numbers_option(
    "--threads", "threads", "Threads of runtimes and of decoding; 1,2.", _MOST_THREADS, "1,2"
)
@click.option(
    "--repeats",
    type=FROM_1,
    default=run.ROUNDS,
    show_default=True,
    help="Rounds, of which medians are taken.",
)
@click.option(
    "--seconds",
    type=NOT_NEGATIVE,
    default=run.SECONDS,
    show_default=True,
    help="How long each step runs in a round, once at least.",
)
@click.option(
    "--per-op", is_flag=True, help="Time every node for a batch, too, and list the slowest."
)
@click.option(
    "--portable",
    is_flag=True,
    help="Time the compiled model by its function bodies, without native kernels, as well.",
)
@provider_option
@error_options
@fallback_option
@json_option
@markdown_option
def bench(
    original: Path,
    compiled: Path,
    images: Path | None,
    rivals: tuple[str, ...] | None,
    batches: tuple[int, ...] | None,
    threads: tuple[int, ...],
    repeats: int,
    seconds: float,
    per_op: bool,
    portable: bool,
    provider: Choice,
    on_error: OnError,
    tolerant: bool,
    fallback: Fallback,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Time ORIGINAL behind Pillow and NumPy (spatial) against COMPILED.

    Decoding, what makes the network's input, the network, and all of it from the bytes of files.
    Where COMPILED takes images of any size: what makes the network's input, the network, both one
    after the other, and both at once; ORIGINAL is behind several readers, --rivals.
    Each side runs in a process of its own, in turn with the others. Outputs are checked first: if
    they are not those of ORIGINAL nothing is timed and the exit code is 1. Of a module of PyTorch
    a step ends when the GPU is done, and there is no --per-op and no --portable.
    """
    refuse_two_forms(as_json=as_json, as_markdown=as_markdown)
    with progress_bar("timing") as progress:
        result = run.bench(
            original,
            compiled,
            images,
            batches=batches,
            threads=threads,
            rounds=repeats,
            seconds=seconds,
            per_op=per_op,
            portable=portable,
            providers=provider,
            on_error=on_error,
            tolerant=tolerant,
            fallback=fallback,
            rivals=rivals,
            progress=progress,
        )
    show_result(
        result.to_json,
        lambda: benchmark_page(result),
        as_json=as_json,
        as_markdown=as_markdown,
    )
    require_reported(on_error, result.skipped)
