"""Per-pixel functions and arithmetic of maps as calls of the elementwise GPU kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.bounds import bounds_of
from jpegcompile.analysis.kernels.common import (
    NOT_ON_PIXELS,
    Declined,
    by_channel,
    constant,
    operands_of,
    size_of_map,
    varies_within_channel,
)
from jpegcompile.gpu.functions import function_program
from jpegcompile.gpu.layout import padded_rows
from jpegcompile.gpu.programs import (
    ADD,
    AFFINE,
    ASM_CLIP,
    ASM_PRELU,
    ASM_RELU,
    CLIP,
    NOTHING,
    OTHER,
    PIXEL,
    PRELU,
    RELU,
    SCALE,
    SCALE_ADD_RELU,
    SUBTRACT,
    Program,
    Step,
    guarded,
    of_approximation,
    parse,
    step,
)
from jpegcompile.ir.calls import KernelCall
from jpegcompile.ir.graph import value_of
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import Operands
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.messages import Message
from jpegcompile.operators.pixelwise import FUNCTIONS, PROGRAM, PROGRAMMED

_PROGRAMMED = frozenset(operator.name for operator in PROGRAMMED)


@dataclass
class _Parts:
    """Parts of an elementwise call; see `Elementwise` and `KernelCall`."""

    x: gs.Tensor
    steps: Sequence[Step] = ()
    constants: list[NDArray[np.float32]] = field(default_factory=list)
    other: gs.Tensor | None = None
    vector: gs.Tensor | None = None
    phi: int = 0
    is_linear: bool = False

    def call(self, node: gs.Node) -> list[KernelCall]:
        """Create the call that computes `node`."""
        program = Program(tuple(self.steps), len(self.constants), bool(self.phi))
        arguments: dict[str, Any] = {"program": program}
        if self.phi:
            arguments["phi"] = self.phi
        if self.is_linear:
            arguments["is_linear"] = True
        maps = {"x": self.x.name}
        if self.other is not None:
            maps["other"] = self.other.name
            if self.other.shape[0] == 1 != self.x.shape[0]:
                arguments["other_is_shared"] = True
        if self.vector is not None:
            maps["vector"] = self.vector.name
        weights = {"constants": padded_rows(np.stack(self.constants))} if self.constants else {}
        result = node.outputs[0].name
        name, op = str(node.name), str(node.op)
        return [KernelCall(name, (op,), Elementwise, arguments, maps, result, weights)]


def activation(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for JpegRelu, JpegPRelu, JpegClip, and their ASM and APX variants."""
    operator = module.operator(node)
    assert operator is not None
    given = operands_of(node, operator)
    channels = int(given["x"].shape[1])
    kind = (operator.exact or operator.name).removeprefix("Jpeg")
    exact, masked = _ACTIVATIONS[kind]
    rows = [_row(given[name], channels) for name in _PARAMETERS[kind]]
    constants = [row for row in rows if row is not None]
    if len(constants) < len(rows):
        return varies_within_channel("its parameter")
    program = exact
    if operator.masking == "asm":
        program = masked
        if masked.constants > len(constants):
            constants.append(np.zeros(channels, np.float32))
    elif operator.masking == "apx":
        program = of_approximation(exact)
    phi = int(node.attrs["frequencies"]) if operator.masking else 0
    return _Parts(given["x"], program.steps, constants, phi=phi).call(node)


_ACTIVATIONS = {"Relu": (RELU, ASM_RELU), "PRelu": (PRELU, ASM_PRELU), "Clip": (CLIP, ASM_CLIP)}
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "Relu": (),
    "PRelu": ("slope",),
    "Clip": ("low", "high"),
}


