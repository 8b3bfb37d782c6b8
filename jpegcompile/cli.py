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

from jpegcompile.commands import COMMANDS, command_of
from jpegcompile.errors import AccessError, FallbackWarning, JpegCompileError, UsageError

_INTERNAL_ERROR = 70
_INTERRUPTED = 130
_TERMINATED = 143


def main() -> None:
    """Entry point of the `jpegcompile` command."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run_command(sys.argv[1:]))


class _Terminated(BaseException):
    """The system asks the command to end: what it made on the way is removed first."""


def _terminate(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated


def run_command(arguments: list[str]) -> int:
    """Run one command line; returns the exit code. Every error is one line on stderr."""
    # Taken anywhere on the line, before click sees it, since errors of parsing obey it too.
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        # Not cli.main: it would turn a closed pipe into exit code 1, a failed check.
        with _notices(), cli.make_context("jpegcompile", arguments) as context:
            cli.invoke(context)
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except JpegCompileError as error:
        text = f"{error} [{error.code}]" if error.code else str(error)
        return _fail(text, error.exit_code, debug)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return UsageError.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "jpegcompile"
        text = f"{error.format_message().rstrip('.')}; see '{path} --help'"
        return _fail(text, UsageError.exit_code, debug)
    except click.ClickException as error:
        return _fail(error.format_message(), UsageError.exit_code, debug)
    except (KeyboardInterrupt, click.Abort) as stop:
        return _fail(f"interrupted; {stop}" if str(stop) else "interrupted", _INTERRUPTED, debug)
    except _Terminated:
        return _fail("terminated", _TERMINATED, debug)
    except BrokenPipeError:
        # The reader of our output has gone; the interpreter must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        text = "out of memory; use smaller images or a larger machine"
        return _fail(text, AccessError.exit_code, debug)
    except OSError as error:
        # What a path check stumbles over: a name that is too long, a folder that may not be read.
        text = f"{error.filename or 'output'}: {error.strerror or error}; check path and disk"
        return _fail(text, AccessError.exit_code, debug)
    except Exception as error:
        text = f"internal error: {type(error).__name__}: {error}; please report it (--debug)"
        return _fail(text, _INTERNAL_ERROR, debug)


@contextmanager
def _notices() -> Iterator[None]:
    """Show each of our own warnings as one line, once."""
    with warnings.catch_warnings():
        warnings.simplefilter("once", FallbackWarning)
        # Of damaged metadata, which do not matter to pixels.
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
            if issubclass(category, FallbackWarning):
                print(f"note: {message}", file=sys.stderr)
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = notice
        yield


def _fail(message: str, code: int, debug: bool) -> int:
    if debug and code not in (_INTERRUPTED, _TERMINATED):
        import traceback

        traceback.print_exc()
    line = " ".join(message.split())
    print(f"jpegcompile: {line}", file=sys.stderr)
    return code


class _Verbs(click.Group):
    """Verbs by name and help alone; the one that is chosen is imported."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The chosen command itself, in place of its name and help."""
        verb, _, rest = super().resolve_command(ctx, args)
        return verb, command_of(verb) if verb else None, rest


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jpegcompile", prog_name="jpegcompile")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Compile residual networks so that they run on the DCT coefficients of JPEG files.

    Exit codes: 0 done; 1 a check failed; 2 usage; 3 model not supported; 4 bad image or data;
    5 environment (missing file, no permission, disk full); 70 a defect of jpegcompile;
    130 interrupted; 143 terminated.
    """


for _verb, _help in COMMANDS.items():
    cli.add_command(click.Command(_verb, help=_help))
