"""Time 3x3 convolutions by each native method and in ONNX Runtime.

    python kernels/conv/bench.py [--batch N ...] [--threads N] [--rounds N] [--json FILE]

Each measurement runs a chain of equal convolutions with ReLU. Input and output are in the JPEG
domain, at the block size of the map. Chains are long enough that weights are read from the same
level of the memory as in a network. The benchmark checks the result of each chain against the
spatial chain in ONNX Runtime, then times all methods in interleaved rounds. With one thread it
measures processor time, which other processes disturb less. `jpegcompile.cost.fit` reads the record
that `--json` writes.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from jpegcompile.cost.model import METHODS, Layer, fastest
from jpegcompile.dct.blocks import block_size, to_jpeg, to_spatial
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import interleaved, timed
from jpegcompile.interface import CHANNEL_GROUP, DOMAIN, DOMAIN_VERSION
from jpegcompile.operators.fragments import FORWARD, INVERSE
from jpegcompile.operators.function import node_of
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.runtime.native import custom_ops_library

# (channels, height and width of the map, layers in the chain)
LAYERS = (
    (64, 112, 2),
    (64, 56, 6),
    (128, 28, 6),
    (256, 28, 3),
    (128, 14, 6),
    (256, 14, 6),
    (256, 7, 6),
    (512, 7, 4),
    (16, 32, 7),
    (32, 16, 7),
    (64, 8, 7),
)

Tensor = NDArray[np.float32]


def weights_of(channels: int, count: int) -> list[Tensor]:
    """Return kernels whose results have about the same magnitude as their inputs."""
    generator = np.random.default_rng(0)
    scale = np.float32(np.sqrt(2 / (9 * channels)))
    shape = (channels, channels, 3, 3)
    return [generator.standard_normal(shape, np.float32) * scale for _ in range(count)]


def spatial_chain(weights: list[Tensor], size: int) -> onnx.ModelProto:
    """Return a chain of the standard operators Conv and Relu."""
    nodes, tensor = [], "x"
    for index in range(len(weights)):
        nodes.append(helper.make_node("Conv", [tensor, f"w{index}"], ["c"], pads=[1] * 4))
        nodes[-1].output[0] = f"c{index}"
        tensor = f"y{index}"
        nodes.append(helper.make_node("Relu", [f"c{index}"], [tensor]))
    return _model(nodes, tensor, weights, size, {})


def native_chain(weights: list[Tensor], size: int, method: str) -> onnx.ModelProto:
    """Return a chain of JpegConvRelu by one method, with grouped channels inside the chain."""
    block, last = block_size(size, size), len(weights) - 1
    nodes = []
    for index in range(len(weights)):
        names = dict.fromkeys((*INVERSE, *FORWARD), "unused")
        names |= {"x": "x" if index == 0 else f"y{index - 1}", "weight": f"w{index}"}
        node = node_of(
            OPERATORS["JpegConvRelu"],
            names | {"bias": "bias"},
            [f"y{index}"],
            strides=[1, 1],
            pads=[1] * 4,
            dilations=[1, 1],
            group=1,
            input_block=block,
            output_block=block,
            x_group=1 if index == 0 else CHANNEL_GROUP,
            y_group=1 if index == last else CHANNEL_GROUP,
            method=method,
        )
        nodes.append(node)
    bias = np.zeros(len(weights[0]), np.float32)
    # Only function bodies read the matrices of the transforms, and this model has no bodies.
    return _model(nodes, f"y{last}", weights, size, {"bias": bias, "unused": np.zeros(1, "f")})


def _model(
    nodes: list[onnx.NodeProto],
    output: str,
    weights: list[Tensor],
    size: int,
    others: dict[str, NDArray[Any]],
) -> onnx.ModelProto:
    constants = {**{f"w{i}": w for i, w in enumerate(weights)}, **others}
    shape: list[str | int | None] = ["N", len(weights[0]), size, size]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def session_of(model: onnx.ModelProto, threads: int) -> ort.InferenceSession:
    """Return a session with the native library; its idle threads do not spin."""
    library = custom_ops_library()
    assert library is not None, "no native library is installed"
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.register_custom_ops_library(str(library))
    return ort.InferenceSession(model.SerializeToString(), options)


def check_equal(name: str, actual: Tensor, expected: Tensor, layers: int) -> None:
    """Compare the pixels of a chain in the JPEG domain with the pixels of the spatial chain.

    Each layer rounds sums of a few thousand products, by about 1e-6 of its input at most (including
    the points of Winograd's method), and passes on the error of its input.

    Raises:
        AssertionError: if the largest difference exceeds this rounding error.
    """
    allowed = 1e-5 * layers * float(np.abs(expected).max())
    difference = float(np.abs(actual - expected).max())
    assert difference <= allowed, f"{name}: differs by {difference:g} > {allowed:g}"


def measure(channels: int, size: int, layers: int, batch: int, threads: int, rounds: int) -> Any:
    """Return a row: median seconds of one layer by each method and in ONNX Runtime."""
    weights = weights_of(channels, layers)
    block = block_size(size, size)
    spatial = np.random.default_rng(1).standard_normal((batch, channels, size, size), np.float32)
    coefficients = to_jpeg(spatial, block).astype(np.float32)
    sessions = {"onnxruntime": session_of(spatial_chain(weights, size), threads)}
    for method in METHODS:
        sessions[method] = session_of(native_chain(weights, size, method), threads)
    feeds = {name: spatial if name == "onnxruntime" else coefficients for name in sessions}
    results = {name: s.run(None, {"x": feeds[name]})[0] for name, s in sessions.items()}
    for method in METHODS:
        pixels = to_spatial(results[method].astype(np.float64), block)
        check_equal(f"{method} {channels}x{size}", pixels, results["onnxruntime"], layers)
    clock = time.process_time if threads == 1 else time.perf_counter
    runs = {name: partial(s.run, None, {"x": feeds[name]}) for name, s in sessions.items()}
    found = interleaved({name: timed(run, clock) for name, run in runs.items()}, rounds)
    layer = Layer(channels, channels, size, size, batch)
    return {
        "layer": asdict(layer),
        "seconds": {name: median / layers for name, median in found.medians().items()},
        "chosen": fastest(layer),
    }


def main() -> None:
    """Check, measure and print the result."""
    parser = parser_for(__doc__, rounds=15)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    rows = []
    for channels, size, layers in LAYERS:
        for batch in arguments.batch:
            row = measure(channels, size, layers, batch, arguments.threads, arguments.rounds)
            rows.append(row)
            _print(row)
    if arguments.json:
        settings = {"threads": arguments.threads, "rounds": arguments.rounds}
        Record("conv", rows, settings).write(arguments.json)


def _print(row: Any) -> None:
    times, layer = row["seconds"], row["layer"]
    base = times["onnxruntime"]
    ways = "  ".join(f"{m} {times[m] * 1e3:.3f} ({times[m] / base:.2f})" for m in METHODS)
    print(
        f"{layer['inputs']:4} channels {layer['height']:3}x{layer['width']:<3} batch"
        f" {layer['batch']}: ONNX Runtime {base * 1e3:.3f} ms  {ways}  chosen {row['chosen']}",
        flush=True,
    )


if __name__ == "__main__":
    main()
