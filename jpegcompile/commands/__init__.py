"""The verbs of the command line, one file each. Each verb calls the Python function of its name."""

from __future__ import annotations

from importlib import import_module

import click

from jpegcompile.errors import AccessError
from jpegcompile.installed import NOT_INSTALLED, require_installed
from jpegcompile.messages import Message
from jpegcompile.options.verbs import VERBS

# The summary of every verb: a list of all verbs imports none of them.
COMMANDS = {verb.name: verb.summary for verb in VERBS.values()}


def command_of(verb: str) -> click.Command:
    """Import the command of a verb.

    Raises:
        AccessError: if this is not the installed package.
    """
    try:
        require_installed()
    except ImportError as error:
        raise AccessError(Message("package-not-installed", NOT_INSTALLED)) from error
    name = verb.replace("-", "_")
    command = getattr(import_module(f"{__name__}.{name}"), name)
    assert isinstance(command, click.Command)
    return command
