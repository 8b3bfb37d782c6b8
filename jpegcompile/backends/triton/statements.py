"""Write the calls of a module as Python statements; `text.py` writes the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.backends.triton.names import Names
from jpegcompile.backends.triton.nodes import PlainNode, plain_nodes
from jpegcompile.backends.triton.standard import expression
from jpegcompile.backends.triton.standard_node import NotWrittenError, Standard
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.gpu import programs
from jpegcompile.gpu.kernel import Kernel
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import Program
from jpegcompile.ir.calls import KernelCall, TorchCall
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.messages import Message
from jpegcompile.operators.constants import DOMAIN

_PROGRAMS = {value: name for name, value in vars(programs).items() if isinstance(value, Program)}
_WIDTH = 100
_FUNCTIONS = ("pixels", "rows", "to_jpeg", "to_spatial")
_RESERVED = (*_FUNCTIONS, "functional", "torch", "network", "forward", "image", "self")


class Statements:
    """The body of the method `network` of a model.

    Attributes:
        kernels: called kernels with their calls, by attribute name.
        constants: constants that PyTorch operators read, by attribute name.
        layouts: names of all layouts.
        functions: called functions of `runtime/triton/maps.py`.
        lines: the statements.
        image: name of the parameter of `network`.
    """

    def __init__(self, module: Module) -> None:
        """Write the calls of a module after its layouts were chosen."""
        self._module = module
        self._names = Names((*_RESERVED, *dir(object)))
        self.kernels: dict[str, tuple[KernelCall, Kernel]] = {}
        self.constants: dict[str, NDArray[Any]] = {}
        self._constant_names: dict[str, str] = {}
        self.layouts: dict[MapLayout, str] = {}
        self.lines: list[str] = []
        self.functions: set[str] = set()
        self._stored: dict[str, str] = {}
        self._graph: dict[tuple[str, bool], str] = {}
        self._indent = ""
        self.image = self._begin()
        for call in module.calls:
            if isinstance(call, KernelCall):
                self._kernel_call(call)
            else:
                self._torch_call(call)
        outputs = [self._in_graph(t.name, False) for t in module.graph.outputs]
        self._return(outputs)

    def _begin(self) -> str:
        """Return the first variable: the output of the ingest, or the caller's tensor."""
        module = self._module
        if module.ingest_output is not None:
            self._stored[module.ingest_output] = "image"
            return "image"
        variable = self._names.of(module.image.name)
        # An image without a batch gets one in `forward`.
        self._graph[module.image.name, False] = variable
        return variable

    def _write(self, statement: str) -> None:
        """Add a statement at the current indentation."""
        self.lines.append(f"{self._indent}{statement}")

    def _return(self, outputs: Sequence[str]) -> None:
        """Write the return statement, merged with the last statement if possible."""
        start = f"{outputs[0]} = "
        if len(outputs) == 1 and self.lines and self.lines[-1].startswith(start):
            self.lines[-1] = f"return {self.lines[-1].removeprefix(start)}"
        else:
            self._write(f"return {outputs[0] if len(outputs) == 1 else _tuple(outputs)}")

    def _layout(self, layout: MapLayout) -> str:
        if layout not in self.layouts:
            kind = "ROWS" if layout.is_rows else "THIN" if layout.thin else "PIXELS"
            name = f"{kind}_{layout.channels}_{layout.height}X{layout.width}"
            name += f"_B{layout.block}" if layout.block > 1 else ""
            name += f"_N{layout.frequencies}" if layout.is_truncated else ""
            self.layouts[layout] = name
        return self.layouts[layout]

    def _kernel_call(self, call: KernelCall) -> None:
        kernel = call.with_layouts(self._module.layouts)
        read = {role: self._as_stored(tensor) for role, tensor in call.maps.items()}
        if _is_nothing(kernel, call):
            self._stored[call.result] = read["x"]
            return
        name = self._names.of(call.name)
        self.kernels[name] = call, kernel
        for layout in _layouts_of(kernel):
            self._layout(layout)
        given = ", ".join(f"{role}={variable}" for role, variable in read.items())
        self._write(f"{name} = self.{name}({given})")
        self._stored[call.result] = name

    def _as_stored(self, tensor: str) -> str:
        """Return the variable of a map in the layout that kernels read."""
        if tensor not in self._stored:
            coefficients = self._module.current_block_of(tensor) > 1
            if (tensor, coefficients) not in self._graph and (tensor, False) in self._graph:
                coefficients = False
            source = self._graph[tensor, coefficients]
            layout = self._layout(self._module.layouts[tensor])
            name = self._names.of(f"{source}.map")
            more = ", coefficients=True" if coefficients else ""
            self._write(f"{name} = self.to_map({source}, {layout}{more})")
            self._stored[tensor] = name
        return self._stored[tensor]

    def _in_graph(self, tensor: str, coefficients: bool) -> str:
        """Return the variable of a tensor in NCHW, as coefficients or as pixels."""
        if (tensor, coefficients) not in self._graph:
            if tensor not in self._stored:
                return self._transformed(tensor, coefficients)
            layout = self._layout(self._module.layouts[tensor])
            stored = self._stored[tensor]
            name = self._names.of(f"{stored}.{'coefficients' if coefficients else 'values'}")
            more = ", coefficients=True" if coefficients else ""
            self._write(f"{name} = self.from_map({self._stored[tensor]}, {layout}{more})")
            self._graph[tensor, coefficients] = name
        return self._graph[tensor, coefficients]

    def _transformed(self, tensor: str, coefficients: bool) -> str:
        """Return the variable of a PyTorch tensor, transformed to coefficients or to pixels."""
        source = self._graph[tensor, not coefficients]
        function = "to_jpeg" if coefficients else "to_spatial"
        self.functions.add(function)
        name = self._names.of(f"{tensor}.{'coefficients' if coefficients else 'pixels'}")
        block = self._module.current_block_of(tensor)
        self._write(f"{name} = {function}({source}, {block})")
        self._graph[tensor, coefficients] = name
        return name

    def _torch_call(self, call: TorchCall) -> None:
        node, module = call.node, self._module
        self._on_pixels = False
        if node.op == "If":
            self._choice(node, call)
            return
        operator = module.operator(node)
        self._on_pixels = operator is None and node.domain != DOMAIN and _commutes(call, module)
        self._nodes(node, call)

    def _nodes(self, node: gs.Node, call: TorchCall) -> None:
        module = self._module
        for plain in plain_nodes(node, module.operator(node), int(module.graph.opset)):
            self._plain(plain, call)

    def _choice(self, node: gs.Node, call: TorchCall) -> None:
        """Write an If as a Python `if`, after the outside tensors that its branches read."""
        condition = self._value_of(node.inputs[0])
        branches = [node.attrs["then_branch"], node.attrs["else_branch"]]
        for tensor in _read_outside(branches):
            self._in_graph(tensor, self._module.current_block_of(tensor) > 1)
        results = [self._names.of(output.name) for output in node.outputs]
        outside, indent = dict(self._graph), self._indent
        for head, branch in zip((f"if bool({condition}):", "else:"), branches, strict=True):
            self._write(head)
            self._indent = f"{indent}    "
            for inner in branch.nodes:
                if inner.op == "If":
                    self._choice(inner, call)
                else:
                    self._nodes(inner, call)
            for result, output in zip(results, branch.outputs, strict=True):
                self._write(f"{result} = {self._value_of(output)}")
            self._graph, self._indent = dict(outside), indent
        for result, output in zip(results, node.outputs, strict=True):
            self._graph[output.name, False] = result

    def _value_of(self, tensor: gs.Tensor) -> str:
        values = value_of(tensor)
        if values is not None:
            return f"self.{self._constant(tensor.name, values)}"
        return self._in_graph(tensor.name, self._module.current_block_of(tensor.name) > 1)

    def _plain(self, node: PlainNode, call: TorchCall) -> None:
        values = [node.constants.get(name) for name in node.inputs]
        standard = Standard(
            node.op,
            [self._operand(name, node) for name in node.inputs],
            values,
            node.attrs,
            int(self._module.graph.opset),
            len(node.outputs),
        )
        try:
            written = expression(standard)
        except NotWrittenError as error:
            raise UnsupportedModelError(
                Message(
                    error.reason.code,
                    f"node '{call.name}' ({node.op}): --target triton cannot run it: {error};"
                    " use --target ort",
                )
            ) from error
        made = []
        for output in node.outputs:
            variable = self._names.of(output) if output else "_"
            made.append(variable)
            coefficients = not self._on_pixels and self._module.current_block_of(output) > 1
            self._graph[output, coefficients] = variable
        self._write(f"{', '.join(made)} = {written}")

    def _operand(self, name: str, node: PlainNode) -> str:
        if not name:
            return ""
        if name in node.constants:
            return f"self.{self._constant(name, node.constants[name])}"
        coefficients = not self._on_pixels and self._module.current_block_of(name) > 1
        return self._in_graph(name, coefficients)

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        if name not in self._constant_names:
            attribute = self._names.of(name)
            self._constant_names[name] = attribute
            self.constants[attribute] = values
        return self._constant_names[name]


