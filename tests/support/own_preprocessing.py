"""Small networks with preprocessing nodes, as exporters and people write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from support.images import make_jpeg
from support.preprocessing_graphs import Node, node

import jpegcompile
from jpegcompile.dct.color import Color
from jpegcompile.dct.decode import decode
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.target.base import CPU_PROVIDERS

FLOAT, UINT8 = TensorProto.FLOAT, TensorProto.UINT8
# Sides after the resize and after the crop.
RESIZED, TAKEN = 40, 32
_CLASSES = 5

MIDDLE: dict[str, Any] = {
    "starts": np.array([4, 4]),
    "ends": np.array([36, 36]),
    "axes": np.array([2, 3]),
}
NUMBERS: dict[str, Any] = {
    "scale": np.float32(255),
    "mean": np.array([0.5, 0.4, 0.3], np.float32).reshape(3, 1, 1),
    "std": np.array([0.2, 0.25, 0.3], np.float32).reshape(3, 1, 1),
}
LAST_NUMBERS: dict[str, Any] = {
    "mean": np.array([120, 110, 100], np.float32),
    "std": np.array([60, 50, 40], np.float32),
}

FILES = [
    make_jpeg(97, 61),
    make_jpeg(50, 120, subsampling=2, quality=90),
    make_jpeg(45, 40, subsampling=1),
]
# Rounding error of float32 sums relative to the largest output. A crop that is off by one pixel
# differs 100 times as much.
TOLERANCE = 2e-5


def network(
    head: Sequence[Node],
    *,
    shape: Sequence[Any] = ("n", 3, "h", "w"),
    kind: int = FLOAT,
    opset: int = 18,
    **constants: Any,
) -> onnx.ModelProto:
    """Return a convolutional network after the nodes `head`, with output `scores` [N, 5]."""
    generator = np.random.default_rng(3)
    weights = {
        "w1": generator.normal(0, 0.2, (8, 3, 3, 3)),
        "w2": generator.normal(0, 0.2, (8, 8, 3, 3)),
        "w3": generator.normal(0, 0.5, (8, _CLASSES)),
    }
    body = [
        node("Conv", f"{head[-1].output[0]} w1 c1", pads=[1] * 4),
        node("Relu", "c1 r1"),
        node("Conv", "r1 w2 c2", pads=[1] * 4, strides=[2, 2]),
        node("Relu", "c2 r2"),
        node("GlobalAveragePool", "r2 pooled"),
        node("Flatten", "pooled flat"),
        node("MatMul", "flat w3 scores"),
    ]
    values = {**constants, **{name: w.astype(np.float32) for name, w in weights.items()}}
    graph = helper.make_graph(
        [*head, *body],
        "network",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("scores", FLOAT, ["batch", _CLASSES])],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in values.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    return model


def photographs(kind: int = FLOAT, crop: int = 4, **resize: Any) -> onnx.ModelProto:
    """[N,3,H,W] -> Resize -> crop of `crop` pixels on each side -> normalization."""
    axes = {} if kind == FLOAT else {"to": FLOAT}
    first = [node("Cast", "x pixels", **axes)] if kind != FLOAT else [node("Identity", "x pixels")]
    bounds = {**MIDDLE, "starts": np.array([crop, crop]), "ends": np.array([crop + TAKEN] * 2)}
    return network(
        [
            *first,
            node("Resize", "pixels - - sizes a", **{"mode": "linear", "axes": [2, 3], **resize}),
            node("Slice", "a starts ends axes b"),
            node("Div", "b scale c"),
            node("Sub", "c mean d"),
            node("Div", "d std e"),
        ],
        kind=kind,
        sizes=np.array([RESIZED, RESIZED]),
        **bounds,
        **NUMBERS,
    )


def channels_last(kind: int = UINT8, **resize: Any) -> onnx.ModelProto:
    """uint8 [N,H,W,3] -> Cast, Transpose -> Resize -> center crop -> normalization, as tf2onnx."""
    return network(
        [
            node("Shape", "x shape"),
            node("Gather", "shape zero n"),
            node("Concat", "n three_and_sizes all", axis=0),
            node("Cast", "x a", to=FLOAT),
            node("Transpose", "a b", perm=[0, 3, 1, 2]),
            node("Resize", "b - - all c", **{"mode": "linear", **resize}),
            node("Slice", "c starts ends axes d"),
            node("Transpose", "d e", perm=[0, 2, 3, 1]),
            node("Sub", "e mean f"),
            node("Div", "f std g"),
            node("Transpose", "g h", perm=[0, 3, 1, 2]),
        ],
        shape=("n", "h", "w", 3),
        kind=kind,
        zero=np.array([0]),
        three_and_sizes=np.array([3, RESIZED, RESIZED]),
        **MIDDLE,
        **LAST_NUMBERS,
    )


def without_batch(kind: int = UINT8) -> onnx.ModelProto:
    """uint8 [H,W,3] -> Transpose, Cast, Unsqueeze -> Resize -> pixels / 255."""
    return network(
        [
            node("Transpose", "x a", perm=[2, 0, 1]),
            node("Cast", "a b", to=FLOAT),
            node("Unsqueeze", "b zero c"),
            node("Resize", "c - - sizes d", mode="linear", antialias=1),
            node("Div", "d scale e"),
        ],
        shape=("h", "w", 3),
        kind=kind,
        zero=np.array([0]),
        sizes=np.array([1, 3, TAKEN, TAKEN]),
        scale=np.float32(255),
    )


def padded(value: float = 0.0) -> onnx.ModelProto:
    """Resize and a Pad with a number, for a normalized input."""
    return network(
        [
            node("Resize", "x - - sizes a", mode="cubic", cubic_coeff_a=-0.5, axes=[2, 3]),
            node("Pad", "a pads fill b"),
        ],
        sizes=np.array([24, 28]),
        pads=np.array([0, 0, 3, 2, 0, 0, 5, 2]),
        fill=np.float32(value),
    )


def of_opset(opset: int) -> onnx.ModelProto:
    """Resize to sizes with the operator of an opset; opset 11 requires further operands."""
    return network(
        [
            node("Resize", "x none none sizes a", mode="linear"),
            node("Slice", "a starts ends axes b"),
            node("Div", "b scale c"),
        ],
        shape=(1, 3, "h", "w"),
        opset=opset,
        none=np.zeros(0, np.float32),
        sizes=np.array([1, 3, RESIZED, RESIZED]),
        **MIDDLE,
        scale=np.float32(255),
    )


def float_pixels(file: bytes, color: Color = "RGB") -> NDArray[np.float32]:
    """Return pixels [H, W, 3] of the float decode, neither rounded nor clamped."""
    return decode(read_coefficients(file), color).astype(np.float32)


def by_onnxruntime(model: onnx.ModelProto, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a model with a float input on images [1, ...], or on one image without a batch."""
    session = ort.InferenceSession(model.SerializeToString(), providers=list(CPU_PROVIDERS))
    (taken,) = session.get_inputs()
    return np.asarray(session.run(None, {taken.name: image})[0])


def planes(pixels: Any) -> Any:
    """Convert pixels [H, W, 3] to [1, 3, H, W]."""
    return pixels.transpose(2, 0, 1)[None]


def compiled_scores(model: onnx.ModelProto, folder: Path, **options: Any) -> Any:
    path = folder / "compiled.onnx"
    jpegcompile.compile(model, **{"preprocess": "none", **options}).save(path)
    return jpegcompile.load(path).run(FILES)[0]


def distance(actual: Any, expected: Any) -> float:
    """Return the largest difference relative to the largest output."""
    return float(np.abs(actual - expected).max() / np.abs(expected).max())