def function(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for JpegSigmoid and other named functions, and for JpegPointwise_1 etc."""
    operator = module.operator(node)
    assert operator is not None
    given = operands_of(node, operator)
    x = given["x"]
    if operator.name not in _PROGRAMMED:
        # Functions that are specific to a model have no kernel and no selector.
        assert operator.reference == "pixelwise.reference:jpeg_pixelwise"
        named = function_program(operator.name.removeprefix("Jpeg"), node.attrs)
        return _Parts(x, named.steps).call(node)
    table = constant(given["constants"])
    rows = [by_channel(row, int(x.shape[1])) for row in table]
    constants = [row for row in rows if row is not None]
    if len(constants) < len(rows):
        return varies_within_channel("a constant of its program")
    program = parse(node.attrs[PROGRAM], len(rows))
    safe = guarded(program)
    if safe is not program:
        constants.append(np.ones(int(x.shape[1]), np.float32))
    return _Parts(x, safe.steps, constants).call(node)


def scaled(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for JpegScale, JpegAdd, JpegSub, JpegBatchNormalization or JpegScaleAddRelu."""
    operator = module.operator(node)
    assert operator is not None
    return _SCALED[operator.kernel](operands_of(node, operator), node)


def _scale(given: Operands, node: gs.Node) -> list[KernelCall] | Declined:
    parts = _Parts(given["x"], SCALE.steps, is_linear=True)
    return _with_vector(parts, given["scale"], node)


def _shift(given: Operands, node: gs.Node) -> list[KernelCall] | Declined:
    program = ADD if node.op == "JpegAdd" else SUBTRACT
    parts = _Parts(given["x"], program.steps, is_linear=True)
    return _with_vector(parts, given["value"], node)


def _normalization(given: Operands, node: gs.Node) -> list[KernelCall] | Declined:
    channels = int(given["x"].shape[1])
    rows = [_row(given[name], channels) for name in ("scale", "shift")]
    constants = [row for row in rows if row is not None]
    if len(constants) < len(rows):
        return varies_within_channel("its scale or shift")
    return _Parts(given["x"], AFFINE.steps, constants, is_linear=True).call(node)


def standard_batch_normalization(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for a standard BatchNormalization in inference mode on pixels."""
    if node.name in module.exact_nodes:
        return Declined(module.exact_nodes[node.name])
    x = node.inputs[0]
    if size_of_map(x) is None or module.current_block(x) > 1:
        return NOT_ON_PIXELS
    if node.attrs.get("training_mode") or len(node.outputs) > 1:
        return Declined(Message("statistics-of-batch", "it computes statistics of the batch"))
    gamma, beta, mean, variance = (constant(t).astype(np.float64) for t in node.inputs[1:5])
    scale = gamma / np.sqrt(variance + float(node.attrs.get("epsilon", 1e-5)))
    constants = [scale.astype(np.float32), (beta - mean * scale).astype(np.float32)]
    return _Parts(x, AFFINE.steps, constants, is_linear=True).call(node)


def _scale_add_relu(given: Operands, node: gs.Node) -> list[KernelCall] | Declined:
    parts = _Parts(given["x"], SCALE_ADD_RELU.steps, other=given["residual"])
    return _with_vector(parts, given["scale"], node)


_SCALED: Mapping[str, Callable[[Operands, gs.Node], list[KernelCall] | Declined]] = {
    "scale": _scale,
    "add": _shift,
    "sub": _shift,
    "batch_normalization": _normalization,
    "scale_add_relu": _scale_add_relu,
}


def _with_vector(parts: _Parts, tensor: gs.Tensor, node: gs.Node) -> list[KernelCall] | Declined:
    """Create the call with an operand of one number for each channel, a constant or a map."""
    channels = int(parts.x.shape[1])
    if value_of(tensor) is None:
        if size_of_map(tensor) != (channels, 1, 1):
            text = f"its operand '{tensor.name}' does not have one number for each channel"
            return Declined(Message("operand-not-per-channel", text))
        parts.vector = tensor
        return parts.call(node)
    row = _row(tensor, channels)
    if row is None:
        return varies_within_channel(f"its operand '{tensor.name}'")
    parts.constants.append(row)
    return parts.call(node)


def _row(tensor: gs.Tensor, channels: int) -> NDArray[np.float32] | None:
    return by_channel(constant(tensor), channels)


def of_two_maps(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for JpegMul, JpegMax or JpegMin."""
    operator = module.operator(node)
    assert operator is not None
    given = operands_of(node, operator)
    steps = [step(str(node.op).removeprefix("Jpeg"), PIXEL, OTHER)]
    return _Parts(given["x"], steps, other=given["residual"]).call(node)


def truncation(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for JpegTruncate; the layout of the result drops the coefficients."""
    operator = module.operator(node)
    assert operator is not None
    return _Parts(operands_of(node, operator)["x"], NOTHING.steps).call(node)


def cast(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for ToJpeg or ToSpatial, which change the layout of a map."""
    del module
    return _Parts(node.inputs[0]).call(node)


def standard_arithmetic(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for a standard Add, Sum, Sub or Neg of maps of one shape and block size."""
    if node.name in module.exact_nodes:
        return Declined(module.exact_nodes[node.name])
    target = node.outputs[0]
    shapes = {size_of_map(tensor) for tensor in (*node.inputs, target)}
    if shapes == {None} or len(shapes) > 1 or any(value_of(t) is not None for t in node.inputs):
        text = "its operands are not maps of one size"
        return Declined(Message("operands-of-different-sizes", text))
    if len({module.current_block(tensor) for tensor in (*node.inputs, target)}) > 1:
        text = "its operands have different block sizes"
        return Declined(Message("operands-of-different-blocks", text))
    if node.op == "Neg":
        return _Parts(node.inputs[0], [step("Neg", PIXEL)], is_linear=True).call(node)
    if len(node.inputs) != 2:
        return Declined(Message("more-than-two-operands", "it has more than two operands"))
    x, other = node.inputs
    name = "Sub" if node.op == "Sub" else "Add"
    return _Parts(x, [step(name, PIXEL, OTHER)], other=other, is_linear=True).call(node)


def standard_function(node: gs.Node, module: Module) -> list[KernelCall] | Declined:
    """Select a call for a standard per-pixel function of a map at block size 1."""
    if node.name in module.exact_nodes:
        return Declined(module.exact_nodes[node.name])
    x, target = node.inputs[0], node.outputs[0]
    size = size_of_map(x)
    if size is None or size_of_map(target) != size or module.current_block(x) > 1:
        return NOT_ON_PIXELS
    if node.op in ("LeakyRelu", "PRelu"):
        slope = np.asarray([node.attrs.get("alpha", 0.01)])
        row = by_channel(slope if node.op == "LeakyRelu" else constant(node.inputs[1]), size[0])
        if row is None:
            return varies_within_channel("its slope")
        return _Parts(x, PRELU.steps, [row]).call(node)
    if node.op == "Clip":
        bounds = bounds_of(node)
        if isinstance(bounds, Message):
            return Declined(bounds)
        constants = [np.full(size[0], bound, np.float32) for bound in (bounds.low, bounds.high)]
        return _Parts(x, CLIP.steps, constants).call(node)
    if node.op == "Relu":
        return _Parts(x, RELU.steps).call(node)
    return _Parts(x, function_program(str(node.op), node.attrs).steps).call(node)


STANDARD_FUNCTIONS = frozenset((*FUNCTIONS, "Relu", "LeakyRelu", "PRelu", "Clip"))
