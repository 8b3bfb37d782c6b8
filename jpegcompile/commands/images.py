"""What verbs print about unusable files, ignored folders and shards, and their exit codes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from jpegcompile.commands.console import console, counted
from jpegcompile.jpeg.read import source_name
from jpegcompile.jpeg.unusable import OnError, Skipped, require_complete
from jpegcompile.results.merging import Shard
from jpegcompile.results.table import Page
from jpegcompile.results.terminal import print_page

# Number of files to print; --json lists all.
_MOST_FILES = 10


def left_out_lines(
    skipped: Sequence[Skipped], ignored: Mapping[str, str], pixel_fallbacks: int = 0
) -> list[str]:
    """Return lines about pixel fallbacks, skipped files and ignored folders.

    Args:
        skipped: unusable files with reasons.
        ignored: reason for each ignored folder, by its path.
        pixel_fallbacks: number of files that went through the pixel fallback.
    """
    lines = []
    if pixel_fallbacks:
        lines.append(f"{counted(pixel_fallbacks, 'file')} went through the pixel fallback")
    if skipped:
        lines.append(f"skipped {counted(len(skipped), 'unusable file')}:")
        lines += [f"  {one}" for one in skipped[:_MOST_FILES]]
    if len(skipped) > _MOST_FILES:
        lines.append(f"  and {len(skipped) - _MOST_FILES} more; --json lists all")
    if ignored:
        some = list(ignored.items())[:_MOST_FILES]
        named = ", ".join(f"{_printable(folder)} ({reason})" for folder, reason in some)
        rest = len(ignored) - len(some)
        more = f" and {rest} more; --json lists all" if rest else ""
        lines.append(f"ignored {counted(len(ignored), 'folder')}: {named}{more}")
    return lines


def show_left_out(
    skipped: Sequence[Skipped], ignored: Mapping[str, str], pixel_fallbacks: int = 0
) -> None:
    """Print the lines of `left_out_lines`."""
    print_page(console(), Page(tuple(left_out_lines(skipped, ignored, pixel_fallbacks))))


def shard_lines(shards: Sequence[Shard]) -> list[str]:
    """Return a line that names the shards of a result; no line for a whole folder."""
    if not shards:
        return []
    numbers = ", ".join(str(shard.index) for shard in shards)
    what = "shard" if len(shards) == 1 else "shards"
    return [f"{what} {numbers} of {shards[0].count}; jpegcompile merge adds the others"]


def warn(text: str | None) -> None:
    """Print a warning to stderr; None prints nothing."""
    if text is not None:
        print(f"jpegcompile: warning: {text}", file=sys.stderr)


def require_reported(on_error: OnError | None, skipped: Sequence[Skipped]) -> None:
    """End a command with an error if files were skipped and `--on-error report` is given.

    Args:
        on_error: value of --on-error.
        skipped: unusable files with reasons.

    Raises:
        ImageError: if any file was skipped.
    """
    if on_error == "report":
        require_complete(skipped)


def _printable(path: str) -> str:
    return source_name([path], 0)
