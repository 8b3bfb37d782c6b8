"""The C++ that follows from the definitions of operators, made when kernels are built.

subsamplings.h  chroma subsamplings by name, which the reader of JPEG files knows, too
names.h         constants, and enumerations of the names of operands, bases and activations
makers.h        a declaration for each kernel, `make_conv(const Node&)`
definitions.cc  the table of all definitions, by which the library registers its operators

A kernel that nobody defines fails to link. `kernels/generate.py` runs this in the isolated build.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from jpegcompile.operators import constants
from jpegcompile.operators.definition import Attribute, Operand, Operator
from jpegcompile.operators.fragments import NUMBER
from jpegcompile.target.base import CPU_PROVIDERS

_NOTE = "// Made by jpegcompile/operators/header.py from the definitions of operators.\n"


def write(folder: Path, operators: Iterable[Operator]) -> None:
    """Write the files into a folder."""
    for name, text in files(tuple(operators)).items():
        write_file(folder / name, text)


def write_file(path: Path, text: str) -> None:
    """Write a file. One that would not change is left as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def files(operators: tuple[Operator, ...]) -> Mapping[str, str]:
    """The text of each file by its name."""
    return {
        "subsamplings.h": _subsamplings(),
        "names.h": _names(operators),
        "makers.h": _makers(operators),
        "definitions.cc": _definitions(operators),
    }


def enumerator(name: str) -> str:
    """`inverse_rows` is kInverseRows, no name is kNone."""
    return "k" + "".join(part[0].upper() + part[1:] for part in (name or "none").split("_"))


def _names(operators: tuple[Operator, ...]) -> str:
    inputs = {operand.name for operator in operators for operand in operator.inputs}
    outputs = {operand.name for operator in operators for operand in operator.outputs}
    return f"""{_NOTE}#pragma once

#include <cstddef>
#include <cstdint>

namespace jpegcompile {{

{_constants()}
// Inputs and outputs of operators.
{_enumeration("In", inputs)}
{_enumeration("Out", outputs)}
inline constexpr const char* kInputNames[] = {{{_texts(inputs)}}};
inline constexpr const char* kOutputNames[] = {{{_texts(outputs)}}};
inline constexpr size_t kInputCount = {len(inputs)};

constexpr const char* name_of(In name) {{ return kInputNames[static_cast<size_t>(name)]; }}
constexpr const char* name_of(Out name) {{ return kOutputNames[static_cast<size_t>(name)]; }}

// The convolution that an operator is or contains, what is behind it, and how an operator
// approximates another one.
{_enumeration("Base", {operator.base for operator in operators})}
{_enumeration("Activation", {operator.activation for operator in operators})}
{_enumeration("Masking", {operator.masking for operator in operators})}
}}  // namespace jpegcompile
"""


def _subsamplings() -> str:
    rows = "".join(
        f'    {{"{name}", {horizontal}, {vertical}}},\n'
        for name, (horizontal, vertical) in constants.LUMA_FACTORS.items()
    )
    return f"""{_NOTE}#pragma once

namespace jpegcompile {{

// Sampling factors of luma for chroma factors of 1.
struct Subsampling {{
  const char* name;
  int horizontal;
  int vertical;
}};

inline constexpr Subsampling kSubsamplings[] = {{
{rows}}};

}}  // namespace jpegcompile
"""


def _constants() -> str:
    named = {name: getattr(constants, name) for name in constants.FOR_KERNELS}
    (named["CPU_PROVIDER"],) = CPU_PROVIDERS
    return "".join(_constant(name, value) for name, value in named.items())


def _constant(name: str, value: int | str) -> str:
    title = enumerator(name.lower())
    if isinstance(value, str):
        return f'inline constexpr const char* {title} = "{value}";\n'
    return f"inline constexpr int64_t {title} = {value};\n"


def _enumeration(name: str, values: Iterable[str]) -> str:
    listed = ", ".join(enumerator(value) for value in sorted(values))
    return f"enum class {name} : uint8_t {{ {listed} }};\n"


def _texts(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in sorted(names))


