"""The definitions of operators are complete and consistent, and require no package."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.operators import PROGRAMS, WITH_BODIES
from support.tiers import check_each

from jpegcompile.operators.definition import PIXELS, Attribute, Operand, Operator, by_name
from jpegcompile.operators.ingest import DECODES, PREPROCESSING
from jpegcompile.operators.registry import OPERATORS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "jpegcompile" / "operators"
# The package without jpegcompile/__init__.py, as in the build.
BY_ITSELF = """
import sys, types
package = types.ModuleType("jpegcompile")
package.__path__ = [sys.argv[1]]
sys.modules["jpegcompile"] = package
for name in sys.argv[2:]:
    __import__(f"jpegcompile.operators.{name}")
roots = {name.partition(".")[0] for name in sys.modules}
others = roots - set(sys.stdlib_module_names) - {"jpegcompile", "__main__", "__mp_main__"}
assert not others, others
assert len(sys.modules["jpegcompile.operators.registry"].OPERATORS) > 150
"""
# String operations on names of operators. Other strings can start in any way.
TAKEN_APART = re.compile(
    r"""\.(?:startswith|endswith|removesuffix)\(\(?["'](?:Jpeg|Spatial|Truncate|Ingest|MaxPool)"""
    r"""|["'](?:Ingest|Truncate|Asm|Apx|MaxPool|Conv)["'] (?:not )?in (?:node|reader)\.op"""
)


def modules() -> list[Path]:
    return sorted(path for path in FOLDER.glob("*.py") if path.stem != "__init__")


def test_the_standard_library_is_enough() -> None:
    names = [path.stem for path in modules() if path.stem != "function"]
    command = [sys.executable, "-S", "-E", "-c", BY_ITSELF, str(FOLDER.parent), *names]
    subprocess.run(command, check=True)


def test_only_functions_need_onnx() -> None:
    """Imports anywhere in a module count, also within functions."""
    for path in modules():
        imported = {
            name.partition(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        others = imported - set(sys.stdlib_module_names) - {"jpegcompile"}
        assert others == ({"onnx"} if path.stem == "function" else set())


def test_definitions_agree_with_themselves() -> None:
    check_each(OPERATORS.values(), require_agreement, lambda operator: operator.name)


def require_agreement(operator: Operator) -> None:
    inputs, outputs = operator.inputs, operator.outputs
    names = [operand.name for operand in (*inputs, *outputs)]
    attributes = [attribute.name for attribute in operator.all_attributes]
    assert operator.summary
    assert operator.kernel
    assert len(set(names)) == len(names)
    assert len(set(attributes)) == len(attributes)
    blocks = {operand.block for operand in operator.maps} - {PIXELS}
    assert blocks <= set(attributes)
    assert all(operand.block for operand in operator.maps)
    for operand in (*inputs, *outputs):
        is_map = operand.role == "map"
        assert is_map or not (operand.block or operand.is_grouped or operand.is_compact)
        assert operand.is_grouped or not operand.is_compact
    decides_by_few = operator.truncates or bool(operator.masking)
    assert decides_by_few == ("frequencies" in attributes) == operator.has("band")
    assert bool(operator.exact) == bool(operator.masking)


def test_bodies_read_every_input() -> None:
    check_each(WITH_BODIES, require_reading)


def require_reading(name: str) -> None:
    """References can omit attributes, which are also for kernels."""
    operator = OPERATORS[name]
    for body in operator.bodies:
        words = set(re.findall(r"\w+", body.statements))
        assert {operand.name for operand in (*operator.inputs, *operator.outputs)} <= words
        assert set(re.findall(r"@(\w+)", body.statements)) <= {a.name for a in operator.attributes}
    assert [body.below for body in operator.bodies][-1] is None


def test_what_standard_operators_cannot_express() -> None:
    without = set(OPERATORS) - set(WITH_BODIES)
    assert without == {*PROGRAMS, *(operator.name for operator in (*DECODES, *PREPROCESSING))}


def test_references_are_there() -> None:
    check_each(OPERATORS.values(), require_reference, lambda operator: operator.name)


def require_reference(operator: Operator) -> None:
    if operator in (*DECODES, *PREPROCESSING):
        assert not operator.reference
        return
    module, _, function = operator.reference.partition(":")
    reference = getattr(importlib.import_module(f"jpegcompile.kernels.{module}"), function)
    assert callable(reference)
    assert reference.__doc__


def test_names_are_defined_once() -> None:
    relu = OPERATORS["JpegRelu"]
    assert by_name((relu,)) == {"JpegRelu": relu}
    with pytest.raises(ValueError, match="JpegRelu is defined twice"):
        by_name((relu,), (relu,))


def test_positions() -> None:
    conv = OPERATORS["JpegConvAddReluTruncate"]
    assert [conv.position(name) for name in ("x", "residual", "band")] == [0, 3, 10]
    assert conv.has("residual")
    assert not conv.has("slope")
    with pytest.raises(KeyError, match="JpegConvAddReluTruncate has no input 'slope'"):
        conv.position("slope")


def test_attributes_of_layouts() -> None:
    conv = OPERATORS["JpegIngestSpatialConvRelu"]
    assert conv.layout_attributes == (Attribute("y_group", "int", 1),)
    assert Operand("x", "map", "*").dimensions is None
    assert Operand("x", "map", "N 3 ?").dimensions == ("N", "3", "?")


def test_nobody_takes_names_of_operators_apart() -> None:
    assert TAKEN_APART.search('x.startswith("JpegApx")')
    assert TAKEN_APART.search('"Ingest" not in node.op')
    for folder in ("jpegcompile", "passes", "kernels"):
        for path in (ROOT / folder).rglob("*.py"):
            if FOLDER not in path.parents:
                assert not TAKEN_APART.search(path.read_text()), path
