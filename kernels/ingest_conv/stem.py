"""First convolutions on JPEG files: a model for each method, and a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from jpegcompile.cost.first import FirstLayer, most_vectors
from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.blocks import axis_dct, dc_map
from jpegcompile.dct.ingest import ingest_operators
from jpegcompile.dct.windows import taps
from jpegcompile.interface import CHANNEL_GROUP, DOMAIN, DOMAIN_VERSION
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.subsampling import frame_of
from jpegcompile.kernels.ingest.reference import jpeg_ingest
from jpegcompile.network_input import NetworkInput
from jpegcompile.operators.first_convolution import SPARSE_VECTORS
from jpegcompile.operators.fragments import INVERSE
from jpegcompile.operators.function import node_of
from jpegcompile.operators.ingest import INGEST
from jpegcompile.operators.registry import OPERATORS

RUNTIME = "onnxruntime"
WAYS = ("sparse", "dense", "chosen", RUNTIME)
# Maps pixels from 0..255 to the usual range of a network's input, about -2 to 2.
AFFINE = ChannelAffine(np.full(3, 1 / 57.0), np.full(3, -2.1))

Feeds = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Stem:
    """A padded convolution of square 4:2:0 images to `channels` channels, and a ReLU."""

    size: int
    channels: int
    kernel: int
    stride: int

    @property
    def pad(self) -> int:
        """Zeros on each side."""
        return self.kernel // 2

    @property
    def output(self) -> int:
        """Side of the result."""
        return (self.size + 2 * self.pad - self.kernel) // self.stride + 1

    @property
    def frame(self) -> Frame:
        """Frame of the files."""
        return frame_of("4:2:0", self.size, self.size)

    @property
    def taken(self) -> NetworkInput:
        """The network's input."""
        return NetworkInput("image", 3, self.size, self.size, "NCHW", color="RGB", affine=AFFINE)

    def window(self) -> dict[str, Any]:
        """Return the attributes of the convolution."""
        return {
            "strides": [self.stride] * 2,
            "pads": [self.pad] * 4,
            "dilations": [1, 1],
            "group": 1,
        }

    @property
    def layer(self) -> FirstLayer:
        """Description for the cost model."""
        sides, steps = (self.kernel,) * 2, (self.stride,) * 2
        return FirstLayer(
            self.size,
            self.size,
            3,
            self.channels,
            sides,
            steps,
            self.output,
            self.output,
            chroma=(2, 2),
        )


# The stems of ResNets at 224, of variants with 3x3 kernels, of VGG, and of ResNets at 32.
STEMS = {
    "resnet": Stem(224, 64, 7, 2),
    "3x3": Stem(224, 32, 3, 2),
    "vgg": Stem(224, 64, 3, 1),
    "cifar": Stem(32, 16, 3, 1),
}


