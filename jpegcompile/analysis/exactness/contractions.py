"""Sums of products with constant weights: which equal values they preserve or create."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from jpegcompile.analysis.axes import axes_of
from jpegcompile.analysis.statistics import inference_affine
from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.ir.graph import input_at, value_of

# Designed filters (masks, blurs, edge detection) have few distinct magnitudes; learned ones do not.
_FEW_MAGNITUDES = 8
_NO_SUM = 1e-5
_POOLS = ("AveragePool", "LpPool")
_GLOBAL_POOLS = ("GlobalAveragePool", "GlobalLpPool")
_MEANS = ("AveragePool", "GlobalAveragePool", "ReduceMean", "Resize", "Upsample")


@dataclass(frozen=True)
class Contraction:
    """A sum of products: y[c] = totals[c] * x + bias[c] where all summed inputs are x.

    Attributes:
        totals: sum of the weights of each channel; None if only 0 -> 0 is known.
        bias: bias of each channel; NaN if unknown.
        width: number of channels that are summed.
        window: (rows, columns) of the input on which an output element depends.
        few_magnitudes: whether different inputs may have exactly equal sums, since the weights have
            few distinct magnitudes.
        repeats: whether adjacent output pixels are equal for any input.
        whole_plane: whether all pixels are summed.
    """

    totals: NDArray[np.float64] | None
    bias: NDArray[np.float64]
    width: int = 1
    window: tuple[int, int] = (1, 1)
    few_magnitudes: bool = False
    repeats: bool = False
    whole_plane: bool = False

    def outputs_at(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs where all summed inputs equal one of `values`: [values, channels]."""
        if self.totals is None:
            return np.where(values == 0.0, 0.0, np.nan)[:, None]
        return values[:, None] * self.totals + self.bias

    @property
    def zero_sum_outputs(self) -> NDArray[np.float64]:
        """Biases of channels whose weights sum to zero: the output where the input is flat."""
        if self.totals is None:
            return np.zeros(0)
        return self.bias[np.abs(np.broadcast_to(self.totals, self.bias.shape)) < _NO_SUM]

    @property
    def passes_unknown_values(self) -> bool:
        """Whether unknown repeated inputs cause unknown repeated outputs."""
        return self.few_magnitudes and not self.whole_plane

    @property
    def is_mean(self) -> bool:
        """Whether the output equals the input where the input is flat."""
        return self.totals is not None and bool(np.all(self.totals == 1.0) and not self.bias.any())

    def has_equal_channels(self, are_alike: bool, rest: bool) -> bool:
        """Whether two output channels may be equal.

        Args:
            are_alike: whether two input channels may be equal.
            rest: whether all summed inputs may be zero, or equal by design.
        """
        if self.bias.size == 1:
            return are_alike and self.width == 1
        return rest and len(np.unique(self.bias)) < self.bias.size


def contraction_of(node: gs.Node, batch: object = None) -> Contraction | None:
    """Return the contraction that a node computes; None if its weights are not constant.

    Args:
        node: a Conv, ConvTranspose, Gemm, MatMul, BatchNormalization, pooling, reduction or Resize.
        batch: the batch dimension of the image. In a matrix with this number of rows, each row
            depends on a whole image.
    """
    if node.op in ("Conv", "ConvTranspose"):
        return _convolution(node)
    if node.op in ("Gemm", "MatMul"):
        return _product(node, batch)
    if node.op == "BatchNormalization":
        affine = inference_affine(node)
        if not isinstance(affine, ChannelAffine):
            return None
        return Contraction(affine.scale, affine.shift, few_magnitudes=True)
    return _smoothing(node)


def _has_few_magnitudes(weight: NDArray[np.generic]) -> bool:
    """Whether a sample of the weights has few distinct magnitudes."""
    sample = np.abs(weight.reshape(-1)[: 1 << 12].astype(np.float64))
    return len(np.unique(sample[sample > 0])) < _FEW_MAGNITUDES


def _bias(node: gs.Node, channels: int) -> NDArray[np.float64]:
    tensor = input_at(node, 2)
    if tensor is None:
        return np.zeros(channels)
    value = value_of(tensor)
    if value is None:
        return np.full(channels, np.nan)
    return np.broadcast_to(value.astype(np.float64).reshape(-1), (channels,))


