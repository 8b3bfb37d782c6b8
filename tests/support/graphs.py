"""Small graphs as ONNX text: their values in float64, and the results of passes.

`T` stands for the element type and `N` for the batch in the text of a graph:

    Graph("(T[N,3,16,16] x) => (T[] y) { y = Conv(x, w) }", {"w": (4, 3, 3, 3)})

Weights given by their shape are random numbers that depend on the name. A node has the name of
its first output.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import checker, helper, inliner, numpy_helper, parser, shape_inference
from support.oracle import Evaluator

from jpegcompile.backends.emit import emit
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.module import CompileOptions, Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.ir.verifier import verify_module
from jpegcompile.lowering import lower
from jpegcompile.messages import code_of
from jpegcompile.network_input import Layout, NetworkInput
from jpegcompile.pipeline import pipeline_for
from jpegcompile.runtime.native import custom_ops_library, register
from jpegcompile.target.base import CPU_PROVIDERS, Target
from jpegcompile.target.ort import ORT
from jpegcompile.target.registry import TARGETS

Array = NDArray[Any]
Feeds = dict[str, Array]
# Initializers by name: arrays, or shapes of random arrays.
Weights = Mapping[str, Array | tuple[int, ...]]

# Some tests have other inputs of rank 4; the image always has the name x.
TENSOR = CompileOptions(input_mode="tensor", image_input="x")
BATCH = 2

_ELEMENTS = {"float16": np.float16, "float": np.float32, "double": np.float64}

# Rounding errors that may add up, in units of the result's largest value: a DCT is 2 * 8 products,
# a layer has four of them, a convolution here up to 7 * 7 * 8 products, a graph a few layers.
ROUNDINGS = 4096


@dataclass(frozen=True)
class Graph:
    """A graph as text; see the docstring of the module.

    Attributes:
        text: signature and nodes.
        weights: initializers, as arrays or as shapes.
        opset: of the standard operators.
    """

    text: str
    weights: Weights = field(default_factory=dict)
    opset: int = 17

    def model(self, dtype: str = "double") -> onnx.ModelProto:
        """The graph as a model of element type `float16`, `float` or `double`."""
        header = f'<ir_version: 8, opset_import: ["": {self.opset}]> graph '
        model = parser.parse_model(header + re.sub(r"\bT\[", f"{dtype}[", self.text))
        for node in model.graph.node:
            node.name = node.name or node.output[0]
        for name, weight in self.weights.items():
            values = weight if isinstance(weight, np.ndarray) else random_weight(name, weight)
            if values.dtype == np.float64:
                values = values.astype(_ELEMENTS[dtype])
            model.graph.initializer.append(numpy_helper.from_array(values, name))
        inferred = shape_inference.infer_shapes(model)
        del inferred.graph.value_info[:]
        return inferred

    def perturbed(self, name: str, amount: float = 1e-6) -> Graph:
        """A copy with a small change of the last element of one weight."""
        weight = self.weights[name]
        values = weight if isinstance(weight, np.ndarray) else random_weight(name, weight)
        moved = values.copy()
        moved.flat[-1] += amount
        return replace(self, weights={**self.weights, name: moved})

    def with_text(self, old: str, new: str) -> Graph:
        """A copy with a part of the text replaced."""
        assert old in self.text
        return replace(self, text=self.text.replace(old, new))


def random_weight(name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Random numbers seeded by the name, with sums over all axes except the first near 1."""
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    return np.asarray(generator.standard_normal(shape) / np.sqrt(np.prod(shape[1:])))


def positive(name: str, size: int) -> NDArray[np.float64]:
    """Random numbers between 1/2 and 3/2."""
    return np.random.default_rng(zlib.crc32(name.encode())).uniform(0.5, 1.5, size)


def statistics(size: int, prefix: str = "") -> dict[str, Array | tuple[int, ...]]:
    """Weights s, t, m, v of a BatchNormalization."""
    return {
        f"{prefix}s": positive(f"{prefix}s", size),
        f"{prefix}t": random_weight(f"{prefix}t", (size,)),
        f"{prefix}m": random_weight(f"{prefix}m", (size,)),
        f"{prefix}v": positive(f"{prefix}v", size),
    }


