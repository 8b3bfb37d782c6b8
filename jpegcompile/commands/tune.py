"""The verb `tune`: the fastest tilings of a model's GPU kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jpegcompile.commands.console import console, counted, new_table, plain, progress_bar
from jpegcompile.commands.json_output import print_json
from jpegcompile.commands.options import verb_command
from jpegcompile.gpu.launch import Tiling
from jpegcompile.tuning import tune as tuning
from jpegcompile.tuning.record import KernelTuning, Tuning

# Number of dropped candidates to print; --json lists all.
_MOST_DROPPED = 10


@verb_command("tune")
def tune(model: Path, json: bool, **options: Any) -> None:
    """Tune the kernels and show the result."""
    with progress_bar("tuning") as progress:
        result = tuning.tune(model, progress=progress, **options)
    if json:
        print_json(result.to_json())
    else:
        show_tuning(result)


def show_tuning(result: Tuning) -> None:
    """Print each kernel with its fastest tiling, then totals, then the dropped candidates."""
    out = console()
    table = new_table(
        *("kernel", "kind", "calls", "tiling", "default us", "us", "gain", "timed", "dropped"),
        right=(2, 4, 5, 6, 7, 8),
    )
    records = sorted(result.kernels.values(), key=lambda one: -one.seconds * len(one.names))
    for record in records:
        table.add_row(
            plain(record.names[0]),
            record.kernel,
            str(len(record.names)),
            _tiling_text(record.tiling),
            f"{1e6 * record.default_seconds:.1f}",
            f"{1e6 * record.seconds:.1f}",
            f"{record.default_seconds / record.seconds:.2f}",
            str(record.timed),
            str(len(record.dropped)),
        )
    out.print(table)
    out.print()
    calls = sum(len(record.names) for record in records)
    device = result.device
    out.print(
        f"{counted(calls, 'call')} of {counted(len(records), 'kernel')}, {result.measured} measured"
        f" now: {1e6 * result.default_seconds:.1f} us with default tilings,"
        f" {1e6 * result.seconds:.1f} us tuned, for a batch of {result.batch} on"
        f" {device['name']} with Triton {device['triton']}",
        markup=False,
    )
    _show_dropped(records)


def _show_dropped(records: list[KernelTuning]) -> None:
    out = console()
    lines = [
        f"  {record.names[0]} {_tiling_text(one.tiling)}: {one.reason}"
        for record in records
        for one in record.dropped
    ]
    if lines:
        out.print(f"dropped {counted(len(lines), 'candidate')}:")
    for line in lines[:_MOST_DROPPED]:
        out.print(line, markup=False, soft_wrap=True)
    if len(lines) > _MOST_DROPPED:
        out.print(f"  and {len(lines) - _MOST_DROPPED} more; --json lists all")


def _tiling_text(tiling: Tiling) -> str:
    """Return a tiling as text: `128x64x32, 8 warps, 3 stages`."""
    size = f"{tiling.rows}x{tiling.channels}x{tiling.depth}"
    return f"{size}, {counted(tiling.warps, 'warp')}, {counted(tiling.stages, 'stage')}"