def _makers(operators: tuple[Operator, ...]) -> str:
    kernels = sorted({operator.kernel for operator in operators})
    declared = "\n".join(
        f"std::unique_ptr<Kernel> make_{kernel}(const Node& node);" for kernel in kernels
    )
    on_cuda = "\n".join(
        f"std::unique_ptr<CudaKernel> make_{kernel}_on_cuda(const Node& node);"
        for kernel in kernels
        if kernel in constants.CUDA_KERNELS
    )
    return f"""{_NOTE}#pragma once

#include <memory>

#include "ort/cuda_kernel.h"
#include "ort/kernel.h"

namespace jpegcompile {{

{declared}

{on_cuda}

}}  // namespace jpegcompile
"""


def _definitions(operators: tuple[Operator, ...]) -> str:
    tables = "".join(_tables(number, operator) for number, operator in enumerate(operators))
    rows = "".join(_row(number, operator) for number, operator in enumerate(operators))
    return f"""{_NOTE}#include "generated/makers.h"

namespace jpegcompile {{
namespace {{

using enum ElementType;
{tables}
constexpr Definition kDefinitions[] = {{
{rows}}};

}}  // namespace

std::span<const Definition> definitions() {{ return kDefinitions; }}

}}  // namespace jpegcompile
"""


def _tables(number: int, operator: Operator) -> str:
    inputs = ", ".join(
        f"{{In::{enumerator(o.name)}, {_input(operator, o)}}}" for o in operator.inputs
    )
    outputs = ", ".join(
        f"{{Out::{enumerator(o.name)}, {enumerator(o.type)}}}" for o in operator.outputs
    )
    attributes = ", ".join(map(_attribute, operator.all_attributes))
    count = len(operator.all_attributes)
    return f"""
// {operator.name}
constexpr std::array kInputs{number} = std::to_array<Definition::Input>({{{inputs}}});
constexpr std::array kOutputs{number} = std::to_array<Definition::Output>({{{outputs}}});
constexpr std::array<Definition::Attribute, {count}> kAttributes{number} = {{{{{attributes}}}}};
"""


def _input(operator: Operator, operand: Operand) -> str:
    flags = operand.is_optional, _is_on_host(operator, operand)
    return ", ".join((enumerator(operand.type), *map(_flag, flags)))


def _is_on_host(operator: Operator, operand: Operand) -> bool:
    """Whether kernels of devices, too, read an input on the host.

    They pack weights there, and know transforms. Numbers by channel that follow a convolution's
    sums are packed with its weights, and those of some other operators into a table.
    """
    if operand.role == "vector":
        is_packed = bool(operator.base) or operator.kernel in constants.CUDA_PACKED_VECTORS
        return operand.shape == NUMBER or is_packed
    return operand.role in ("weights", "matrix", "plane", "index")


def _attribute(attribute: Attribute) -> str:
    default, kind = attribute.default, enumerator(attribute.type)
    texts = {"int": "0", "float": "0.0F", "string": '""'}
    if default is not None and attribute.type != "ints":
        texts[attribute.type] = _literal(default)
    values = ", ".join(texts.values())
    return (
        f'{{"{attribute.name}", Definition::Type::{kind}, {_flag(default is not None)}, {values}}}'
    )


def _literal(value: int | float | str) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value!r}F" if isinstance(value, float) else str(value)


def _row(number: int, operator: Operator) -> str:
    return (
        f'    {{"{operator.name}", kInputs{number}, kOutputs{number}, kAttributes{number},\n'
        f"     Base::{enumerator(operator.base)}, Activation::{enumerator(operator.activation)},"
        f" Masking::{enumerator(operator.masking)}, {_flag(operator.truncates)},\n"
        f'     "{operator.exact}", "{operator.ingest}", make_{operator.kernel},'
        f" {_on_cuda(operator)}}},\n"
    )


def _on_cuda(operator: Operator) -> str:
    has_kernel = operator.kernel in constants.CUDA_KERNELS
    return f"make_{operator.kernel}_on_cuda" if has_kernel else "nullptr"


def _flag(value: bool) -> str:
    return "true" if value else "false"