def _read_outside(branches: Sequence[gs.Graph]) -> list[str]:
    """Return the names of outside tensors that branches read or return."""
    read: dict[str, None] = {}
    for branch in branches:
        made = {t.name for node in branch.nodes for t in node.outputs}
        inner = [g for node in branch.nodes for g in node.attrs.values() if isinstance(g, gs.Graph)]
        taken = [t for node in branch.nodes for t in node.inputs] + list(branch.outputs)
        names = [t.name for t in taken if t.name and value_of(t) is None]
        read |= dict.fromkeys(n for n in (*names, *_read_outside(inner)) if n not in made)
    return list(read)


def _is_nothing(kernel: Kernel, call: KernelCall) -> bool:
    """Whether a kernel would only copy a map."""
    if not isinstance(kernel, Elementwise) or kernel.program.steps or set(call.maps) != {"x"}:
        return False
    return kernel.x.shape == kernel.y.shape and not kernel.matrices


def _layouts_of(kernel: Kernel) -> list[MapLayout]:
    values = [getattr(kernel, entry.name) for entry in fields(kernel)]  # type: ignore[arg-type]
    return [value for value in values if isinstance(value, MapLayout)]


def _commutes(call: TorchCall, module: Module) -> bool:
    """Whether an operator on JPEG-domain maps can run on their pixels instead.

    Operators that are lowered unchanged commute with the DCT of tiles. An operator that also reads
    a constant map is excluded, since the constant contains coefficients.
    """
    tensors = [t for t in (*call.node.inputs, *call.node.outputs) if t.name]
    maps = [t for t in tensors if t.name in module.blocks]
    made = [t for t in call.node.outputs if t.name]
    if not maps or any(t.name not in module.blocks for t in made):
        return False
    known = [t for t in tensors if hasattr(t, "values") and t.shape is not None]
    return not any(len(t.shape) == 4 and any(d > 1 for d in t.shape[2:]) for t in known)


def _tuple(values: Sequence[str]) -> str:
    return f"({', '.join(values)})"
