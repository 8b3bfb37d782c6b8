"""Write the text of `model.py`: layouts, one object for each kernel, one line for each call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from jpegcompile.backends.triton.statements import Statements
from jpegcompile.gpu import programs
from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import Program
from jpegcompile.ir.module import Module

_PROGRAMS = {value: name for name, value in vars(programs).items() if isinstance(value, Program)}
_WIDTH = 100


def model_text(
    statements: Statements,
    module: Module,
    title: str,
    arguments: Mapping[str, str],
    parameters: Sequence[str],
) -> str:
    """Return the text of the file.

    Args:
        statements: statements of the module.
        module: the module.
        title: docstring of the file and the class.
        arguments: source text of the arguments of `CompiledModule`.
        parameters: parameters of `forward`.
    """
    lines = [f'"""{title}"""', "", "from __future__ import annotations", ""]
    lines += _imports(statements)
    if statements.layouts:
        lines += ["# Maps: channels, height, width."]
        named = statements.layouts.items()
        lines += [f"{name} = {_layout_text(layout)}" for layout, name in named]
        lines += [""]
    lines += ["", "class Model(CompiledModule):", f'    """{title}"""', ""]
    lines += [f"    {name}: Tensor" for name in statements.constants]
    lines += [""] if statements.constants else []
    lines += _constructor(statements, module, arguments)
    result = "tuple[Tensor, ...]" if len(module.graph.outputs) > 1 else "Tensor"
    lines += ["", f"    def network(self, {statements.image}: Tensor) -> {result}:"]
    lines += ['        """Return the outputs for an image in the layout of the first call."""']
    lines += [part for line in statements.lines for part in _wrapped(line)]
    lines += _forward(module, parameters, result)
    return "\n".join(lines) + "\n"


def _imports(statements: Statements) -> list[str]:
    body = "\n".join(statements.lines)
    kernels = [type(kernel) for _, kernel in statements.kernels.values()]
    used = _programs(statements)
    named = {_PROGRAMS.get(program, "Program") for program in used}
    layouts = {"rows" if layout.is_rows else "pixels" for layout in statements.layouts}
    makers = layouts | statements.functions
    local = {f"from {kernel.__module__} import {kernel.__name__}" for kernel in kernels}
    local |= {"from jpegcompile.metadata import CompiledInfo"}
    local |= {"from jpegcompile.runtime.triton.module import CompiledModule"}
    for module, names in (("gpu.programs", named), ("runtime.triton.maps", makers)):
        local |= (
            {f"from jpegcompile.{module} import {', '.join(sorted(names))}"} if names else set()
        )
    return [
        *(["import torch"] if "torch." in body else []),
        "from torch import Tensor",
        *(["from torch.nn import functional"] if "functional." in body else []),
        "",
        *sorted(local),
        "",
    ]


def _constructor(statements: Statements, module: Module, arguments: Mapping[str, str]) -> list[str]:
    given = ", ".join(f"{name}={value}" for name, value in arguments.items())
    lines = [
        "    def __init__(self, info: CompiledInfo) -> None:",
        '        """Create the model; called by `jpegcompile.load`."""',
        f"        super().__init__(info, {given})",
    ]
    if module.ingest_output is not None:
        layout = statements.layouts[module.layouts[module.ingest_output]]
        lines += [f"        self.image = self.ingest({layout})"]
    for name, (_, kernel) in statements.kernels.items():
        lines += [f"        self.{name} = self.kernel(", f"            {type(kernel).__name__}("]
        lines += [f"                {argument}," for argument in _arguments(kernel, statements)]
        lines += ["            )", "        )"]
    return lines


def _arguments(kernel: Kernel, statements: Statements) -> list[str]:
    """Return the constructor arguments of a kernel that differ from their defaults."""
    found = []
    for entry in fields(kernel):  # type: ignore[arg-type]
        value = getattr(kernel, entry.name)
        if entry.default is MISSING or value != entry.default:
            found.append(f"{entry.name}={_written(value, statements)}")
    return found


def _written(value: Any, statements: Statements) -> str:
    if isinstance(value, MapLayout):
        return statements.layouts[value]
    if isinstance(value, Program):
        return _PROGRAMS.get(value) or _program_text(value)
    return repr(value.item() if isinstance(value, np.generic) else value)


def _program_text(program: Program) -> str:
    steps = [f"                        {step!r}," for step in program.steps]
    rest = f"                    {program.constants}, {program.approximates},"
    opened, closed = "                    (", "                    ),"
    return "\n".join(["Program(", opened, *steps, closed, rest, "                )"])


def _programs(statements: Statements) -> set[Program]:
    """Return the programs that are written, without defaults."""
    found = set()
    for _, kernel in statements.kernels.values():
        for entry in fields(kernel):  # type: ignore[arg-type]
            value = getattr(kernel, entry.name)
            if isinstance(value, Program) and value != entry.default:
                found.add(value)
    return found


def _forward(module: Module, parameters: Sequence[str], result: str) -> list[str]:
    declared = ", ".join(f"{name}: Tensor" for name in parameters)
    if module.ingest_output is not None:
        passed = ", ".join(f"{name}={name}" for name in parameters)
        image = f"self.image({passed})"
    else:
        image = f"{parameters[0]}{'' if module.image.has_batch else '[None]'}"
    return [
        "",
        f"    def forward(self, {declared}) -> {result}:",
        '        """Return the outputs for the tensors that `feeds` returns."""',
        f"        return self.network({image})",
    ]


def _layout_text(layout: MapLayout) -> str:
    written = f"{layout.channels}, {layout.height}, {layout.width}"
    if layout.block > 1:
        written += f", block={layout.block}"
    if layout.is_truncated:
        written += f", kept={layout.frequencies}"
    if layout.thin:
        written += f", thin={layout.thin}"
    return f"{'rows' if layout.is_rows else 'pixels'}({written})"


def _wrapped(line: str) -> list[str]:
    """Wrap a statement to lines of at most `_WIDTH` columns if it is a call."""
    statement = line.lstrip()
    margin = " " * (8 + len(line) - len(statement))
    before, bracket, rest = statement.partition("(")
    if len(margin + statement) <= _WIDTH or not bracket or not rest.endswith(")"):
        return [margin + statement]
    parts = rest[:-1].split(", ")
    if any(part.count("(") != part.count(")") for part in parts):
        return [f"{margin}{before}(", f"{margin}    {rest[:-1]}", f"{margin})"]
    return [f"{margin}{before}(", *(f"{margin}    {part}," for part in parts), f"{margin})"]
