"""The verb `cache`: the coefficients of a data set in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jpegcompile.commands.console import counted, progress_bar
from jpegcompile.commands.images import require_reported, show_left_out
from jpegcompile.commands.json_output import print_json
from jpegcompile.commands.options import verb_command
from jpegcompile.data.cache.build import build_cache
from jpegcompile.data.cache.check import check_cache
from jpegcompile.data.cache.report import CacheReport
from jpegcompile.errors import UsageError
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.messages import Message

_STATES = {
    "built": "built",
    "kept": "is up to date",
    "fresh": "is whole and up to date",
    "checked": "is whole (its images are not there to be compared)",
}


@verb_command("cache")
def cache(
    images: tuple[Path, ...],
    output: Path | None,
    check: Path | None,
    on_error: OnError,
    json: bool,
    **options: Any,
) -> None:
    """Build or check a cache, and print what is in it."""
    builds = images or output is not None or any(options.values())
    if check is not None and builds:
        raise UsageError(
            Message(
                "cache-check-alone",
                "--check reads a cache and builds none; give it without IMAGES, -o, --labels,"
                " --tolerant and --threads",
            )
        )
    if check is None and (not images or output is None):
        raise UsageError(
            Message(
                "cache-arguments-missing",
                "images or -o FILE is missing; give IMAGES -o FILE, or --check FILE",
            )
        )
    if check is not None:
        with progress_bar("checking") as progress:
            report = check_cache(check, progress=progress)
    else:
        assert output is not None
        given: Any = images[0] if len(images) == 1 else images
        with progress_bar("packing") as progress:
            report = build_cache(given, output, on_error=on_error, progress=progress, **options)
    if json:
        print_json(report.to_json())
    else:
        _show(report)
    require_reported(on_error, report.skipped)


def _show(report: CacheReport) -> None:
    resumed = f", {report.resumed} of them by an earlier build" if report.resumed else ""
    click.echo(
        f"{report.path}: {_STATES[report.state]}: {counted(report.images, 'image')}{resumed},"
        f" {report.file_bytes:,} bytes; the files have {report.source_bytes:,} bytes"
    )
    show_left_out(report.skipped, dict(report.ignored), 0)
