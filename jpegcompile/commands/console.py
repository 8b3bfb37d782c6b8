"""How verbs print: tables to standard output, progress to stderr if it is a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from jpegcompile.progress import Progress, no_progress
from jpegcompile.search.interval import PairedCounts

# Width of output to a file or another program. It is wide enough for all tables.
_PLAIN_WIDTH = 200


class _Console(Console):
    """A console that raises the error of a broken pipe, which the command line handles."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Return a console for standard output, without automatic highlighting."""
    probe = _Console(highlight=False)
    return probe if probe.is_terminal else _Console(highlight=False, width=_PLAIN_WIDTH)


@contextmanager
def progress_bar(description: str, *, is_wanted: bool = True) -> Iterator[Progress]:
    """Yield a callback (done, total) that draws a bar, or nothing if stderr is not a terminal.

    Args:
        description: text before the bar.
        is_wanted: whether to draw anything.
    """
    terminal = Console(stderr=True)
    if not is_wanted or not terminal.is_terminal:
        yield no_progress
        return
    with ProgressBar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=terminal,
        transient=True,
    ) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def new_table(*headers: str, right: tuple[int, ...] = ()) -> Table:
    """Return an empty table without lines.

    Args:
        headers: headers of the columns.
        right: indices of the columns that are aligned to the right.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, header in enumerate(headers):
        if index in right:
            table.add_column(header, justify="right", no_wrap=True)
        else:
            table.add_column(header, overflow="fold")
    return table


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural if needed."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def fate_text(lowered: int, kept: int, domain: str) -> str:
    """Return the numbers of lowered and kept nodes in words.

    Args:
        lowered: number of lowered nodes.
        kept: number of kept nodes.
        domain: "jpeg" or "auto", as asked for.
    """
    if domain == "jpeg":
        return f"{counted(lowered, 'node')} lowered, {kept} kept spatial"
    text = f"{counted(lowered, 'node')} in the spatial domain, which is faster"
    return f"{text}, and {kept} that must be spatial" if kept else text


def change_text(counts: PairedCounts) -> str:
    """Return a change of top-1 accuracy in words."""
    low, high = counts.interval()
    return (
        f"top-1 {100 * counts.before:.2f} % becomes {100 * counts.after:.2f} %,"
        f" {100 * counts.change:+.2f} points (95 % interval {100 * low:+.2f} to {100 * high:+.2f};"
        f" {100 * counts.lowest_change():+.2f} at the least, with 95 % confidence)"
        f" on {counted(counts.images, 'image')}"
    )


def plain(text: str) -> str:
    """Return a text without markup for rich."""
    return text.replace("[", r"\[")
