"""Errors that click finds in a command line, with codes."""

from __future__ import annotations

import click

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message


def usage_error(error: click.ClickException) -> UsageError:
    """Return an error of click as a `UsageError`, whose code is of its kind."""
    said = " ".join(error.format_message().split()).rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context is not None else "jpegcompile"
    match error:
        # A subclass of `BadParameter`.
        case click.MissingParameter():
            return UsageError(Message("parameter-missing", f"{said}; see '{command} --help'"))
        case click.BadParameter():
            return UsageError(Message("parameter-malformed", f"{said}; see '{command} --help'"))
        case click.NoSuchOption():
            return UsageError(Message("option-unknown", f"{said}; see '{command} --help'"))
        case click.BadOptionUsage():
            return UsageError(Message("option-value-wrong", f"{said}; see '{command} --help'"))
    return UsageError(Message("command-line-malformed", f"{said}; see '{command} --help'"))
