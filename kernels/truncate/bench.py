"""Time 1x1 convolutions of maps with truncated coefficients.

    python kernels/truncate/bench.py [--rounds N] [--batch N] [--isa NAME] [--json FILE]

Each measurement runs one native operator on maps in the layout that they have in a network. Input,
residual input and result are truncated to n of 15 frequencies; smaller tiles keep the same
fraction. The benchmark checks each result against the function body of the operator, then times all
n in interleaved rounds. It measures the processor time of one thread, which other processes disturb
less. Next to the ratio of times, it prints two ratios of multiply-adds: of the product alone, and
with the transforms.
"""

from __future__ import annotations

import os
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
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import interleaved, timed
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
    """A 1x1 convolution.

    Attributes:
        inputs, outputs: channels.
        size: height and width of its maps.
        form: fused operations, as in the name of the operator: "", "Relu" or "AddRelu".
    """

    inputs: int
    outputs: int
    size: int
    form: str

    @property
    def block(self) -> int:
        """Return the block size of its maps."""
        return block_size(self.size, self.size)

    def multiply_adds(self, frequencies: int) -> tuple[float, float]:
        """Return multiply-adds of a pixel: (product, transforms that an activation needs)."""
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
    """Return the names of the tensors by operand, and the values by name, maps as NCHW."""
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
    """Return a model of one operator, with the layouts of native kernels or of function bodies."""
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
    """A layer at a number of frequencies, with operands and result in allocated memory."""

    def __init__(self, layer: Layer, frequencies: int, batch: int) -> None:
        """Open a session of one thread and check its result.

        Raises:
            AssertionError: if the result differs from the result of the function body.
        """
        self._session = _session(model_of(layer, frequencies, batch, native=True), native=True)
        plain = operands(layer, frequencies, batch)[1]
        maps = {name: plain[name] for name in ("x", "residual") if name in plain}
        laid = {"block": layer.block, "frequencies": frequencies}
        # Kernels never read truncated coefficients: `compacted` sets them to NaN.
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
        assert difference <= allowed, f"{layer} n {frequencies}: differs by {difference:g}"

    def __call__(self) -> None:
        """Run the layer once."""
        self._session.run_with_iobinding(self._binding)


def _session(model: onnx.ModelProto, native: bool) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    if native:
        library = custom_ops_library()
        assert library is not None, "no native library is installed"
        options.register_custom_ops_library(str(library))
    return ort.InferenceSession(model.SerializeToString(), options)


def measure(layer: Layer, batch: int, rounds: int) -> list[dict[str, Any]]:
    """Return a row for each number of frequencies, with ratios to all 15."""
    resolved = {number: resolve(number, layer.block) for number in NUMBERS}
    runs = {number: Run(layer, count, batch) for number, count in resolved.items()}
    clock = time.process_time
    found = interleaved({str(n): timed(run, clock) for n, run in runs.items()}, rounds)
    every = str(NUMBERS[0])
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
                "seconds": found.median(str(number)),
                "time": found.ratio(str(number), every),
                "coefficients": products / whole[0],
                "arithmetic": (products + transforms) / sum(whole),
            }
        )
    return rows


def main() -> None:
    """Check, measure and print the result."""
    parser = parser_for(__doc__, rounds=21)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument(
        "--isa", choices=("plain", "avx2", "avx512"), help="newest instruction set to use"
    )
    arguments = parser.parse_args()
    if arguments.isa:
        os.environ["JPEGCOMPILE_ISA"] = arguments.isa
    rows = []
    for layer in LAYERS:
        for row in measure(layer, arguments.batch, arguments.rounds):
            rows.append(row)
            _print(row)
    if arguments.json:
        settings = {name: getattr(arguments, name) for name in ("batch", "rounds", "isa")}
        Record("truncated_layers", rows, settings).write(arguments.json)


def _print(row: dict[str, Any]) -> None:
    print(
        f"{row['layer']:>20} {row['form']:8} n {row['number']:2} ({row['frequencies']:>5})"
        f" {row['seconds'] * 1e3:7.3f} ms  time {row['time']:.2f}  coefficients"
        f" {row['coefficients']:.2f}  arithmetic {row['arithmetic']:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
