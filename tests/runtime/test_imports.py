"""What is imported when: a compiled file runs without the compiler, and verbs come when used."""

from __future__ import annotations

import ast
import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import click
import pytest
from support.coefficient_files import SAMPLINGS, random_file
from support.processes import fresh, succeeds

import jpegcompile
from jpegcompile.commands import COMMANDS, command_of
from jpegcompile.digits import images_path, model_path, preprocess_path

ROOT = Path(__file__).resolve().parents[2]
OF_THE_COMPILER = (
    *("onnx_graphsurgeon", "jpegcompile.passes", "jpegcompile.ir", "jpegcompile.analysis"),
    *("jpegcompile.backends", "jpegcompile.frontend", "jpegcompile.pipeline"),
)
# Not needed to run a file, and slow to import.
BESIDES = ("PIL", "rich", "click", "matplotlib", "jpegcompile.evaluation", "jpegcompile.cost")

IMPORTED = f"""
import sys
found = [
    name for name in sys.modules for parent in {(*OF_THE_COMPILER, *BESIDES)}
    if name == parent or name.startswith(parent + ".")
]
assert not found, found
"""
# The file of another sampling begins behind the ingest, which is one with the first convolution.
RUN = """
import sys
import jpegcompile
_, model, file, other = sys.argv
jpegcompile.read_coefficients(file)
session = jpegcompile.load(model)
assert len(session.run([file, other])[0]) == 2
"""
NOT_INSTALLED = (
    "this folder has the sources of jpegcompile, not the installed package; start Python in another"
    " folder, or install the clone with pip install -e ."
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "digits.jpeg.onnx"
    compiled = jpegcompile.compile(model_path(), preprocess=preprocess_path())
    assert any("IngestConv" in node.op_type for node in compiled.model.graph.node)
    compiled.save(path)
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    first = next(iter(sorted((images_path() / "3").iterdir())))
    image = jpegcompile.read_coefficients(first)
    other = tmp_path / "other.jpg"
    other.write_bytes(random_file(SAMPLINGS["4:4:0"], image.width, image.height))
    return first, other


def test_running_a_file_imports_nothing_of_the_compiler(
    model: Path, files: tuple[Path, Path]
) -> None:
    succeeds(RUN + IMPORTED, model, *files)


@pytest.mark.parametrize("name", ["jpegcompile.ir.graph", "jpegcompile.backends", "PIL.Image"])
def test_the_check_sees_an_import(name: str, model: Path, files: tuple[Path, Path]) -> None:
    done = fresh(f"{RUN}import {name}\n{IMPORTED}", model, *files)
    assert done.returncode == 1
    assert "AssertionError" in done.stderr
    assert name in done.stderr


def test_the_package_by_itself_imports_nothing() -> None:
    text = succeeds(
        "import sys, jpegcompile\n"
        "print(sorted(name for name in sys.modules if name.startswith('jpegcompile')))\n"
        "assert not {'numpy', 'onnx', 'onnxruntime', 'importlib.metadata'} & set(sys.modules)\n"
    )
    assert text == "['jpegcompile']\n"


def test_names_are_found_where_the_table_says() -> None:
    """Type checkers read the imports, programs the table, and both have the public names."""
    tree = ast.parse(Path(jpegcompile.__file__).read_text())
    seen = {
        alias.name: f"{node.module}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jpegcompile.")
        for alias in node.names
        if alias.name in jpegcompile.__all__
    }
    assert sorted(seen) == sorted(jpegcompile.__all__)
    table = jpegcompile._MODULES
    assert seen == {name: f"jpegcompile.{place}" for name, place in table.items()}
    for name in jpegcompile.__all__:
        assert getattr(jpegcompile, name) is getattr(sys.modules[seen[name]], name)
    assert set(jpegcompile.__all__) <= set(dir(jpegcompile))


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'jpegcompile' has no attribute 'nothing'"):
        getattr(jpegcompile, "nothing")  # noqa: B009
    assert "cannot import name 'nothing'" in fresh("from jpegcompile import nothing").stderr
    assert succeeds("from jpegcompile import compile; print(compile.__module__)") == (
        "jpegcompile.compiler\n"
    )


def hidden_modules(package: str, least: int) -> list[str]:
    """Return the modules of a package that cannot be found by their path once all verbs are used.

    Args:
        package: name of the package.
        least: number of modules that it has at least.
    """
    for verb in jpegcompile.__all__:
        getattr(jpegcompile, verb)
    # An editable install adds the clone to the path of `jpegcompile`. There, each module would be
    # found a second time, as `jpegcompile.jpegcompile...`, and its operators registered again.
    folder = str(Path(str(import_module(package).__file__)).parent)
    names = [
        module.name
        for module in pkgutil.walk_packages([folder], f"{package}.")
        # A program, and a library that ONNX Runtime loads.
        if not module.name.endswith(("__main__", "jpegcompile_ort"))
    ]
    assert len(names) > least
    found = []
    for name in names:
        try:
            module = import_module(name)
        except ModuleNotFoundError as error:
            # What trained the network of the demo, and rivals of `bench`: not installed for tests.
            if error.name not in ("sklearn", "simplejpeg", "cv2", "torchvision"):
                raise
            continue
        if attrgetter(name.partition(".")[2])(jpegcompile) is not module:
            found.append(name)
    return found


def test_every_module_is_found_by_its_path() -> None:
    assert hidden_modules("jpegcompile", 250) == []


def test_a_hidden_module_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    read = import_module("jpegcompile.jpeg.read")
    monkeypatch.setattr("jpegcompile.jpeg.read", read.read_coefficients)
    assert hidden_modules("jpegcompile.jpeg", 5) == ["jpegcompile.jpeg.read"]


def _in_bare_sources(*command: str) -> subprocess.CompletedProcess[str]:
    """Python started in the clone's folder, which it then finds first; without site-packages."""
    click_folder = str(Path(click.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": click_folder}
    command = (sys.executable, "-S", *command)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_bare_sources_say_what_they_are() -> None:
    for use in ("jpegcompile.load", "from jpegcompile import compile"):
        stderr = _in_bare_sources("-c", f"import jpegcompile; {use}").stderr
        assert stderr.endswith(f"ImportError: {NOT_INSTALLED}\n")
    done = _in_bare_sources("-m", "jpegcompile", "run", "a.onnx", "b.jpg")
    code = "package-not-installed"
    assert (done.returncode, done.stderr) == (5, f"jpegcompile: {NOT_INSTALLED} [{code}]\n")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["none"]])
def test_listing_the_verbs_imports_none(arguments: list[str]) -> None:
    succeeds(
        "import sys\n"
        "from jpegcompile.cli import run_command\n"
        "run_command(sys.argv[1:])\n"
        "assert not {'numpy', 'onnx', 'rich', 'onnxruntime'} & set(sys.modules)\n"
        "assert not [n for n in sys.modules if n.startswith('jpegcompile.commands.')]\n",
        *arguments,
    )


def test_a_verb_imports_no_other() -> None:
    text = succeeds(
        "import sys\n"
        "from jpegcompile.commands import COMMANDS\n"
        "from jpegcompile.cli import run_command\n"
        "assert run_command(['run', '--help']) == 0\n"
        "print([v for v in COMMANDS if f'jpegcompile.commands.{v}' in sys.modules])\n"
    )
    assert text.splitlines()[-1] == "['run']"


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_list_says_what_the_help_of_a_verb_says(verb: str) -> None:
    command = command_of(verb)
    assert command.name == verb
    assert command.help is not None
    assert " ".join(command.help.split("\n\n")[0].split()) == COMMANDS[verb]
