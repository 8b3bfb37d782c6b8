"""Commands as a user runs them, and a few of the demo's images for those that take long."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from jpegcompile.cli import run_command
from jpegcompile.digits import images_path
from jpegcompile.results.schemas import VERBS, schema_of_verb


def few_images(folder: Path) -> Path:
    """Four images of each class of the demo, in `folder`."""
    for group in images_path().iterdir():
        (folder / group.name).mkdir()
        for file in sorted(group.iterdir())[:4]:
            (folder / group.name / file.name).write_bytes(file.read_bytes())
    return folder


def run_text(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command that is to succeed prints."""
    assert run_command([str(a) for a in arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def run_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """The JSON that it prints, which is as the schema of the verb says."""
    data = json.loads(run_text(capsys, *arguments, "--json"))
    require_schema(str(arguments[0]), data)
    return data


def require_schema(verb: str, data: Any) -> None:
    """Fail if data are not what a verb prints; nothing for verbs without a schema."""
    if verb in VERBS:
        jsonschema.Draft202012Validator(schema_of_verb(verb)).validate(data)


def fails(
    capsys: pytest.CaptureFixture[str], code: int, *arguments: object, prints: bool = False
) -> str:
    """The one line on stderr of a command that is to fail; `prints` if it shows results first."""
    assert run_command([str(a) for a in arguments]) == code
    captured = capsys.readouterr()
    assert bool(captured.out) == prints
    assert captured.err.startswith("jpegcompile: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    return captured.err.removeprefix("jpegcompile: ").rstrip("\n")


def refuses(
    capsys: pytest.CaptureFixture[str], exit_code: int, code: str, *arguments: object
) -> str:
    """The message of a command that is to fail with this code, without the code."""
    message = fails(capsys, exit_code, *arguments)
    assert message.endswith(f" [{code}]"), message
    return message.removesuffix(f" [{code}]")


def drawn_on_a_terminal(*arguments: object) -> bytes:
    """What a command that is to succeed draws where stderr is a terminal, in a process of its own.

    It is read while the command runs: a terminal that nobody reads holds some kilobytes, and then
    whoever writes waits.
    """
    command = [sys.executable, "-P", "-m", "jpegcompile", *map(str, arguments)]
    parent, child = os.openpty()
    with (
        open(parent, "rb", buffering=0) as terminal,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=child) as process,
    ):
        os.close(child)
        drawn = bytearray()
        # The end of a terminal is an end of file on some systems, on Linux an error.
        while part := _read(terminal):
            drawn += part
        assert process.wait() == 0
    return bytes(drawn)


def _read(terminal: io.FileIO) -> bytes:
    try:
        return terminal.read(1 << 16)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""
