"""A batch of one becomes dynamic if images are independent; otherwise a note says why not."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from support.codes import refused
from support.graphs import (
    Graph,
    Weights,
    apply,
    assert_same,
    check_compiled,
    check_untouched,
    evaluate,
    feeds_of,
    lowered,
    module_before,
    run_float32,
)

from jpegcompile.backends.emit import emit
from jpegcompile.errors import UsageError
from jpegcompile.messages import code_of

NAME = "dynamic-batch"
WEIGHTS: Weights = {
    "a": np.asarray([2, 3]),
    "row": np.asarray([0, 3, 64]),
    "one": np.asarray([1]),
    "three": np.asarray([3]),
    "plane": np.asarray([1, 2]),
    "thin": (1, 3, 16, 16),
    "w": (4, 3, 3, 3),
    "d": (192, 5),
    "s": (3,),
    "t": (3,),
    "m": (3,),
    "v": np.ones(3),
    "k": (3, 1, 1),
    "p": (1, 3, 1, 1),
    "batch": (2, 3, 1, 1),
    "deep": (1, 1, 3, 8, 8),
    "none": np.asarray([], np.int64),
    "two": np.asarray([0, 2]),
    "wide": np.asarray([0, 0, 1, 1, 0, 0, 1, 1]),
    "taller": np.asarray([1, 0, 0, 0, 0, 0, 0, 0]),
    "zero": np.asarray([0]),
    "token": (1, 2, 8, 8),
    "stack": (1, 192, 5),
    "tall": np.asarray([2, 96]),
    "flat": np.asarray([1, 192]),
    "last": np.asarray([-1]),
    "front": np.asarray([-5]),
    "ln": np.ones((8, 8)),
    "cw": (3, 2, 2, 2),
    "double": np.asarray([1, 1, 2, 2], np.float32),
    "twice": np.asarray([2, 2], np.float32),
    "batches": np.asarray([2, 1, 1, 1], np.float32),
    "five": np.asarray([1, 1, 3, 8, 8]),
    "sizes": np.asarray([1, 3, 16, 16]),
    "rows": np.asarray([1, 1, 2, 3]),
    "many": np.asarray([2, 1, 1, 1]),
    "deeper": np.asarray([1, 6, 16, 16]),
    "wider": np.asarray([0, 0, 4, 4, 0, 0, 4, 4]),
    "four": np.asarray([1, 1, 1, 1]),
}


def graph_of(body: str) -> Graph:
    """A graph with the weights that its body names."""
    outputs = ["int64[] y" if "ArgMax" in body else "T[] y"]
    outputs += ["int64[] where"] if "where" in body else []
    words = set(re.findall(r"\w+", body))
    used = {name: weight for name, weight in WEIGHTS.items() if name in words}
    return Graph(f"(T[1,3,8,8] x) => ({', '.join(outputs)}) {{ {body} }}", used, 18)


KEEPS_APART = [
    "y = Conv(x, w)",
    "y = BatchNormalization(x, s, t, m, v)",
    "a1 = Relu(x)  a2 = Add(a1, k)  a3 = Mul(p, a2)  y = Add(a3, x)",
    "y = MaxPool<kernel_shape = [2, 2]>(x)",
    "y = GlobalAveragePool(x)",
    "y = InstanceNormalization(x, s, t)",
    "f = Flatten(x)  y = MatMul(f, d)",
    "f = Flatten(x)  g = Gemm(f, d)  y = Softmax(g)",
    "f = Reshape(x, flat)  y = MatMul(f, d)",
    "r = Reshape(x, row)  y = Softmax<axis = 2>(r)",
    "y = ReduceMean(x, a)",
    "y = ReduceSum<keepdims = 0>(x, one)",
    "y = Transpose<perm = [0, 2, 3, 1]>(x)",
    "y = Slice(x, one, three, one)",
    "y = Pad(x, wide)",
    "y = Concat<axis = 1>(x, x)",
    "y = ArgMax<axis = 1>(x)",
    "g = GlobalAveragePool(x)  q = Squeeze(g, a)  y = Unsqueeze(q, one)",
    "g = GlobalAveragePool(x)  y = Squeeze(g, last)",
    "y, z = Split<axis = 2, num_outputs = 2>(x)",
    "y = LayerNormalization<axis = 2>(x, ln)",
    "y = SpaceToDepth<blocksize = 2>(x)",
    "d1 = SpaceToDepth<blocksize = 2>(x)  y = DepthToSpace<blocksize = 2>(d1)",
    "y = ConvTranspose(x, cw)",
    'y = Resize<mode = "nearest">(x, , double)',
    'y = Resize<mode = "nearest", axes = [2, 3]>(x, , twice)',
    'y = Resize<mode = "nearest">(x, , , sizes)',
    "e = GlobalMaxPool(x)  f = Expand(e, sizes)  g = Pad(x, wider)  y = Mul(f, g)",
    "g = Pad(x, four, , plane)  y = Relu(g)",
    "g = ReduceMax(x, a)  y = Expand(g, sizes)",
    "g = ReduceMin(x, a)  y = Expand(g, a)",
    "y = Tile(x, rows)",
    "y = Gather<axis = 1>(x, two)",
    "y = MatMul(x, x)",
    "b = Less(x, k)  n = Not(b)  y = Where(n, x, k)",
]


@pytest.mark.sampled
@pytest.mark.parametrize("body", KEEPS_APART)
def test_becomes_symbolic(body: str) -> None:
    graph = graph_of(body)
    module = module_before(graph, NAME)
    assert apply(module, NAME)
    assert module.dynamic_batch
    compiled = emit(check_compiled(graph))
    feeds = feeds_of(graph.with_text("T[1,", "T[3,").model())
    one_by_one = [evaluate(graph.model(), {"x": image[None]}) for image in feeds["x"]]
    together = [np.concatenate(outputs) for outputs in zip(*one_by_one, strict=True)]
    assert_same(evaluate(compiled, feeds), together)


@pytest.mark.parametrize(
    "body", ["y = LRN<size = 3>(x)", "y = GroupNormalization<num_groups = 3>(x, s, t)"]
)
def test_becomes_symbolic_at_run_time(body: str) -> None:
    """Operators for which the reference evaluator mixes images, or whose shape is unknown."""
    graph = replace(graph_of(body), opset=21).with_text("T[] y", "T[B,3,8,8] y")
    compiled = emit(lowered(graph, "float"))
    feeds = feeds_of(graph.with_text("T[1,", "T[3,").model())
    one_by_one = [run_float32(graph.model("float"), {"x": image[None]}) for image in feeds["x"]]
    together = [np.concatenate(outputs) for outputs in zip(*one_by_one, strict=True)]
    assert_same(run_float32(compiled, feeds), together)


@pytest.mark.parametrize(("axes", "apart"), [(", axes = [2]", True), ("", False)])
def test_slices_below_opset_10(axes: str, apart: bool) -> None:
    text = f"(T[1,3,8,8] x) => (T[] y) {{ y = Slice<starts = [0], ends = [1]{axes}>(x) }}"
    module = module_before(Graph(text, opset=9), NAME)
    assert apply(module, NAME) == apart


MIXES = {
    "y = Add(x, batch)": "Add 'y'",
    "y = Mul(x, deep)": "Mul 'y'",
    "y = Concat<axis = 0>(x, x)": "Concat 'y'",
    "y = Concat<axis = 1>(x, token)": "Concat 'y'",
    "y = Transpose<perm = [1, 0, 2, 3]>(x)": "Transpose 'y'",
    "y = Transpose(x)": "Transpose 'y'",
    "y = ReduceMean(x)": "ReduceMean 'y'",
    "y = ReduceMean(x, none)": "ReduceMean 'y'",
    "y = ReduceMean(x, two)": "ReduceMean 'y'",
    "y = Flatten<axis = 0>(x)": "Flatten 'y'",
    "y = Flatten<axis = 2>(x)": "Flatten 'y'",
    "y = Reshape(x, tall)": "Reshape 'y'",
    "y = Pad(x, taller)": "Pad 'y'",
    "y = Slice(x, zero, one)": "Slice 'y'",
    "f = Flatten(x)  y = MatMul(f, stack)": "MatMul 'y'",
    "f = Flatten(x)  y = Gemm<transB = 1>(f, f)": "Gemm 'y'",
    "f = Flatten(x)  y = Gemm<transA = 1>(f, f)": "Gemm 'y'",
    "f = Flatten(x)  y = Softmax<axis = 0>(f)": "Softmax 'y'",
    "y = Conv(thin, x)": "Conv 'y'",
    "y = Squeeze(x, zero)": "Squeeze 'y'",
    "y = Squeeze(x)": "Squeeze 'y'",
    "y = Unsqueeze(x, zero)": "Unsqueeze 'y'",
    "y = Unsqueeze(x, front)": "Unsqueeze 'y'",
    "y = Split<num_outputs = 1>(x)": "Split 'y'",
    "y = LayerNormalization<axis = 0>(x, x)": "LayerNormalization 'y'",
    'y = Resize<mode = "nearest">(x, , batches)': "Resize 'y'",
    'y = Resize<mode = "nearest">(x, , , deeper)': "Resize 'y'",
    'y = Resize<mode = "nearest", axes = [0, 1]>(x, , twice)': "Resize 'y'",
    "y = Gather(x, zero)": "Gather 'y'",
    "f = Flatten(x)  h = ReduceMean(f, one)  y = MatMul(h, h)": "MatMul 'y'",
    "g = Squeeze(x, zero)  y = Add(x, g)": "Squeeze 'g'",
    "l = Less(x, x)  y = Where(l, x, batch)": "Where 'y'",
    "y = Expand(x, five)": "Expand 'y'",
    "y = Expand(x, many)": "Expand 'y'",
    "y = Tile(x, many)": "Tile 'y'",
    "y, where = MaxPool<kernel_shape = [2, 2]>(x)": "MaxPool 'y'",
}


@pytest.mark.parametrize("body", list(MIXES))
def test_operators_that_mix_images(body: str) -> None:
    module = module_before(graph_of(body), NAME)
    assert check_untouched(module, NAME) == {}
    assert not module.dynamic_batch
    (note,) = module.report.notes
    assert code_of(note) == "batch-is-combined"
    assert MIXES[body] in note


def test_mixed_ranks_stay() -> None:
    """A vector of an image broadcasts to a map along the width, not along the batch."""
    graph = graph_of("g = ReduceMean<keepdims = 0>(x, plane)  y = Add(x, g)")
    module = module_before(graph, NAME)
    assert check_untouched(module, NAME) == {}
    assert list(map(code_of, module.report.notes)) == ["batch-is-combined"]


def test_training_mode_stays() -> None:
    text = """(T[1,3,8,8] x) => (T[] y) {
        y, mean, var = BatchNormalization<training_mode = 1>(x, s, t, m, v) }"""
    used = {name: WEIGHTS[name] for name in "stmv"}
    module = module_before(Graph(text, used), NAME)
    assert check_untouched(module, NAME) == {}
    assert list(map(code_of, module.report.notes)) == ["batch-is-combined"]


def test_other_batches_stay() -> None:
    graph = Graph("(T[4,3,8,8] x) => (T[] y) { y = Relu(x) }")
    module = module_before(graph, NAME)
    assert check_untouched(module, NAME) == {}
    assert list(map(code_of, module.report.notes)) == ["batch-exported-fixed"]
    assert module.fixed_batch == 4
    check_compiled(graph)


@pytest.mark.parametrize(
    ("batch", "body", "reason"),
    [
        (4, "y = Relu(x)", "batch-exported-fixed"),
        (1, "y = Softmax<axis = 0>(x)", "batch-is-combined"),
    ],
)
def test_a_fixed_batch_size_rejects_other_batches(batch: int, body: str, reason: str) -> None:
    graph = Graph(f"(T[{batch},3,8,8] x) => (T[] y) {{ {body} }}")
    module = module_before(graph, NAME)
    module.options = replace(module.options, batch=batch)
    assert not apply(module, NAME)
    (note,) = module.report.notes
    assert code_of(note) == reason
    assert f"--batch {batch}" in note
    module = module_before(graph, NAME)
    module.options = replace(module.options, batch=8)
    with refused("batch-is-fixed", UsageError) as caught:
        apply(module, NAME)
    assert "--batch is 8 but input 'x'" in str(caught.value)
    assert f"size {batch}" in str(caught.value)
    # A dynamic batch accepts any size.
    opened = module_before(Graph("(T[1,3,8,8] x) => (T[] y) { y = Relu(x) }"), NAME)
    opened.options = replace(opened.options, batch=8)
    assert apply(opened, NAME)
    assert (opened.dynamic_batch, opened.fixed_batch) == (True, None)


def test_a_symbolic_batch_stays() -> None:
    module = module_before(Graph("(T[B,3,8,8] x) => (T[] y) { y = Relu(x) }"), NAME)
    assert check_untouched(module, NAME) == {}
    assert module.dynamic_batch
    assert module.report.notes == []


def test_other_inputs() -> None:
    text = "(T[1,3,8,8] x, T[1,3] z) => (T[] y, T[] a) { y = Relu(x)  a = Relu(z) }"
    module = module_before(Graph(text), NAME)
    assert check_untouched(module, NAME) == {}
    assert list(map(code_of, module.report.notes)) == ["batch-of-other-inputs"]


def test_outputs_that_do_not_depend_on_the_image() -> None:
    text = "(T[1,3,8,8] x) => (T[] y, T[] z) { y = Relu(x)  z = Identity(c) }"
    module = module_before(Graph(text, {"c": (1, 4)}), NAME)
    assert check_untouched(module, NAME) == {}
    (note,) = module.report.notes
    assert code_of(note) == "batch-not-in-output"
    assert "'z'" in note


def test_subgraphs() -> None:
    """A branch may read the image although it is not an input of the node."""
    text = """(T[1,3,8,8] x) => (T[] y) {
        r = Relu(x)  c = RandomUniform<shape = [1]>()  b = Cast<to = 9>(c)
        y = If(b) <then_branch = one () => (double[1,3,8,8] p) { p = Identity(r) },
                   else_branch = two () => (double[1,3,8,8] q) { q = Neg(r) }> }"""
    module = module_before(Graph(text), NAME)
    assert check_untouched(module, NAME) == {}
    (note,) = module.report.notes
    assert code_of(note) == "batch-and-subgraphs"
    assert "If 'y'" in note
