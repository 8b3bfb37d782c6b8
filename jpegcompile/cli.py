"""The entry point of the command line: exit codes, and one line for every error."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from jpegcompile.click_errors import usage_error
from jpegcompile.commands import COMMANDS, command_of
from jpegcompile.errors import (
    AccessError,
    FallbackWarning,
    InternalError,
    JpegCompileError,
    RenamedWarning,
    UsageError,
    one_line,
)
from jpegcompile.messages import Message

_INTERRUPTED = 130
_TERMINATED = 143


def main() -> None:
    """Entry point of the `jpegcompile` command."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run_command(sys.argv[1:]))


class _Terminated(BaseException):
    """The system sent SIGTERM. The command removes temporary files and ends."""


def _terminate(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated


def run_command(arguments: list[str]) -> int:
    """Run one command line and return the exit code. Every error is one line on stderr."""
    # --debug is accepted anywhere on the command line, and applies to parse errors too.
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        # For a closed pipe, cli.main would return exit code 1, which means a failed check.
        with _notices(), cli.make_context("jpegcompile", arguments) as context:
            cli.invoke(context)
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except JpegCompileError as error:
        return _failed(error, debug)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return UsageError.exit_code
    except click.ClickException as error:
        return _failed(usage_error(error), debug)
    except (KeyboardInterrupt, click.Abort) as stop:
        return _fail(f"interrupted; {stop}" if str(stop) else "interrupted", _INTERRUPTED, debug)
    except _Terminated:
        return _fail("terminated", _TERMINATED, debug)
    except BrokenPipeError:
        # The program that read the output has ended. At exit, the interpreter flushes stdout, so
        # redirect it to avoid a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        text = "out of memory; use smaller images or a larger machine"
        return _failed(AccessError(Message("out-of-memory", text)), debug)
    except OSError as error:
        # Checks of a path also fail, for example for a name that is too long.
        text = f"{error.filename or 'output'}: {error.strerror or error}; check path and disk"
        return _failed(AccessError(Message("system-error", text)), debug)
    except Exception as error:
        what = f"{type(error).__name__}: {one_line(error)}"
        text = f"internal error: {what}; please report it (--debug)"
        return _failed(InternalError(Message("internal-error", text)), debug)


@contextmanager
def _notices() -> Iterator[None]:
    """Show each warning of jpegcompile as one line, once."""
    own = (FallbackWarning, RenamedWarning)
    with warnings.catch_warnings():
        for kind in own:
            warnings.simplefilter("once", kind)
        # Pillow warns about damaged metadata, which does not affect pixels.
        warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")
        show = warnings.showwarning

        def notice(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, own):
                print(f"note: {message}", file=sys.stderr)
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = notice
        yield


def _failed(error: JpegCompileError, debug: bool) -> int:
    text = f"{error} [{error.code}]" if error.code else str(error)
    return _fail(text, error.exit_code, debug)


def _fail(message: str, code: int, debug: bool) -> int:
    if debug and code not in (_INTERRUPTED, _TERMINATED):
        import traceback

        traceback.print_exc()
    line = " ".join(message.split())
    print(f"jpegcompile: {line}", file=sys.stderr)
    return code


class _Verbs(click.Group):
    """The commands, by name and summary. Only the chosen command is imported."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Import the chosen command, which replaces its entry of name and summary."""
        try:
            verb, _, rest = super().resolve_command(ctx, args)
        except click.UsageError as error:
            # Older versions of click have no class for it.
            text = f"{error.format_message().rstrip('.')}; see 'jpegcompile --help'"
            raise UsageError(Message("verb-unknown", text)) from error
        return verb, command_of(verb) if verb else None, rest


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jpegcompile", prog_name="jpegcompile")
@click.option("--debug", is_flag=True, help="Show the traceback of errors.")
def cli(debug: bool) -> None:
    """Compile ONNX image networks so that they run on the DCT coefficients of JPEG files.

    Exit codes: 0 done; 1 a check failed; 2 usage error; 3 unsupported model; 4 damaged image or
    data; 5 environment (missing file, no permission, disk full); 70 internal error of jpegcompile;
    130 interrupted; 143 terminated.
    """


for _verb, _summary in COMMANDS.items():
    cli.add_command(click.Command(_verb, help=_summary, short_help=_summary))
