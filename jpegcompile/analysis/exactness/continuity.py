"""Standard operators that are continuous, and the inputs in which they are continuous.

The compiler assumes that any other operator is discontinuous: operators of newer opsets, of other
operator sets, and operators with subgraphs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.interface import DOMAIN
from jpegcompile.ir.graph import is_graph_output, value_of
from jpegcompile.operators.normalization import SPATIAL_GROUP_NORMALIZATION

_ALL = frozenset(range(1 << 8))
_FIRST = frozenset((0,))

# Elementwise functions of one operand, or of several operands with broadcasting.
ELEMENTWISE = frozenset(
    (
        *("Abs", "Add", "Asinh", "Atan", "Celu", "Clip", "Cos", "Cosh", "Div"),
        *("Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu"),
        *("Max", "Mean", "Min", "Mish", "Mul", "Neg", "PRelu", "Pow", "Relu", "Selu"),
        *("Shrink", "Sigmoid", "Sin", "Sinh", "Softplus", "Softsign", "Sub", "Sum", "Swish"),
        *("Tanh", "ThresholdedRelu", "Where"),
        *("Acos", "Acosh", "Asin", "Atanh", "Log", "Reciprocal", "Sqrt", "Tan"),
    )
)
# Each output element is an input element, or the largest or smallest of several.
COPIES = frozenset(
    (
        *("Cast", "CastLike", "CenterCropPad", "Compress", "Concat", "ConcatFromSequence"),
        *("DepthToSpace", "Dropout", "Expand", "Flatten", "Gather", "GatherElements", "GatherND"),
        *("GlobalMaxPool", "Identity"),
        *("MaxPool", "MaxRoiPool", "MaxUnpool", "Optional", "OptionalGetElement", "Pad"),
        *("ReduceMax", "ReduceMin", "Reshape", "ReverseSequence", "Scatter", "ScatterElements"),
        *("ScatterND", "SequenceAt", "SequenceConstruct", "SequenceErase", "SequenceInsert"),
        *("Slice", "SpaceToDepth", "Split", "SplitToSequence", "Squeeze", "TensorScatter", "Tile"),
        *("TopK", "Transpose", "Trilu", "Unsqueeze"),
    )
)
# Sums of products with weights that are the same for all pixels.
CONTRACTIONS = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul"))
# Means, sums and norms over windows, axes or the plane, mostly for each channel separately.
SMOOTHINGS = frozenset(
    (
        *("AveragePool", "GlobalAveragePool", "GlobalLpPool", "LpPool", "ReduceL1", "ReduceL2"),
        *("ReduceLogSumExp", "ReduceMean", "ReduceProd", "ReduceSum", "ReduceSumSquare"),
        *("Resize", "Upsample"),
    )
)
NORMALIZATIONS = frozenset(
    (
        *("BatchNormalization", "GroupNormalization", "InstanceNormalization", "LRN"),
        *("LayerNormalization", "LogSoftmax", "RMSNormalization", "Softmax"),
        SPATIAL_GROUP_NORMALIZATION,
    )
)
# Other continuous operators.
_SMOOTH = frozenset(
    (
        *("Attention", "Col2Im", "CumProd", "CumSum", "DFT", "Det", "Einsum", "GRU", "LSTM"),
        *("LinearAttention", "NegativeLogLikelihoodLoss", "RNN", "RotaryEmbedding", "STFT"),
        *("SoftmaxCrossEntropyLoss", "SwiGLU", "AffineGrid"),
    )
)
# These read shapes, not values.
_SHAPES = frozenset(("EyeLike", "SequenceLength", "Shape", "Size", "OptionalHasElement"))

# Continuous inputs of operators that also have discontinuous inputs: positions, sizes or shapes.
_CONTINUOUS_INPUTS: Mapping[str, frozenset[int]] = {
    "CastLike": _FIRST,
    "CenterCropPad": _FIRST,
    "Compress": _FIRST,
    "DeformConv": _ALL,
    "DequantizeLinear": frozenset((0, 1)),
    "Dropout": _FIRST,
    "Expand": _FIRST,
    "Gather": _FIRST,
    "GatherElements": _FIRST,
    "GatherND": _FIRST,
    "MaxRoiPool": _FIRST,
    "MaxUnpool": _FIRST,
    "OneHot": frozenset((2,)),
    "Pad": frozenset((0, 2)),
    "ReduceMax": _FIRST,
    "ReduceMean": _FIRST,
    "ReduceMin": _FIRST,
    "ReduceSum": _FIRST,
    "Reshape": _FIRST,
    "Resize": _FIRST,
    "ReverseSequence": _FIRST,
    "RoiAlign": _FIRST,
    "Scatter": frozenset((0, 2)),
    "ScatterElements": frozenset((0, 2)),
    "ScatterND": frozenset((0, 2)),
    "Slice": _FIRST,
    "Split": _FIRST,
    "Tile": _FIRST,
    "TopK": _FIRST,
    "Unsqueeze": _FIRST,
    "Upsample": _FIRST,
}
_KNOWN = (
    ELEMENTWISE | COPIES | CONTRACTIONS | SMOOTHINGS | NORMALIZATIONS | _SMOOTH | _SHAPES
) | frozenset(_CONTINUOUS_INPUTS)


def is_standard(node: gs.Node) -> bool:
    """Whether a node's operator is standard, or a jpegcompile operator that a pass created."""
    return node.domain in (None, "", "ai.onnx", DOMAIN)


def continuous_inputs(node: gs.Node) -> frozenset[int]:
    """Positions of the inputs in which a node is continuous.

    Known points of discontinuity, such as 0 for Sqrt, are not considered here; see
    `requirements.py`. Integer outputs, such as positions of maxima, are not considered either.
    """
    if not is_standard(node):
        return frozenset()
    if node.op == "GridSample":
        # Bilinear and bicubic weights interpolate continuously between pixels.
        return _FIRST if node.attrs.get("mode") == "nearest" else _ALL
    return _CONTINUOUS_INPUTS.get(node.op, _ALL) if node.op in _KNOWN else frozenset()


def uses_positions(node: gs.Node, graph: gs.Graph) -> bool:
    """Whether the positions of maxima, the second output of a node, are used."""
    if node.op not in ("MaxPool", "TopK") or len(node.outputs) < 2 or not node.outputs[1].name:
        return False
    return bool(node.outputs[1].outputs) or is_graph_output(graph, node.outputs[1])


def is_whole_power(node: gs.Node) -> bool:
    """Whether the exponent of a Pow is constant and consists of positive integers."""
    exponent = value_of(node.inputs[1])
    return exponent is not None and bool(np.all((exponent > 0) & (exponent % 1 == 0)))


def tensors_read(node: gs.Node) -> list[gs.Tensor]:
    """Tensors that a node reads: its inputs, and outer tensors that its subgraphs read."""
    read = list(node.inputs)
    for value in node.attrs.values():
        if isinstance(value, gs.Graph):
            read += _captured(value)
    return read


def _captured(graph: gs.Graph) -> list[gs.Tensor]:
    read = [t for node in graph.nodes for t in tensors_read(node)] + list(graph.outputs)
    own = {id(t) for t in graph.inputs} | {id(t) for n in graph.nodes for t in n.outputs}
    return [t for t in read if t.name and id(t) not in own]
