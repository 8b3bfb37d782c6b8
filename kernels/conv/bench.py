"""How fast 3x3 convolutions run by each native method, and in ONNX Runtime.

    python kernels/conv/bench.py [--batch N ...] [--threads N] [--rounds N] [--json]

Each measurement is a chain of equal layers with ReLU, jpeg domain in and out at the block size of
the map, with enough layers that their weights come from where those of a network come from. The
chain's result is checked against ONNX Runtime's on the spatial twin first; then all ways run in
turn. With one thread the processor time of the thread is taken, which other processes disturb less.
`--json` is what `jpegcompile.cost.fit` takes.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from dataclasses import asdict
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from jpegcompile.cost.model import METHODS, Layer, fastest
from jpegcompile.dct.blocks import block_size, to_jpeg, to_spatial
from jpegcompile.interface import CHANNEL_GROUP, DOMAIN, DOMAIN_VERSION
from jpegcompile.operators.fragments import FORWARD, INVERSE
from jpegcompile.operators.function import node_of
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.processors import available_processors
from jpegcompile.runtime.native import custom_ops_library

# (channels, size of the map, layers)
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
    """Kernels whose results are about as large as what they are given."""
    generator = np.random.default_rng(0)
    scale = np.float32(np.sqrt(2 / (9 * channels)))
    shape = (channels, channels, 3, 3)
    return [generator.standard_normal(shape, np.float32) * scale for _ in range(count)]


def spatial_chain(weights: list[Tensor], size: int) -> onnx.ModelProto:
    """Conv and Relu as standard operators."""
    nodes, tensor = [], "x"
    for index in range(len(weights)):
        nodes.append(helper.make_node("Conv", [tensor, f"w{index}"], ["c"], pads=[1] * 4))
        nodes[-1].output[0] = f"c{index}"
        tensor = f"y{index}"
        nodes.append(helper.make_node("Relu", [f"c{index}"], [tensor]))
    return _model(nodes, tensor, weights, size, {})


def native_chain(weights: list[Tensor], size: int, method: str) -> onnx.ModelProto:
    """JpegConvRelu by one method, in groups of channels except at both ends."""
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
    # Kernels know the transforms; the matrices are for function bodies, which are not here.
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
    """A session with the native library, whose idle threads leave the cores to the others."""
    library = custom_ops_library()
    assert library is not None, "no native library is installed"
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.register_custom_ops_library(str(library))
    return ort.InferenceSession(model.SerializeToString(), options)


def check_equal(name: str, actual: Tensor, expected: Tensor, layers: int) -> None:
    """Compare a chain in the jpeg domain, brought back to pixels, with the spatial one.

    Each layer rounds sums of a few thousand products, relative to what it is given by some 1e-6 at
    the worst (Winograd's points included), and passes on what it was given.

    Raises:
        AssertionError: if the largest difference is beyond that.
    """
    allowed = 1e-5 * layers * float(np.abs(expected).max())
    difference = float(np.abs(actual - expected).max())
    assert difference <= allowed, f"{name}: is off by {difference:g}, {allowed:g} is rounding"


def measure(channels: int, size: int, layers: int, batch: int, threads: int, rounds: int) -> Any:
    """Median seconds of a layer by each method, and of ONNX Runtime."""
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
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(rounds):
        for name, session in sessions.items():
            start = clock()
            session.run(None, {"x": feeds[name]})
            times[name].append((clock() - start) / layers)
    layer = Layer(channels, channels, size, size, batch)
    return {
        "layer": asdict(layer),
        "seconds": {name: statistics.median(values) for name, values in times.items()},
        "chosen": fastest(layer),
    }


def machine() -> str:
    """Processor and number of cores."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            name = next(
                (x.split(":")[1].strip() for x in stream if x.startswith("model name")), name
            )
    except OSError:
        return name
    return f"{name}, {available_processors()} cores"


def main() -> None:
    """Check, measure and print the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    rows = []
    for channels, size, layers in LAYERS:
        for batch in arguments.batch:
            row = measure(channels, size, layers, batch, arguments.threads, arguments.rounds)
            rows.append(row)
            if not arguments.json:
                _print(row)
    if arguments.json:
        print(json.dumps({"machine": machine(), "threads": arguments.threads, "rows": rows}))


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
