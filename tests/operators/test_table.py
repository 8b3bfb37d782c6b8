"""The page of operators matches the definitions."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from support.operators import PROGRAMS

from jpegcompile.operators.registry import OPERATORS
from jpegcompile.operators.table import table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operators.md"


def test_the_page_is_up_to_date() -> None:
    """Run `python docs/make.py` to write it again."""
    assert PAGE.read_text(encoding="utf-8") == table()


def test_the_page_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    command = [sys.executable, "-P", "-m", "jpegcompile.operators.table", str(page)]
    subprocess.run(command, check=True)
    assert page.read_text(encoding="utf-8") == table()


def test_every_change_of_a_definition_shows() -> None:
    relu = OPERATORS["JpegRelu"]
    x = relu.inputs[0]
    changes = (
        replace(relu, name="JpegRectifier"),
        replace(relu, summary="something else"),
        replace(relu, inputs=relu.inputs[1:]),
        replace(relu, inputs=(replace(x, is_grouped=False), *relu.inputs[1:])),
        replace(relu, inputs=(replace(x, is_compact=False), *relu.inputs[1:])),
        replace(relu, inputs=(replace(x, is_optional=True), *relu.inputs[1:])),
        replace(relu, outputs=(replace(relu.outputs[0], shape="N C P Q"),)),
        replace(relu, attributes=()),
        replace(relu, bodies=()),
        replace(relu, kernel="rectifier"),
        replace(relu, reference="relu.reference:rectifier"),
    )
    tables = [table({**OPERATORS, "JpegRelu": change}) for change in changes]
    assert len({table(), *tables}) == len(changes) + 1


def test_every_operator_has_a_row() -> None:
    rows = table().split("|---|", 1)[1].splitlines()[1:]
    assert all(row.replace("\\|", "").count("|") == 9 for row in rows)
    names = {row.split("`")[1] for row in rows}
    assert names == set(OPERATORS) - set(PROGRAMS[1:])
    assert f"`{PROGRAMS[0]}` to `{PROGRAMS[-1]}`" in table()
