"""What verbs that read many files share: what becomes of unusable ones, and how they are shown."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from jpegcompile.commands.console import console, counted
from jpegcompile.jpeg.read import source_name
from jpegcompile.jpeg.unusable import OnError, Skipped, require_complete

# Files that a terminal shows; --json has all.
_MOST_FILES = 10


def show_left_out(
    skipped: Sequence[Skipped], ignored: Mapping[str, str], pixel_fallbacks: int = 0
) -> None:
    """Files that went through pixels or could not be used, and folders that were passed over."""
    out = console()

    def line(text: str) -> None:
        out.print(text, markup=False, soft_wrap=True)

    if pixel_fallbacks:
        line(f"{counted(pixel_fallbacks, 'file')} went through the pixel fallback")
    if skipped:
        line(f"skipped {counted(len(skipped), 'file')} that cannot be used:")
        for one in skipped[:_MOST_FILES]:
            line(f"  {one}")
    if len(skipped) > _MOST_FILES:
        line(f"  and {len(skipped) - _MOST_FILES} more; --json lists all")
    if ignored:
        some = list(ignored.items())[:_MOST_FILES]
        named = ", ".join(f"{_printable(folder)} ({reason})" for folder, reason in some)
        rest = len(ignored) - len(some)
        more = f" and {rest} more; --json lists all" if rest else ""
        line(f"ignored {counted(len(ignored), 'folder')}: {named}{more}")


def warn(text: str | None) -> None:
    """Say what is wrong although the command goes on; nothing if there is no such thing."""
    if text is not None:
        print(f"jpegcompile: warning: {text}", file=sys.stderr)


def require_reported(on_error: OnError | None, skipped: Sequence[Skipped]) -> None:
    """The end of a command: files that were skipped are an error with `--on-error report`.

    Raises:
        ImageError: if there are any.
    """
    if on_error == "report":
        require_complete(skipped)


def _printable(path: str) -> str:
    return source_name([path], 0)
