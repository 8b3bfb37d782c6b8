"""Run the function body of one operator, and compare it with what the operator means.

The tolerance is the rounding of the computation itself. A body is a chain of linear maps, in which
a float product of matrices errs by at most n eps |A| |B|, n being the terms of a sum (Higham,
Accuracy and Stability of Numerical Algorithms, section 3.5); for a chain the terms add up, and
|A| |B| ... is what the body gives for the magnitudes of its operands (ReLU and max pooling pass
errors on, no larger). So no tolerance is chosen: each element has its own.

ASM picks among exact pixels by a mask, or by positions. Given equal masks, which the cases see to
(see `support.masking`), its pixels err as those of the exact operator, whose bound is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, inliner
from support.oracle import Evaluator

from jpegcompile.interface import DOMAIN, DOMAIN_VERSION
from jpegcompile.operators.bodies.functions import function_of
from jpegcompile.runtime.opening import inference_session

Array = NDArray[Any]


@dataclass(frozen=True)
class BodyCase:
    """One call of an operator.

    Attributes:
        name: for the test's id.
        op: name of the operator.
        operands: float64 and integer arrays, in the order of the operator's inputs.
        attributes: of the node.
        expected: float64, by the reference.
        terms: products that are added up on the way to one element, all steps together.
        oldest_opset: that the body is for.
        slope: of a function of each pixel: what it makes of an error or of a pixel is no larger
            than so many times that, or this number. None for other operators.
    """

    name: str
    op: str
    operands: tuple[Array, ...]
    attributes: Mapping[str, Any]
    expected: NDArray[np.float64]
    terms: int
    oldest_opset: int = 7
    slope: float | None = None

    def __str__(self) -> str:
        return f"{self.op}-{self.name}"

    def in_float32(self) -> BodyCase:
        """The same with operands rounded to float32; integers stay."""
        attributes = dict(self.attributes)
        if "to" in attributes:
            attributes["to"] = onnx.TensorProto.FLOAT
        operands = tuple(
            a.astype(np.float32) if a.dtype == np.float64 else a for a in self.operands
        )
        return replace(self, operands=operands, attributes=attributes)


def body_model(case: BodyCase, opset: int) -> onnx.ModelProto:
    """A model of one node that calls the operator's function."""
    inputs = [
        helper.make_tensor_value_info(
            f"i{index}", helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for index, array in enumerate(case.operands)
    ]
    floats = next(a.dtype for a in case.operands if a.dtype.kind == "f")
    output = helper.make_tensor_value_info(
        "y", helper.np_dtype_to_tensor_dtype(floats), case.expected.shape
    )
    node = helper.make_node(
        case.op, [value.name for value in inputs], ["y"], domain=DOMAIN, **case.attributes
    )
    model = helper.make_model(
        helper.make_graph([node], "body", inputs, [output]),
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)],
        functions=[function_of(case.op, opset)],
        ir_version=10,
    )
    onnx.checker.check_model(model)
    return model


def run_body(case: BodyCase, opset: int) -> Array:
    """The body's result.

    Float32 runs in ONNX Runtime. Float64 runs in the reference evaluator, since ONNX Runtime has no
    such Conv; but not max pooling, where the evaluator gets uneven padding wrong and ONNX Runtime
    has a kernel from opset 8 on.
    """
    is_window = "MaxPool" in case.op and "Global" not in case.op
    is_double_pool = is_window and case.operands[0].dtype == np.float64
    model = body_model(case, max(opset, 8) if is_double_pool else opset)
    feeds = {f"i{index}": array for index, array in enumerate(case.operands)}
    if is_window or any(array.dtype == np.float32 for array in case.operands):
        return np.asarray(inference_session(model, 1, native=False).run(None, feeds)[0])
    # The evaluator cannot pass attributes on to some operators within a function.
    outputs: Any = Evaluator(inliner.inline_local_functions(model)).run(None, feeds)
    return np.asarray(outputs[0])


