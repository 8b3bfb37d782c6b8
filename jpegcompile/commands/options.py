"""Build the click command of a verb from the record of its options."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import RenamedWarning, UsageError
from jpegcompile.messages import Message
from jpegcompile.options.option import Argument, Option, Verb
from jpegcompile.options.renamed import renamed_text
from jpegcompile.options.verbs import VERBS
from jpegcompile.whole_numbers import whole_number

_FROM_USER = (
    click.core.ParameterSource.COMMANDLINE,
    click.core.ParameterSource.DEFAULT_MAP,
)
# Where the value of an earlier spelling waits until click reads the present option.
_EARLIER = "jpegcompile.earlier"


class NotNegative(click.FloatRange):
    """Finite numbers from 0 on."""

    def __init__(self) -> None:
        """Create the type."""
        super().__init__(min=0)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number.

        Raises:
            click.BadParameter: if the value is no finite number from 0 on.
        """
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class _VerbOption(click.Option):
    """An option whose help shows the default in words."""

    def __init__(self, record: Option[Any], **settings: Any) -> None:
        self._record = record
        names = [record.name, *([record.short] if record.short else []), record.spelling]
        super().__init__(names, help=record.help, required=record.is_required, **settings)

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Return what the help appends in brackets: the default, or "required"."""
        extra: Any = super().get_help_extra(ctx)
        extra.pop("range", None)
        if self._record.default_words:
            extra["default"] = self._record.default_words
        return extra


class _EarlierOption(click.Option):
    """An earlier spelling of an option: hidden from the help, accepted with a notice."""

    def __init__(self, before: str, now: str, record: Option[Any]) -> None:
        def use(context: click.Context, option: click.Parameter, value: Any) -> None:
            if value is None:
                return
            warnings.warn(renamed_text(before, now), RenamedWarning, stacklevel=1)
            context.meta.setdefault(_EARLIER, {})[record.name] = (before, now)
            given = not now.startswith("--no-") if is_flag else value
            context.default_map = {**(context.default_map or {}), record.name: given}

        is_flag = record.kind == "flag"
        super().__init__(
            [f"earlier_{before.strip('-').replace('-', '_')}", before],
            hidden=True,
            expose_value=False,
            # Before the present option, which finds the value in the default map.
            is_eager=True,
            callback=use,
            is_flag=is_flag,
            default=None,
        )


class VerbCommand(click.Command):
    """A click command that groups its options under the headings of the record."""

    def __init__(self, verb: Verb, callback: Callable[..., None]) -> None:
        """Create the command of `verb`."""
        self._verb = verb
        parameters: list[click.Parameter] = [_argument(one) for one in verb.arguments]
        for option in verb.options:
            parameters.append(click_option(option))
            parameters += [_EarlierOption(old, now, option) for old, now in option.earlier.items()]
        super().__init__(
            verb.name,
            params=parameters,
            callback=callback,
            help="\n\n".join((verb.summary, *verb.details)),
            short_help=verb.summary,
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; refuse an option that has both its spellings."""
        try:
            rest = super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            spellings = self._shown(error.possibilities)
            raise click.NoSuchOption(error.option_name, possibilities=spellings, ctx=ctx) from None
        except click.UsageError as error:
            # click leaves the command out where an option has a value that it must not have.
            error.ctx = error.ctx or ctx
            raise
        for name, (before, now) in ctx.meta.get(_EARLIER, {}).items():
            if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
                text = f"{before} is an earlier spelling of {now}; leave it out"
                raise UsageError(Message("option-spelled-twice", text))
        return rest

    def _shown(self, spellings: Iterable[str] | None) -> list[str]:
        """Return the spellings that the help lists."""
        earlier = {old for option in self._verb.options for old in option.earlier}
        return [spelling for spelling in spellings or () if spelling not in earlier]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of each section under its title, then --help."""
        parameters = {parameter.name: parameter for parameter in self.get_params(ctx)}
        for section in self._verb.sections:
            records = [parameters[one.name].get_help_record(ctx) for one in section.options]
            with formatter.section(section.title):
                formatter.write_dl([record for record in records if record is not None])
        help_option = self.get_help_option(ctx)
        record = help_option.get_help_record(ctx) if help_option is not None else None
        if record is not None:
            with formatter.section("Help"):
                formatter.write_dl([record])


def verb_command(name: str) -> Callable[[Callable[..., None]], VerbCommand]:
    """Turn a function into the command of a verb.

    The function receives every argument and option of the record under its Python name.
    """
    return lambda function: VerbCommand(VERBS[name], function)


def chosen(options: Iterable[Option[Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of some options among all that a command received."""
    return {option.name: given[option.name] for option in options}


