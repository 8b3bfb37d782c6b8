"""The C++ generated from the definitions of operators, and the library built with it."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jpegcompile
from jpegcompile.gpu.header import programs_header
from jpegcompile.operators import constants
from jpegcompile.operators.definition import Attribute, Operand
from jpegcompile.operators.header import constant_name, enumerator, files, write
from jpegcompile.operators.registry import OPERATORS

ROOT = Path(__file__).parents[2]
ALL = tuple(OPERATORS.values())
RELU = OPERATORS["JpegRelu"]


def test_the_library_registers_every_definition() -> None:
    path = jpegcompile.custom_ops_library()
    assert path is not None
    names = ctypes.CDLL(str(path)).JpegcompileOperators
    names.restype = ctypes.c_char_p
    assert names().decode().split() == list(OPERATORS)


def test_the_isolated_build_makes_the_same(tmp_path: Path) -> None:
    """The isolated build has neither this package nor its dependencies."""
    script = str(ROOT / "kernels/generate.py")
    # Without site-packages.
    subprocess.run([sys.executable, "-I", "-S", script, str(tmp_path)], check=True)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert made == {**files(ALL), "programs.h": programs_header()}


def test_operators_of_kernels_that_are_not_built_are_left_out(tmp_path: Path) -> None:
    script = str(ROOT / "kernels/generate.py")
    subprocess.run([sys.executable, "-I", script, str(tmp_path), "decode"], check=True)
    table = (tmp_path / "definitions.cc").read_text()
    assert '"JpegRelu"' in table
    assert '"JpegDecode"' not in table
    assert "make_decode" not in (tmp_path / "makers.h").read_text()


def test_inputs_stand_in_the_order_of_the_definition() -> None:
    for operator in ALL:
        (table,) = re.findall(
            rf"// {operator.name}\nconstexpr std::array kInputs.*?\(\{{(.*)\}}\);",
            files(ALL)["definitions.cc"],
        )
        names = re.findall(r"In::(\w+), (\w+)", table)
        assert names == [(enumerator(o.name), enumerator(o.type)) for o in operator.inputs]


def test_what_a_definition_says_is_in_the_table() -> None:
    changed = replace(
        RELU,
        inputs=(*RELU.inputs, Operand("extra_map", "map", "N", "uint8", is_optional=True)),
        attributes=(
            Attribute("steps", "int", 7),
            Attribute("alpha", "float", 0.5),
            Attribute("way", "string", "fast"),
            Attribute("needed", "ints"),
        ),
        kernel="other",
        truncates=True,
    )
    made = files((changed,))
    assert "In::kExtraMap, kUint8, true, false" in made["definitions.cc"]
    assert '{"steps", Definition::Type::kInt, true, 7, 0.0F, ""}' in made["definitions.cc"]
    assert '{"alpha", Definition::Type::kFloat, true, 0, 0.5F, ""}' in made["definitions.cc"]
    assert '{"way", Definition::Type::kString, true, 0, 0.0F, "fast"}' in made["definitions.cc"]
    assert '{"needed", Definition::Type::kInts, false, 0, 0.0F, ""}' in made["definitions.cc"]
    assert "Masking::kNone, true" in made["definitions.cc"]
    assert "make_other(const Node& node);" in made["makers.h"]
    assert "kExtraMap" in made["names.h"]


def test_kernels_for_cuda_are_in_the_table() -> None:
    made = files((RELU, replace(RELU, name="Other", kernel="other")))
    assert "make_relu_on_cuda(const Node& node);" in made["makers.h"]
    assert "make_relu, make_relu_on_cuda}," in made["definitions.cc"]
    assert "make_other, nullptr}," in made["definitions.cc"]
    assert set(constants.CUDA_KERNELS) <= {operator.kernel for operator in ALL}


def test_maps_are_on_the_device_and_what_is_packed_on_the_host() -> None:
    """CUDA kernels read no other inputs on the host."""
    definitions = files(ALL)["definitions.cc"]
    packed = constants.CUDA_PACKED_VECTORS
    assert set(packed) <= set(constants.CUDA_KERNELS)
    for operator in ALL:
        (table,) = re.findall(
            rf"// {operator.name}\nconstexpr std::array kInputs.*?\(\{{(.*)\}}\);", definitions
        )
        on_host = dict(re.findall(r"In::k(\w+), \w+, \w+, (\w+)", table))
        for operand in operator.inputs:
            is_on_host = on_host[enumerator(operand.name)[1:]] == "true"
            if operand.role in ("map", "bytes"):
                assert not is_on_host, (operator.name, operand.name)
            elif operand.role != "vector" or operator.base or operator.kernel in packed:
                assert is_on_host, (operator.name, operand.name)
            else:
                assert is_on_host == (operand.shape == "1"), (operator.name, operand.name)


def test_constants_are_those_of_the_compiler() -> None:
    names = files(ALL)["names.h"]
    for name in constants.FOR_KERNELS:
        value = getattr(constants, name)
        text = f'"{value}"' if isinstance(value, str) else value
        assert f"{constant_name(name)} = {text};" in names


def test_files_that_would_not_change_are_left(tmp_path: Path) -> None:
    """Otherwise every build would compile all kernels."""
    write(tmp_path, ALL)
    path = tmp_path / "names.h"
    before = path.stat().st_mtime_ns
    write(tmp_path, ALL)
    assert path.stat().st_mtime_ns == before
    write(tmp_path, (replace(RELU, base="JpegConv"),))
    assert path.stat().st_mtime_ns > before


def test_kernels_say_no_positions() -> None:
    """Kernels access inputs, outputs and constants by name."""
    positional = re.compile(r"\.(input|constant|output|output_floats)\(\d")
    for source in (ROOT / "kernels").glob("*/*.cc"):
        assert not positional.search(source.read_text()), source
