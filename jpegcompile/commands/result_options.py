"""How verbs print their results: as tables, as Markdown or as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from jpegcompile.commands.console import console
from jpegcompile.commands.json_output import print_json
from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.results.markdown import page_markdown
from jpegcompile.results.table import Page
from jpegcompile.results.terminal import print_page


def show_result(
    data: Callable[[], Any],
    page: Callable[[], Page],
    *,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Print a result in the form that was asked for.

    Args:
        data: returns the result as JSON-ready data.
        page: returns the result as tables.
        as_json: whether to print JSON.
        as_markdown: whether to print Markdown.

    Raises:
        UsageError: if both are asked for.
    """
    refuse_two_forms(as_json=as_json, as_markdown=as_markdown)
    if as_json:
        print_json(data())
    elif as_markdown:
        click.echo(page_markdown(page()), nl=False)
    else:
        print_page(console(), page())


def refuse_two_forms(*, as_json: bool, as_markdown: bool) -> None:
    """Refuse --json together with --markdown; called before the work that takes long.

    Raises:
        UsageError: if both are given.
    """
    if as_json and as_markdown:
        text = "--json and --markdown exclude each other; give one of them"
        raise UsageError(Message("json-and-markdown", text))
