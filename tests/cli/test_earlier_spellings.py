"""Earlier spellings of options work for one version, with one line of notice."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, cast

import pytest
from support.codes import refused
from support.commands import fails, few_images

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.commands import command_of
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.errors import RenamedWarning, UsageError
from jpegcompile.evaluation import verify as verification
from jpegcompile.options.functions import FUNCTIONS
from jpegcompile.options.option import Option
from jpegcompile.options.renamed import accepts_earlier
from jpegcompile.options.verbs import VERBS

IMAGE = images_path() / "0" / "00.jpg"
SPELLINGS = [
    (verb.name, old, now, option)
    for verb in VERBS.values()
    for option in verb.options
    for old, now in option.earlier.items()
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "digits.jpeg.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(path)
    return path


def noticed(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[Any, str]:
    """The JSON that a command prints, and the one line on stderr."""
    assert run_command([*map(str, arguments), "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return json.loads(captured.out), captured.err


def test_an_earlier_flag(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, notice = noticed(capsys, "run", compiled, IMAGE, "--portable")
    assert data["execution"]["library"] is None
    assert notice == (
        "note: --portable is now --no-native; the old spelling works until version 0.3\n"
    )


def test_an_earlier_option_with_a_value(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, notice = noticed(capsys, "run", compiled, IMAGE, "--provider", "cpu")
    assert len(data["predictions"]) == 1
    assert "--provider is now --providers" in notice
    message = "Invalid value for '--providers': 'gpu' is not one of"
    assert run_command(["run", str(compiled), str(IMAGE), "--provider", "gpu"]) == 2
    assert message in capsys.readouterr().err


def test_an_earlier_option_for_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('{"frequencies": 8}', encoding="utf-8")
    data, notice = noticed(capsys, "inspect", model_path(), "--frequencies-file", plan)
    assert {n["frequencies"] for n in data["report"]["nodes"] if n["frequencies"]} == {8}
    assert "--frequencies-file is now --frequencies" in notice


def test_both_spellings_are_refused(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = ("--provider", "cpu", "--providers", "cpu")
    assert run_command(["run", str(compiled), str(IMAGE), *both]) == 2
    assert "[option-spelled-twice]" in capsys.readouterr().err
    with pytest.warns(RenamedWarning), refused("option-spelled-twice", UsageError):
        command_of("run").make_context("run", ["x", "x", *both])


@pytest.mark.parametrize(
    ("verb", "old", "now", "option"), SPELLINGS, ids=[f"{v} {o}" for v, o, _, _ in SPELLINGS]
)
def test_every_earlier_spelling(
    verb: str, old: str, now: str, option: Option[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The value is the value of the present spelling, and the help does not show the old one."""
    command = command_of(verb)
    paths = [f"x{place}" for place in VERBS[verb].arguments]
    required = [text for o in VERBS[verb].options if o.is_required for text in (o.flag, "x")]
    value = [] if option.kind == "flag" else ["auto" if option.choices else "3"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RenamedWarning)
        before = command.make_context(verb, [*paths, *required, old, *value]).params
    after = command.make_context(verb, [*paths, *required, now, *value]).params
    assert before == after
    assert before[option.name] != option.default or value == ["auto"]
    assert old not in [o for p in command.params if not getattr(p, "hidden", 0) for o in p.opts]


def test_earlier_keyword_arguments(compiled: Path, tmp_path: Path) -> None:
    old: dict[str, Any] = {"output": "logits"}
    images = few_images(tmp_path)
    with pytest.warns(RenamedWarning, match=r"compare\(output=...\) is now compare\(output_name"):
        before = jpegcompile.compare(model_path(), compiled, images, **old)
    after = jpegcompile.compare(model_path(), compiled, images, output_name="logits")
    assert before.to_json() == after.to_json()
    with pytest.raises(TypeError, match="both 'output_name' and its earlier name 'output'"):
        jpegcompile.compare(model_path(), compiled, images, output_name="logits", **old)


def test_every_function_accepts_its_earlier_names() -> None:
    for name, (_, options) in FUNCTIONS.items():
        for option in options:
            for old in option.earlier_names:
                function = getattr(jpegcompile, name)
                with (
                    pytest.warns(RenamedWarning, match=rf"{name}\({old}=...\) is now"),
                    pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"),
                ):
                    function(nothing=1, **{old: "scores"})


def test_a_function_keeps_its_name_and_signature() -> None:
    @accepts_earlier(Option("new", 1, "A number.", earlier_names=("old",)))
    def twice(new: int = 1) -> int:
        """Return twice the number."""
        return 2 * new

    assert (twice.__name__, twice.__doc__) == ("twice", "Return twice the number.")
    assert twice(new=3) == 6
    with pytest.warns(RenamedWarning):
        assert cast(Any, twice)(old=4) == 8


def test_verify_gets_the_present_name(
    compiled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, Any] = {}

    def found(*_: object, **options: Any) -> None:
        asked.update(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(verification, "verify", found)
    fails(capsys, 130, "verify", model_path(), compiled, "--no-native", "--providers", "cpu")
    assert (asked["native"], asked["providers"]) == (False, "cpu")
