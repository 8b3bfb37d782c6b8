"""The reference evaluator of ONNX, with definitions where its own are wrong.

Its transposed convolution takes one group only, its pooling misreads some explicit pads, its
padding refuses negative amounts, its batch normalization below opset 14 is another formula, and its
Erf, Gelu and HardSwish are no more precise than float32. Forms of those operators that tests do not
need here stay as the evaluator has them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

Array = NDArray[Any]


def windows(image: Array, fill: float, options: dict[str, Any]) -> Array:
    """Every window of maps [N, C, H, W]: [N, C, rows, columns, kernel rows, kernel columns]."""
    top, left, bottom, right = options.get("pads") or (0, 0, 0, 0)
    (high, wide), (down, across) = options["kernel_shape"], options.get("strides") or (1, 1)
    below, beside = options.get("dilations") or (1, 1)
    sides = ((0, 0), (0, 0), (top, bottom), (left, right))
    padded = np.pad(image, sides, constant_values=image.dtype.type(fill))
    extent = (below * (high - 1) + 1, beside * (wide - 1) + 1)
    view = sliding_window_view(padded, extent, axis=(2, 3))
    return view[:, :, ::down, ::across, ::below, ::beside]


class PlainMaxPool(OpRun):
    """Maximum of each window; padding never wins."""

    def _run(self, x: Array, **options: Any) -> tuple[Array]:
        return (windows(x, -np.inf, options).max(axis=(-2, -1)),)


class PlainMaxPoolWithPositions(OpRun):
    """The same, and where each maximum is: the first in row-major order, counted over all maps."""

    def _run(self, x: Array, **options: Any) -> tuple[Array, Array]:
        seen = windows(x, -np.inf, options)
        places = windows(np.arange(x.size).reshape(x.shape), -1, options)
        flat = (*seen.shape[:4], -1)
        first = seen.reshape(flat).argmax(axis=-1)[..., None]
        picked = np.take_along_axis(places.reshape(flat), first, axis=-1)[..., 0]
        return seen.max(axis=(-2, -1)), picked.astype(np.int64)


class PlainAveragePool(OpRun):
    """Mean of each window; padding counts in the divisor or does not."""

    def _run(self, x: Array, **options: Any) -> tuple[Array]:
        counted = float(options.get("count_include_pad") or 0)
        inside = windows(np.ones_like(x), counted, options).sum(axis=(-2, -1))
        return (windows(x, 0.0, options).sum(axis=(-2, -1)) / inside,)


class PlainBatchNormalization(OpRun):
    """Normalization with given statistics, of tensors [N, C, ...]."""

    def _run(self, x: Array, *parameters: Array, **options: Any) -> tuple[Array]:
        turned = [p.reshape(-1, *[1] * (x.ndim - 2)) for p in parameters]
        scale, bias, mean, variance = turned
        return ((x - mean) / np.sqrt(variance + options["epsilon"]) * scale + bias,)


class PlainPad(OpRun):
    """Padding with one value; negative amounts cut. Amounts are an attribute below opset 11."""

    def _run(self, x: Array, *operands: Array, **options: Any) -> tuple[Array]:
        pads = [int(p) for p in (operands[0] if operands else options["pads"])]
        fill = operands[1] if len(operands) > 1 else options.get("value") or 0
        sides = list(zip(pads[: x.ndim], pads[x.ndim :], strict=True))
        grown = np.pad(x, [(max(b, 0), max(e, 0)) for b, e in sides], constant_values=fill)
        ends = [size - max(-e, 0) for (_, e), size in zip(sides, grown.shape, strict=True)]
        return (grown[tuple(slice(max(-b, 0), e) for (b, _), e in zip(sides, ends, strict=True))],)


class PlainRepeatingPad(OpRun):
    """Padding with elements of the tensor; what is cut is cut before, as in ONNX Runtime."""

    def _run(self, x: Array, *operands: Array, **options: Any) -> tuple[Array]:
        pads = [int(p) for p in (operands[0] if operands else options["pads"])]
        axes = operands[2] if len(operands) > 2 else range(x.ndim)
        sides = dict.fromkeys(range(x.ndim), (0, 0))
        count = len(pads) // 2
        sides |= {int(a) % x.ndim: (pads[i], pads[count + i]) for i, a in enumerate(axes)}
        cut = x[
            tuple(
                slice(max(-b, 0), n - max(-e, 0))
                for (b, e), n in zip(sides.values(), x.shape, strict=True)
            )
        ]
        return (np.pad(cut, [(max(b, 0), max(e, 0)) for b, e in sides.values()], options["mode"]),)


class PlainConvTranspose(OpRun):
    """Each tap of the kernel adds the maps to every stride-th pixel; pads are cut off."""

    def _run(self, x: Array, w: Array, *bias: Array, **options: Any) -> tuple[Array]:
        group = int(options.get("group") or 1)
        strides, dilations, spare = (
            options.get(name) or neutral
            for name, neutral in (
                ("strides", (1, 1)),
                ("dilations", (1, 1)),
                ("output_padding", (0, 0)),
            )
        )
        (count, channels, *sizes), (_, made, *taps) = x.shape, w.shape
        extents = [d * (k - 1) + 1 for d, k in zip(dilations, taps, strict=True)]
        whole = [
            (n - 1) * s + e + p for n, s, e, p in zip(sizes, strides, extents, spare, strict=True)
        ]
        result = np.zeros((count, group * made, *whole), x.dtype)
        for output, i, j in np.ndindex(group * made, *taps):
            first = output // made * (channels // group)
            read = slice(first, first + channels // group)
            added = np.einsum("nchw,c->nhw", x[:, read], w[read, output % made, i, j])
            down, across = i * dilations[0], j * dilations[1]
            result[
                :,
                output,
                down : down + (sizes[0] - 1) * strides[0] + 1 : strides[0],
                across : across + (sizes[1] - 1) * strides[1] + 1 : strides[1],
            ] += added
        top, left, bottom, right = options.get("pads") or (0, 0, 0, 0)
        cut = result[:, :, top : whole[0] - bottom, left : whole[1] - right]
        return (cut + bias[0][:, None, None] if bias else cut,)


class PlainErf(OpRun):
    """The error function in the precision of its operand."""

    def _run(self, x: Array, **options: Any) -> tuple[Array]:
        return (np.vectorize(math.erf, otypes=[x.dtype])(x),)


class PlainHardSwish(OpRun):
    """x max(0, min(1, x / 6 + 1/2))."""

    def _run(self, x: Array, **options: Any) -> tuple[Array]:
        return ((x * np.clip(x.astype(np.float64) / 6 + 0.5, 0, 1)).astype(x.dtype),)


class PlainGelu(OpRun):
    """The Gaussian error linear unit, or its approximation by tanh."""

    def _run(self, x: Array, **options: Any) -> tuple[Array]:
        if options.get("approximate") == "tanh":
            cubic = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
            return ((0.5 * x * (1 + np.tanh(cubic))).astype(x.dtype),)
        error = np.vectorize(math.erf, otypes=[x.dtype])(x / math.sqrt(2))
        return ((0.5 * x * (1 + error)).astype(x.dtype),)


_PLAIN = {
    "Gelu": PlainGelu,
    "Erf": PlainErf,
    "HardSwish": PlainHardSwish,
    "ConvTranspose": PlainConvTranspose,
    "MaxPool": PlainMaxPool,
    "AveragePool": PlainAveragePool,
    "Pad": PlainPad,
    "BatchNormalization": PlainBatchNormalization,
}


def _mode_of(node: onnx.NodeProto) -> str:
    return next((a.s.decode() for a in node.attribute if a.name == "mode"), "constant")


class Evaluator(ReferenceEvaluator):
    """Also evaluates the bodies of functions, which it does with its own class."""

    def _load_impl(self, node: onnx.NodeProto, input_types: onnx.TypeProto | None = None) -> Any:
        plain = _PLAIN.get(node.op_type) if node.domain == "" else None
        if plain is PlainMaxPool and len(node.output) == 2:
            plain = PlainMaxPoolWithPositions
        named = {attribute.name for attribute in node.attribute}
        if node.op_type == "Pad" and _mode_of(node) != "constant":
            return PlainRepeatingPad
        is_plain = named.isdisjoint(
            {"auto_pad", "ceil_mode", "training_mode", "mode", "output_shape"}
        )
        is_plain &= len(node.output) == 1 or plain is PlainMaxPoolWithPositions
        is_plain &= not (node.op_type == "Pad" and len(node.input) > 3)
        # Of sequences.
        is_plain &= not any(len(attribute.ints) == 1 for attribute in node.attribute)
        if plain is None or not is_plain:
            return super()._load_impl(node, input_types)
        return plain