def tolerance(case: BodyCase, opset: int) -> NDArray[np.float64]:
    """How far rounding may take each element of the body's result; see the module's text."""
    chain = run_body(_magnitudes(case), opset)
    # The reference transforms tiles to pixels and back, four sums of 8, and each transform enlarges
    # an element's magnitude by 8 at most.
    double = 8 * 8 * (case.terms + 4 * 8) * np.finfo(np.float64).eps * chain.max()
    if not any(a.dtype == np.float32 for a in case.operands):
        return np.full(chain.shape, double)
    # Matrices were rounded once when they became float32, which counts as one term each.
    terms = case.terms + len(case.operands)
    return np.asarray(terms * np.finfo(np.float32).eps / 2 * chain + double, np.float64)


def _magnitudes(case: BodyCase) -> BodyCase:
    """The call, in float64, whose result bounds every sum of products on the way."""
    operands = [a.astype(np.float64) if a.dtype == np.float32 else a for a in case.operands]
    attributes, op = dict(case.attributes), case.op
    if "to" in attributes:
        attributes["to"] = onnx.TensorProto.DOUBLE
    if op.startswith("JpegAsm"):
        op = op.replace("Asm", "")
        operands = [a for index, a in enumerate(operands) if index != 1 and a.dtype.kind == "f"]
        attributes = {k: v for k, v in attributes.items() if k not in ("frequencies", "to")}
    if op.endswith("GroupNormalization"):
        return _normalization_magnitudes(case, operands)
    if op in ("JpegMin", "JpegChannelMin"):
        op = op.replace("Min", "Max")
    operands = [np.abs(a) for a in operands]
    if case.slope is not None:
        op, attributes = "JpegRelu", {"block": attributes["block"]}
        operands[0] = case.slope * (operands[0] + 1.0)
    if op == "JpegSub":
        operands[1] = -operands[1]
    if op.removesuffix("Truncate").endswith("Clip"):
        _unclip(operands)
    return replace(case, op=op, operands=tuple(operands), attributes=attributes)


def _normalization_magnitudes(case: BodyCase, operands: list[Array]) -> BodyCase:
    """Pixels and means are divided by the deviations that there are, and scaled."""
    x, scale, shift, epsilon, _, *dc = operands
    ones = dc[0] if dc else np.ones(x.shape[2:])
    groups = x.reshape(len(x), case.attributes["groups"], -1, *x.shape[2:])
    axes = (2, 3, 4)
    mean = (groups * ones).mean(axes, keepdims=True)
    variance = (groups**2).mean(axes, keepdims=True) - mean**2
    size = np.abs(groups) + (np.abs(groups) * ones).mean(axes, keepdims=True) * ones
    pixels = (size / np.sqrt(variance + epsilon)).reshape(x.shape)
    magnitudes = (pixels, np.abs(scale), np.abs(shift), ones)
    attributes = {"block": case.attributes.get("block", 1)}
    return replace(case, op="JpegBatchNormalization", operands=magnitudes, attributes=attributes)


def _unclip(operands: list[Array]) -> None:
    """No magnitude is clipped, and none is less than the bounds, which may stand for pixels.

    A bound of the largest number, which stands for none, is not met by pixels.
    """
    low = next(index for index, a in enumerate(operands) if a.ndim == 0)
    bounds = [a for a in operands[low : low + 2] if a < np.finfo(np.float32).max]
    operands[low] = np.asarray(max(bounds))
    operands[low + 1] = np.asarray(np.finfo(np.float64).max)


def assert_body_holds(
    case: BodyCase, opset: int, allowed: NDArray[np.float64] | None = None
) -> None:
    """The body gives what the reference gives, within `allowed`, or rounding if not given."""
    actual = run_body(case, opset)
    floats = next(a.dtype for a in case.operands if a.dtype.kind == "f")
    assert actual.dtype == floats
    assert actual.shape == case.expected.shape
    bound = tolerance(case, opset) if allowed is None else allowed
    excess = np.abs(actual - case.expected) - bound
    assert excess.max() <= 0, f"{case} at opset {opset} is off by {excess.max():g}"


def terms_of(matrices: Sequence[Array]) -> int:
    """Products that are added up on the way through pairs of a left and a right matrix."""
    left = sum(int(np.count_nonzero(m, axis=1).max()) for m in matrices[::2])
    right = sum(int(np.count_nonzero(m, axis=0).max()) for m in matrices[1::2])
    return left + right