def weights(stem: Stem) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return kernels and biases whose results are about as large as pixels."""
    generator = np.random.default_rng(0)
    kernels = generator.standard_normal((stem.channels, 3, stem.kernel, stem.kernel), np.float32)
    kernels /= np.float32(np.sqrt(3) * stem.kernel)
    return kernels, generator.standard_normal(stem.channels, np.float32)


def constants(stem: Stem) -> dict[str, NDArray[Any]]:
    """Return the constants of both models: operators of the ingest to pixels, and weights."""
    operators = ingest_operators(stem.frame, stem.taken)
    to_pixels = axis_dct(stem.size, operators.block).T
    kernels, bias = weights(stem)
    values: dict[str, NDArray[Any]] = {}
    for name, index, count in (("luma", 0, 1), ("chroma", 1, 2)):
        rows, columns = (to_pixels @ m[index].dense() for m in (operators.rows, operators.columns))
        blocks = rows.shape[1] // 8
        values |= {
            f"{name}_index": np.arange(index, index + count),
            f"{name}_table_shape": np.array([0, count, 1, 1, 8, 8]),
            f"{name}_shape": np.array([0, count, 8 * blocks, 8 * blocks]),
            f"{name}_rows": rows,
            f"{name}_columns": columns.T,
        }
    values |= {
        "mixing": operators.mixing[:, :, None, None],
        "offset": operators.offset[:, None, None],
        "dc": dc_map(stem.size, stem.size, 1),
        "weight": kernels,
        "bias": bias,
        "identity": np.eye(stem.size),
    }
    return {
        name: value.astype(np.float32) if value.dtype.kind == "f" else value
        for name, value in values.items()
    }


def model_of(stem: Stem, method: str) -> onnx.ModelProto:
    """Return a model of the stem for one method; native methods output groups of channels."""
    ingest, fused = OPERATORS[INGEST], OPERATORS["JpegIngestSpatialConvRelu"]
    # Tensors have the names of the operands, except for the transforms.
    inputs = {operand.name: operand.name for operand in ingest.inputs}
    to: dict[str, Any] = {"to": TensorProto.FLOAT, "block": 1}
    if method == RUNTIME:
        nodes = [
            node_of(ingest, inputs, ["image"], **to),
            helper.make_node("Conv", ["image", "weight", "bias"], ["sums"], **stem.window()),
            helper.make_node("Relu", ["sums"], ["y"]),
        ]
    else:
        inputs |= {"weight": "weight", "bias": "bias"}
        inputs |= dict.fromkeys(INVERSE, "identity")
        further: dict[str, Any] = {"output_block": 1, "y_group": CHANNEL_GROUP, "method": method}
        if method == "chosen":
            further |= {"method": "", SPARSE_VECTORS.name: most_vectors(stem.layer)}
        nodes = [node_of(fused, inputs, ["y"], **to, **stem.window(), **further)]
    blocks = stem.size // 8
    shapes: dict[str, tuple[int, list[Any]]] = {
        "luma": (TensorProto.INT16, ["N", 1, blocks, blocks, 8, 8]),
        "chroma": (TensorProto.INT16, ["N", 2, -(-blocks // 2), -(-blocks // 2), 8, 8]),
        "quantization": (TensorProto.UINT16, ["N", 3, 8, 8]),
    }
    shape: list[str | int | None] = ["N", stem.channels, stem.output, stem.output]
    values = {n: v for n, v in constants(stem).items() if any(n in node.input for node in nodes)}
    graph = helper.make_graph(
        nodes,
        "stem",
        [helper.make_tensor_value_info(n, kind, extents) for n, (kind, extents) in shapes.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def expected(stem: Stem, feeds: Feeds) -> NDArray[np.float64]:
    """Compute the stem on the float decode, in float64."""
    image = jpeg_ingest(
        feeds["luma"],
        feeds["chroma"],
        feeds["quantization"],
        frame=stem.frame,
        color="RGB",
        affine=AFFINE,
        block=1,
    )
    kernels, bias = weights(stem)
    sums = np.zeros((len(image), stem.channels, stem.output, stem.output))
    sums += bias[:, None, None]
    sides, pads = (stem.kernel, stem.kernel), (stem.pad,) * 4
    for (row, column), seen in taps(image, sides, (stem.stride,) * 2, pads, (1, 1)):
        sums += np.einsum("nchw,mc->nmhw", seen, kernels[..., row, column])
    return np.maximum(sums, 0)


def check_equal(way: str, actual: NDArray[Any], wanted: NDArray[np.float64]) -> None:
    """Compare a result with the float64 result.

    An output is a sum of some hundred products. Where coefficients cancel, the products are up to
    ten times as large as the largest output. So the tolerance is 100 u times ten times the largest
    output, which is 6e-5 for u = 6e-8.

    Raises:
        AssertionError: if the largest difference exceeds the tolerance.
    """
    if way != RUNTIME:
        batch, groups = len(actual), wanted.shape[1] // CHANNEL_GROUP
        grouped = actual.reshape(batch, groups, *wanted.shape[2:], CHANNEL_GROUP)
        actual = grouped.transpose(0, 1, 4, 2, 3).reshape(wanted.shape)
    allowed = 6e-5 * float(np.abs(wanted).max())
    difference = float(np.abs(actual - wanted).max())
    assert difference <= allowed, f"{way}: difference {difference:g} exceeds {allowed:g}"
