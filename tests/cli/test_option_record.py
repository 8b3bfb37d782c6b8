"""The command line, the Python functions and the documentation agree with the record of options."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click
import pytest
from support.commands import run_text

import jpegcompile
from jpegcompile.commands import COMMANDS, command_of
from jpegcompile.cost.gpus import DEFAULT_GPU, GPUS
from jpegcompile.evaluation.benchmark.rivals.registry import RIVALS
from jpegcompile.frequency_plan import MASKINGS
from jpegcompile.gpu.archs import ARCHITECTURES
from jpegcompile.ir.module import CompileOptions, DomainChoice, InputMode
from jpegcompile.jpeg.pixel_fallback import FALLBACKS
from jpegcompile.jpeg.subsampling import SUBSAMPLINGS
from jpegcompile.jpeg.unusable import ON_ERROR
from jpegcompile.metadata import CompiledInfo
from jpegcompile.options import compiling, gpus, running
from jpegcompile.options.functions import FUNCTIONS
from jpegcompile.options.option import Option, Verb
from jpegcompile.options.requested import ModelOptions, compile_options
from jpegcompile.options.table import page
from jpegcompile.options.verbs import VERBS
from jpegcompile.precision import PRECISIONS
from jpegcompile.preprocessing.preprocess import Decoder
from jpegcompile.results.finetuning import Amp, Decay, Keep, Optimizer, Schedule
from jpegcompile.runtime.providers import CHOICES
from jpegcompile.target.registry import TARGETS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "options.md"

# The values that the code accepts, by option.
ACCEPTED = {
    "input": get_args(InputMode),
    "domain": get_args(DomainChoice),
    "decoder": get_args(Decoder),
    "target": tuple(TARGETS),
    "precision": tuple(PRECISIONS),
    "gpu": tuple(GPUS),
    "relu": MASKINGS,
    "on_error": ON_ERROR,
    "fallback": FALLBACKS,
    "providers": CHOICES,
    "optimizer": get_args(Optimizer),
    "schedule": get_args(Schedule),
    "decay": get_args(Decay),
    "keep": get_args(Keep),
    "amp": get_args(Amp),
}


def function(name: str) -> Any:
    found: Any = jpegcompile
    for part in name.split("."):
        found = getattr(found, part)
    return found


def parameters(name: str) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(function(name)).parameters)
    found.pop("self", None)
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_the_parameters_of_the_record(name: str) -> None:
    arguments, options = FUNCTIONS[name]
    expected = {*(one.name for one in arguments), *(one.name for one in options)}
    found = parameters(name)
    assert set(found) == expected
    for option in options:
        default = found[option.name].default
        if option.name == "progress":
            # Some functions call it without looking.
            assert default is None or callable(default)
        elif option.is_required:
            assert default is inspect.Parameter.empty
        else:
            assert (option.name, default) == (option.name, option.default)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_words_that_functions_accept(name: str) -> None:
    # `gpu_check` imports the class for type checkers only.
    names = {"Preprocess": object, **vars(sys.modules[function(name).__module__])}
    hints = get_type_hints(inspect.unwrap(function(name)), names)
    for option in FUNCTIONS[name][1]:
        words = literals(hints.get(option.name))
        if words and option.choices:
            assert set(words) == set(option.choices), option.name


def literals(hint: Any) -> tuple[Any, ...]:
    """The words of the first `Literal` in an annotation."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return next((found for part in get_args(hint) if (found := literals(part))), ())


@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: str(verb.name))
def test_choices_are_the_values_that_the_code_accepts(verb: Verb) -> None:
    for option in verb.options:
        if option.kind == "choice":
            assert option.choices == ACCEPTED[option.name]


def test_words_in_help_texts() -> None:
    assert tuple(ARCHITECTURES) == compiling.ARCHITECTURES == gpus.GPUS.default
    assert all(name in compiling.SUBSAMPLING.help for name in SUBSAMPLINGS)
    assert all(name in running.RIVALS.help for name in RIVALS)
    assert compiling.GPU.default_text == DEFAULT_GPU


