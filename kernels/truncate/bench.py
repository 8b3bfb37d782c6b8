"""How the time of 1x1 convolutions falls with the coefficients that truncated maps have.

    python kernels/truncate/bench.py [--rounds N] [--batch N] [--isa NAME] [--json]

Each measurement is one native operator on maps that stand as in a network, its input, residual and
result truncated to n frequencies (of 15; smaller tiles take their share). Results are checked
against the operator's function body first. Then all n run in turn, and the processor time of the
one thread is taken, which other processes disturb less. Beside the ratio of times stands that of
the multiply-adds, with those of the transforms and without.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from jpegcompile.dct.blocks import axis_dct, block_size
from jpegcompile.dct.frequencies import band_map, band_share, full, resolve, transform_cost
from jpegcompile.interface import CHANNEL_GROUP, DOMAIN, DOMAIN_VERSION
from jpegcompile.kernels.truncate.reference import compacted, from_compacted
from jpegcompile.operators.fragments import FORWARD, INVERSE
from jpegcompile.operators.function import function_of, node_of
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.runtime.native import custom_ops_library

NUMBERS = (15, 12, 10, 8, 6, 4)
Tensor = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """A 1x1 convolution; `form` is what follows it, a part of the operator's name."""

    inputs: int
    outputs: int
    size: int
    form: str

    @property
    def block(self) -> int:
        """Block size of its maps."""
        return block_size(self.size, self.size)

    def multiply_adds(self, frequencies: int) -> tuple[float, float]:
        """A pixel's, of the product, and of the transforms that an activation needs."""
        share = band_share(self.block, frequencies)
        transforms = 0.0
        if self.form:
            transforms = 2 * transform_cost(self.block, frequencies) * self.outputs
        return share * self.inputs * self.outputs, transforms


LAYERS = tuple(
    Layer(*sizes, form)
    for sizes in ((64, 256, 56), (256, 64, 56), (128, 512, 28), (512, 128, 28))
    for form in ("", "Relu", "AddRelu")
)


def operands(
    layer: Layer, frequencies: int, batch: int
) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Names of the tensors for the operator's inputs, and their values, maps as NCHW."""
    generator = np.random.default_rng(0)
    size, block = layer.size, layer.block
    band = band_map(size, size, block, frequencies).astype(np.float32)
    dct = np.asarray(axis_dct(size, block), np.float32)
    dc = np.zeros((size, size), np.float32)
    dc[::block, ::block] = block
    shape = (layer.outputs, layer.inputs, 1, 1)
    values: dict[str, Tensor] = {
        "x": generator.standard_normal((batch, layer.inputs, size, size), np.float32) * band,
        "weight": generator.standard_normal(shape, np.float32) / np.float32(layer.inputs**0.5),
        "bias": generator.standard_normal((layer.outputs, 1, 1), np.float32),
    }
    if layer.form.startswith("Add"):
        shape = (batch, layer.outputs, size, size)
        values["residual"] = generator.standard_normal(shape, np.float32) * band
    if not layer.form:
        values["dc"] = dc
        return {name: name for name in values}, values
    if frequencies < full(block):
        values["band"] = band
    names = {name: name for name in values}
    names |= dict(zip((*INVERSE, *FORWARD), ("columns", "rows", "rows", "columns"), strict=True))
    return names, values | {"rows": dct, "columns": np.ascontiguousarray(dct.T)}


def model_of(layer: Layer, frequencies: int, batch: int, native: bool) -> onnx.ModelProto:
    """The operator alone, laid out as between native kernels or as its body takes it."""
    names, values = operands(layer, frequencies, batch)
    is_truncated = frequencies < full(layer.block)
    attributes: dict[str, Any] = {"group": 1, "block": layer.block}
    maps: list[str] = [name for name in ("x", "residual") if name in values]
    if is_truncated and layer.form:
        attributes["frequencies"] = frequencies
    for name in [*maps, "y"] if native else ():
        attributes[f"{name}_group"] = CHANNEL_GROUP
        if is_truncated:
            attributes[f"{name}_frequencies"] = frequencies
    op = f"JpegPointwiseConv{layer.form}{'Truncate' if is_truncated and layer.form else ''}"
    operator = OPERATORS[op]
    node = node_of(operator, names, ["y"], "node", **attributes)
    shapes = {name: values[name].shape for name in maps}
    shapes["y"] = (batch, layer.outputs, layer.size, layer.size)
    infos = {n: helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()}
    graph = helper.make_graph(
        [node],
        "layer",
        [infos[name] for name in maps],
        [infos["y"]],
        [numpy_helper.from_array(value, n) for n, value in values.items() if n not in maps],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)]
    functions = [] if native else [function_of(operator, 17)]
    return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=10)