def feeds_of(model: onnx.ModelProto, batch: int = BATCH) -> Feeds:
    """Random values for every input of a model; a symbolic dimension is `batch`."""
    feeds: Feeds = {}
    for value in model.graph.input:
        kind = value.type.tensor_type
        shape = [d.dim_value or batch for d in kind.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
        generator = np.random.default_rng(zlib.crc32(value.name.encode()))
        feeds[value.name] = np.asarray(generator.standard_normal(shape), dtype)
    return feeds


def evaluate(model: onnx.ModelProto, feeds: Feeds) -> list[Array]:
    """Outputs by the reference evaluator of ONNX.

    Functions are inlined, since the evaluator cannot pass attributes to some inner operators.
    """
    plain = inliner.inline_local_functions(model) if model.functions else model
    return [np.asarray(output) for output in Evaluator(plain).run(None, feeds)]


def run_float32(model: onnx.ModelProto, feeds: Feeds, native: bool = False) -> list[Array]:
    """Outputs by ONNX Runtime, for float64 feeds; `native` uses native kernels where available.

    Otherwise function bodies compute the outputs.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if native:
        library = custom_ops_library()
        assert library is not None
        register(options, library)
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=list(CPU_PROVIDERS)
    )
    narrow = {
        name: v.astype(np.float32) if v.dtype == np.float64 else v for name, v in feeds.items()
    }
    return [np.asarray(output) for output in session.run(None, narrow)]


def assert_same(actual: Sequence[Array], expected: Sequence[Array]) -> None:
    """Check equality up to rounding in the precision of `actual`."""
    assert [a.shape for a in actual] == [e.shape for e in expected]
    for got, wanted in zip(actual, expected, strict=True):
        if not np.issubdtype(got.dtype, np.floating):
            np.testing.assert_array_equal(got, wanted)
            continue
        scale = max(1.0, float(np.abs(wanted).max()))
        tolerance = ROUNDINGS * float(np.finfo(got.dtype).eps) * scale
        np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance)


def assert_differs(actual: Sequence[Array], expected: Sequence[Array]) -> None:
    """Check that `assert_same` detects a planted fault in values."""
    assert [a.shape for a in actual] == [e.shape for e in expected]
    with pytest.raises(AssertionError):
        assert_same(actual, expected)


def lowered(graph: Graph, dtype: str = "double", target: str = "ort") -> Module:
    """The graph after the whole pipeline, for a tensor input."""
    return lower(load_source(graph.model(dtype)), replace(TENSOR, target=TARGETS[target]))


def lowered_model(model: onnx.ModelProto) -> tuple[Module, onnx.ModelProto]:
    """A model after the whole pipeline, for a tensor input `x`, and the emitted model."""
    module = lower(load_source(model), TENSOR)
    return module, emit(module)


def check_compiled(
    graph: Graph, outline: str | None = None, expected: Sequence[Array] | None = None
) -> Module:
    """Compile; compare in float64, and in float32 for both targets on ONNX Runtime.

    Args:
        graph: the source.
        outline: operators that the compiled graph must have, as `outline_of` gives them.
        expected: outputs for `feeds_of`, where the reference evaluator is wrong.
    """
    model = graph.model()
    feeds = feeds_of(model)
    wanted = evaluate(model, feeds) if expected is None else expected
    module = lowered(graph)
    if outline is not None:
        assert outline_of(module) == outline
    compiled = emit(module)
    assert_same(evaluate(compiled, feeds), wanted)
    assert [o.name for o in compiled.graph.output] == [o.name for o in model.graph.output]
    for target in TARGETS.values():
        narrow = emit(lowered(graph, "float", target.name))
        checker.check_model(narrow, full_check=True)
        if not target.keeps_operators:
            assert not narrow.functions
            assert {node.domain for node in narrow.graph.node} <= {""}
        assert_same(run_float32(narrow, feeds), wanted)
        if target.kernels is not None:
            assert_same(run_float32(narrow, feeds, native=True), wanted)
    return module


def check_fault(graph: Graph, *faulty: Graph) -> None:
    """Check that `check_compiled` would fail for slightly different sources."""
    feeds = feeds_of(graph.model())
    actual = evaluate(emit(lowered(graph)), feeds)
    assert_same(actual, evaluate(graph.model(), feeds))
    for fault in faulty:
        assert_differs(actual, evaluate(fault.model(), feeds))


def outline_of(module: Module) -> str:
    """Operators of a graph in order, separated by spaces."""
    return " ".join(node.op for node in module.graph.nodes)


def module_of(graph: Graph, options: CompileOptions = TENSOR, dtype: str = "double") -> Module:
    """A module on which no pass has run; its image is the first input."""
    imported = gs.import_onnx(load_source(graph.model(dtype)).model)
    image = imported.inputs[0]
    _, *sizes = image.shape
    layout: Layout = "NHWC" if sizes[2] == 3 else "NCHW"
    channels, height, width = sizes if layout == "NCHW" else (sizes[2], *sizes[:2])
    taken = NetworkInput(image.name, channels, height, width, layout)
    return Module.of(imported, taken, options)


def pass_named(name: str, target: Target = ORT) -> Pass:
    """A pass of the pipeline of a target."""
    return next(step for step in pipeline_for(target) if step.name == name)


def module_before(
    graph: Graph, name: str, options: CompileOptions = TENSOR, dtype: str = "double"
) -> Module:
    """A module before a pass of the pipeline."""
    module = module_of(graph, options, dtype)
    for step in pipeline_for(options.target):
        if step.name == name:
            return module
        step.run(module)
    raise AssertionError(f"the pipeline has no pass {name}")


def snapshot(module: Module) -> list[object]:
    """Everything that a pass could change, as comparable values."""
    graph = module.graph
    constants = {
        name: (tensor.values.dtype, tensor.values.shape, tensor.values.tobytes())
        for name, tensor in graph.tensors().items()
        if isinstance(tensor, gs.Constant)
    }
    nodes = [
        (n.op, n.name, n.domain, dict(n.attrs), [t.name for t in n.inputs], _names(n.outputs))
        for n in graph.nodes
    ]
    ends = [[(t.name, t.dtype, t.shape) for t in side] for side in (graph.inputs, graph.outputs)]
    # A node that stays may be recorded as its own twin, which does not change the graph.
    twins = {name: twin for name, twin in module.twins.items() if name != twin}
    return [nodes, ends, constants, dict(module.maps), dict(module.blocks), twins]


def _names(tensors: Sequence[gs.Tensor]) -> list[str]:
    return [tensor.name for tensor in tensors]


def apply(module: Module, name: str) -> bool:
    """Run a pass, and check that a second run returns False and changes nothing."""
    step = pass_named(name, module.options.target)
    changed = step.run(module)
    verify_module(module, name)
    after, report = snapshot(module), module.report.to_json()
    assert not step.run(module)
    assert snapshot(module) == after
    assert module.report.to_json() == report
    return changed


def check_pass(graph: Graph, name: str, outline: str, options: CompileOptions = TENSOR) -> Module:
    """Check that a pass changes the graph to `outline`, and that values stay."""
    module = module_before(graph, name, options)
    assert apply(module, name)
    assert outline_of(module) == outline
    model = graph.model()
    feeds = feeds_of(model)
    assert_same(evaluate(emit(module), feeds), evaluate(model, feeds))
    return module


def check_untouched(module: Module, name: str) -> dict[str, str]:
    """Check that a pass changes nothing; return the codes of its reasons, by node."""
    before = snapshot(module)
    assert not apply(module, name)
    assert snapshot(module) == before
    return kept_reasons(module)


def declines(graph: Graph, name: str) -> dict[str, str]:
    """Codes of the reasons of a pass that leaves the graph unchanged, by node."""
    return check_untouched(module_before(graph, name), name)


def kept_reasons(module: Module) -> dict[str, str]:
    """Codes of the reasons of all nodes that stayed spatial, by node."""
    return {node.name: code_of(node.reason) for node in module.report.kept}