def first_given(options: Iterable[Option[Any]]) -> Option[Any] | None:
    """Return the first of some options that the user set, in the command that runs."""
    context = click.get_current_context()
    return next((o for o in options if context.get_parameter_source(o.name) in _FROM_USER), None)


def _argument(record: Argument) -> click.Argument:
    return click.Argument(
        [record.name],
        required=record.is_required,
        nargs=-1 if record.is_many else 1,
        type=click.Path(path_type=Path),
    )


def click_option(record: Option[Any]) -> click.Option:
    """Return the click option of a record."""
    settings: dict[str, Any] = {"type": click.STRING}
    if record.default is not None:
        settings["default"] = record.default
    if record.metavar:
        settings["metavar"] = record.metavar
    match record.kind:
        case "path":
            settings["type"] = click.Path(path_type=Path)
        case "flag":
            settings |= {"is_flag": True, "type": click.BOOL}
        case "share":
            settings["callback"] = _share
        case "optional":
            settings |= {"is_flag": False, "flag_value": record.choices[0]}
        case "choice":
            settings["type"] = click.Choice(record.choices)
        case "integer":
            settings["type"] = click.IntRange(record.least, record.most)
        case "number":
            settings["type"] = NotNegative()
        case "points":
            settings["type"] = click.FLOAT
        case "integers" | "names":
            settings["callback"] = (
                _integers(record) if record.kind == "integers" else _names(record)
            )
            settings["default"] = ",".join(map(str, record.default or ())) or None
        case "frequencies" | "plan":
            settings["callback"] = _frequencies(record)
    return _VerbOption(record, **settings)


Callback = Callable[[click.Context, click.Parameter, Any], Any]


def _integers(record: Option[Any]) -> Callback:
    """Return a callback that reads whole numbers separated by commas, as a tuple."""

    def convert(context: click.Context, option: click.Parameter, value: Any) -> Any:
        if value is None:
            return record.default
        parts = value.split(",")
        most = record.most or math.inf
        numbers = [whole_number(part.strip()) or 0 for part in parts]
        if not all(1 <= number <= most for number in numbers):
            text = f"'{value}' is not a list of whole numbers from 1 to {record.most}, such as 1,8."
            raise click.BadParameter(text, context, option)
        return tuple(dict.fromkeys(numbers))

    return convert


def _share(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Return a number, or the path of images."""
    try:
        return float(value)
    except ValueError:
        return Path(value)


def _names(record: Option[Any]) -> Callback:
    """Return a callback that reads names separated by commas, as a tuple."""

    def convert(context: click.Context, option: click.Parameter, value: Any) -> Any:
        if value is None:
            return record.default
        return tuple(name.strip() for name in value.split(","))

    return convert


def _frequencies(record: Option[Any]) -> Callback:
    """Return a callback that reads a number of frequencies, a word, or the path of a file."""

    def convert(context: click.Context, option: click.Parameter, value: Any) -> Any:
        if value is None or value in record.choices:
            return value
        number = whole_number(value)
        if number is not None and 1 <= number <= ALL:
            return number
        if record.kind == "plan" and _is_file_name(value):
            return Path(value)
        more = ["a JSON file"] if record.kind == "plan" else []
        known = " or ".join([f"a whole number from 1 to {ALL}", *record.choices, *more])
        raise click.BadParameter(f"'{value}' is not {known}.", context, option)

    return convert


def _is_file_name(value: str) -> bool:
    """Whether a value is meant as a file, so that a missing file is reported as such."""
    try:
        float(value)
    except ValueError:
        return bool(Path(value).suffix) or os.sep in value or Path(value).exists()
    return False