@pytest.mark.parametrize("name", VERBS)
def test_commands_have_the_options_of_the_record(name: str) -> None:
    verb, command = VERBS[name], command_of(name)
    assert COMMANDS[name] == verb.summary
    shown = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    assert [p.name for p in shown] == [option.name for option in verb.options]
    required = [text for o in verb.options if o.is_required for text in (o.flag, "x")]
    paths = ["x" for one in verb.arguments if one.is_required]
    values = command.make_context(name, [*paths, *required]).params
    for parameter, option in zip(shown, verb.options, strict=True):
        assert option.flag in parameter.opts
        assert parameter.help == option.help
        assert parameter.required == option.is_required
        if not option.is_required:
            assert (option.name, values[option.name]) == (option.name, option.default)
    arguments = [p.name for p in command.params if isinstance(p, click.Argument)]
    assert arguments == [one.name for one in verb.arguments]


@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: str(verb.name))
def test_options_of_a_verb_reach_its_functions(verb: Verb) -> None:
    """What the command line alone has is marked; everything else is a parameter."""
    names = [*verb.functions, "choose_frequencies", "CompiledModel.save"]
    known = {name for each in names for name in parameters(each)}
    assert {o.name for o in verb.options if o.place == "both"} <= known


@pytest.mark.parametrize("name", VERBS)
def test_help_shows_every_option_and_default(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(run_text(capsys, name, "--help").split())
    verb = VERBS[name]
    for section in verb.sections:
        assert f"{' '.join(section.title.split())}:" in text
    for option in verb.options:
        assert option.flag in text
        # Lines break after hyphens, too.
        assert squeezed(option.help) in squeezed(text)
        if option.default_words:
            assert squeezed(f"[default: {option.default_words}") in squeezed(text)


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_inspect_has_the_model_options_of_compile() -> None:
    not_used = {compiling.AOT.name}
    compiled = [o.name for o in compiling.MODEL if o.name not in not_used]
    assert [o.name for o in VERBS["inspect"].options if o.place != "command"] == compiled


def test_options_that_are_checked_together() -> None:
    assert set(ModelOptions.__annotations__) == {option.name for option in compiling.MODEL}
    renamed = {"input": "input_mode"}
    names = {renamed.get(option.name, option.name) for option in compiling.MODEL}
    # The decoder is part of the preprocessing, masking and truncation of the frequencies.
    inside = {"decoder", "relu", "truncate"}
    # `follows_model` says whether the user left out all options of the plan.
    assert {field.name for field in fields(CompileOptions)} == names - inside | {"follows_model"}
    assert compile_options() == CompileOptions(follows_model=True)
    assert compile_options(frequencies=15) == CompileOptions()


def test_recorded_options() -> None:
    recorded = {option.recorded for option in compiling.MODEL if option.recorded}
    facts = {
        "format_version",
        "tool_version",
        "source_sha256",
        "input",
        "frame",
        "ingest_output",
        "tensors",
        "report",
        "trained_size",
        "own_preprocessing",
    }
    assert {field.name for field in fields(CompiledInfo)} == recorded | facts
    assert not recorded & facts


def test_one_option_has_one_meaning() -> None:
    """A name is one option in each verb, and no earlier spelling is a present one."""
    for verb in VERBS.values():
        names = [option.name for option in verb.options]
        assert len(set(names)) == len(names)
        present: set[str] = {option.flag for option in verb.options}
        assert not present & {old for option in verb.options for old in option.earlier}


def test_an_option_is_its_parameter_with_dashes() -> None:
    option: Option[Any] = compiling.INPUT_SIZE
    assert (option.name, option.flag) == ("input_size", "--input-size")
    assert running.NATIVE.spelling == "--native/--no-native"


def test_the_page_is_current(tmp_path: Path) -> None:
    """Write it again with `python -m jpegcompile.options.table`."""
    assert PAGE.read_text(encoding="utf-8") == page()
    written = tmp_path / "options.md"
    command = [sys.executable, "-P", "-m", "jpegcompile.options.table", str(written)]
    subprocess.run(command, check=True)
    assert written.read_text(encoding="utf-8") == page()