def _convolution(node: gs.Node) -> Contraction | None:
    weight = value_of(node.inputs[1])
    if weight is None:
        return None
    rank = weight.ndim - 2
    groups = int(node.attrs.get("group", 1))
    strides = list(node.attrs.get("strides", [1] * rank))
    dilations = list(node.attrs.get("dilations", [1] * rank))
    extents = [d * (k - 1) + 1 for d, k in zip(dilations, weight.shape[2:], strict=True)]
    few_magnitudes = _has_few_magnitudes(weight)
    if node.op == "Conv":
        totals = weight.astype(np.float64).sum(axis=tuple(range(1, weight.ndim)))
        width = int(weight.shape[1])
        return Contraction(totals, _bias(node, len(totals)), width, _two(extents), few_magnitudes)
    grouped = weight.astype(np.float64).reshape(groups, -1, *weight.shape[1:]).sum(axis=1)
    phases = [
        grouped[(..., *(slice(p, None, s) for p, s in zip(phase, strides, strict=True)))]
        for phase in np.ndindex(*strides)
    ]
    totals = np.stack([p.reshape(groups * weight.shape[1], -1).sum(axis=1) for p in phases])
    bias = np.tile(_bias(node, totals.shape[1]), len(phases))
    reach = [-(-extent // stride) for extent, stride in zip(extents, strides, strict=True)]
    return Contraction(
        totals.reshape(-1),
        bias,
        int(weight.shape[0]) // groups,
        _two(reach),
        few_magnitudes,
        repeats=few_magnitudes and len(phases) > 1,
    )


def _product(node: gs.Node, batch: object) -> Contraction | None:
    first, second = (value_of(t) for t in node.inputs[:2])
    source = node.inputs[0] if first is None else node.inputs[1]
    weight = second if first is None else first
    if weight is None or weight.ndim < 2:
        return None
    turned = bool(node.attrs.get("transB" if first is None else "transA", 0))
    summed = -2 if (first is None) != turned else -1
    matrix = weight.astype(np.float64)
    totals = float(node.attrs.get("alpha", 1.0)) * matrix.sum(axis=summed).reshape(-1)
    bias = np.zeros(len(totals))
    if node.op == "Gemm":
        bias = float(node.attrs.get("beta", 1.0)) * _bias(node, len(totals))
    shape = tuple(source.shape or ())
    is_vector = len(shape) == 2 and (batch is None or shape[0] == batch)
    return Contraction(
        totals,
        bias,
        int(matrix.shape[summed]),
        few_magnitudes=_has_few_magnitudes(weight),
        whole_plane=is_vector,
    )


def _smoothing(node: gs.Node) -> Contraction:
    totals = np.ones(1) if node.op in _MEANS else None
    nothing, shape = np.zeros(1), tuple(node.inputs[0].shape or ())
    if node.op in _POOLS:
        return Contraction(totals, nothing, window=pool_extent(node), few_magnitudes=True)
    if node.op in _GLOBAL_POOLS:
        return Contraction(totals, nothing, few_magnitudes=True, whole_plane=True)
    if node.op in ("Resize", "Upsample"):
        mode = node.attrs.get("mode", "nearest")
        taps = {"nearest": 1, "linear": 2}.get(mode, 4)
        return Contraction(
            totals, nothing, window=(taps, taps), few_magnitudes=True, repeats=taps == 1
        )
    axes = summed_axes(node)
    width = shape[1] if len(shape) > 1 and 1 in axes and isinstance(shape[1], int) else 1
    over_pixels = any(axis > 1 for axis in axes) or len(shape) < 4
    return Contraction(totals, nothing, width, few_magnitudes=True, whole_plane=over_pixels)


def summed_axes(node: gs.Node) -> list[int]:
    """Axes of a reduction; all axes if they are unknown."""
    rank = len(node.inputs[0].shape or ())
    axes = axes_of(node, rank)
    return list(range(rank)) if axes is None else axes


def pool_extent(node: gs.Node) -> tuple[int, int]:
    """Rows and columns that a pooling window covers."""
    kernel = list(node.attrs["kernel_shape"])
    dilations = list(node.attrs.get("dilations", [1] * len(kernel)))
    return _two([d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)])


def _two(extents: list[int]) -> tuple[int, int]:
    """Rows and columns; an operator of one axis gets the same extent for both."""
    return (int(extents[0]), int(extents[-1])) if extents else (1, 1)