class Run:
    """A layer at a number of frequencies, with its operands and its result in place."""

    def __init__(self, layer: Layer, frequencies: int, batch: int) -> None:
        """Make a session of one thread, and check what it computes."""
        self._session = _session(model_of(layer, frequencies, batch, native=True), native=True)
        plain = operands(layer, frequencies, batch)[1]
        maps = {name: plain[name] for name in ("x", "residual") if name in plain}
        laid = {"block": layer.block, "frequencies": frequencies}
        # What has no place in a compact map is never read: it is NaN there.
        feeds = {name: compacted(value, **laid) for name, value in maps.items()}
        expected = _session(model_of(layer, frequencies, batch, native=False), native=False).run(
            None, maps
        )[0]
        self._binding = self._session.io_binding()
        for name, value in feeds.items():
            self._binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(value))
        result = ort.OrtValue.ortvalue_from_numpy(np.empty_like(expected))
        self._binding.bind_ortvalue_output("y", result)
        self._session.run_with_iobinding(self._binding)
        actual = from_compacted(result.numpy(), **laid)
        # Sums of a few hundred products, and two transforms, in float32.
        allowed = 2e-5 * float(np.abs(expected).max())
        difference = float(np.abs(actual - expected).max())
        assert difference <= allowed, f"{layer} n {frequencies}: is off by {difference:g}"

    def seconds(self) -> float:
        """Processor time of a call."""
        start = time.process_time()
        self._session.run_with_iobinding(self._binding)
        return time.process_time() - start


def _session(model: onnx.ModelProto, native: bool) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    if native:
        library = custom_ops_library()
        assert library is not None, "no native library is installed"
        options.register_custom_ops_library(str(library))
    return ort.InferenceSession(model.SerializeToString(), options)


def measure(layer: Layer, batch: int, rounds: int) -> list[dict[str, Any]]:
    """Median time at each number, and the shares of what all frequencies take."""
    resolved = {number: resolve(number, layer.block) for number in NUMBERS}
    runs = {number: Run(layer, count, batch) for number, count in resolved.items()}
    times: dict[int, list[float]] = {number: [] for number in NUMBERS}
    for _ in range(rounds):
        for number, run in runs.items():
            times[number].append(run.seconds())
    medians = {number: statistics.median(values) for number, values in times.items()}
    whole = layer.multiply_adds(full(layer.block))
    rows = []
    for number, count in resolved.items():
        products, transforms = layer.multiply_adds(count)
        rows.append(
            {
                "layer": f"{layer.inputs} -> {layer.outputs}, {layer.size}x{layer.size}",
                "form": layer.form,
                "number": number,
                "frequencies": f"{count}/{full(layer.block)}",
                "seconds": medians[number],
                "time": medians[number] / medians[NUMBERS[0]],
                "coefficients": products / whole[0],
                "arithmetic": (products + transforms) / sum(whole),
            }
        )
    return rows


def main() -> None:
    """Check, measure and print the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--isa", choices=("plain", "avx2", "avx512"), help="at most this")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    if arguments.isa:
        os.environ["JPEGCOMPILE_ISA"] = arguments.isa
    rows = []
    for layer in LAYERS:
        for row in measure(layer, arguments.batch, arguments.rounds):
            rows.append(row)
            if not arguments.json:
                _print(row)
    if arguments.json:
        print(json.dumps({"batch": arguments.batch, "rows": rows}))


def _print(row: dict[str, Any]) -> None:
    print(
        f"{row['layer']:>20} {row['form']:8} n {row['number']:2} ({row['frequencies']:>5})"
        f" {row['seconds'] * 1e3:7.3f} ms  time {row['time']:.2f}  coefficients"
        f" {row['coefficients']:.2f}  arithmetic {row['arithmetic']:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
