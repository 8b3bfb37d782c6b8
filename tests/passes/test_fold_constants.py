"""Constants and known sizes are folded, and every node gets a unique name."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
from support.graphs import (
    Graph,
    Weights,
    apply,
    assert_same,
    check_compiled,
    check_fault,
    check_untouched,
    evaluate,
    feeds_of,
    lowered,
    module_of,
    outline_of,
)

from jpegcompile.backends.emit import emit
from jpegcompile.ir.folding import fold_constants
from jpegcompile.ir.module import Module

NAME = "fold-constants"


def folded(graph: Graph) -> Module:
    """Run only the pass, and check that values stay."""
    module = module_of(graph)
    assert apply(module, NAME)
    feeds = feeds_of(graph.model())
    assert_same(evaluate(emit(module), feeds), evaluate(graph.model(), feeds))
    return module


def test_constants_are_computed() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { n = Neg(w)  m = Mul(n, scale)  y = Conv(x, m) }"
    graph = Graph(text, {"w": (3, 3, 1, 1), "scale": np.asarray(0.5)})
    assert outline_of(folded(graph)) == "Conv"
    check_compiled(graph, "ToJpeg JpegPointwiseConv ToSpatial")
    check_fault(graph, graph.perturbed("w"), graph.perturbed("scale"))


def test_constant_nodes_become_constants() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        axes = Constant<value = int64[2] {2, 3}>()  y = ReduceMean(x, axes) }"""
    assert outline_of(folded(Graph(text, opset=18))) == "ReduceMean"
    check_compiled(Graph(text, opset=18), "ToJpeg JpegGlobalAveragePool")


def constant_of(module: Module, name: str) -> np.ndarray:
    tensor = module.graph.tensors()[name]
    assert isinstance(tensor, gs.Constant)
    return np.asarray(tensor.values)


@pytest.mark.parametrize(
    ("attributes", "values"),
    [
        ("", [2, 3, 16, 12]),
        ("<start = 2>", [16, 12]),
        ("<end = 1>", [2]),
        ("<start = -3, end = -1>", [3, 16]),
    ],
)
def test_shapes_that_are_known(attributes: str, values: list[int]) -> None:
    """`start` and `end` are respected, although graphsurgeon ignores them."""
    text = f"(T[2,3,16,12] x) => (int64[] y, T[] z) {{ y = Shape{attributes}(x)  z = Relu(x) }}"
    module = folded(Graph(text))
    assert outline_of(module) == "Relu"
    assert constant_of(module, "y").tolist() == values


def test_sizes_besides_a_symbolic_batch() -> None:
    text = """(T[N,3,16,12] x) => (int64[] y, int64 h, int64[] p, T[] z) {
        s = Shape(x)  y = Shape<start = 1>(x)  h = Gather(s, two)  p = Slice(s, one, three)
        z = Relu(x) }"""
    weights = {"two": np.asarray(2), "one": np.asarray([1]), "three": np.asarray([3])}
    module = folded(Graph(text, weights))
    assert outline_of(module) == "Relu"
    assert constant_of(module, "y").tolist() == [3, 16, 12]
    assert constant_of(module, "p").tolist() == [3, 16]
    assert constant_of(module, "h").shape == ()
    assert constant_of(module, "h") == 16


def test_sizes_taken_by_constant_nodes_and_computed_with() -> None:
    """Exporters write x.chunk(2, 1) with a computed index, which must be folded first."""
    text = """(T[N,4,16,16] x) => (T[] y) {
        i = Constant<value = int64[1] {1}>()  two = Constant<value = int64[1] {2}>()
        zero = Constant<value = int64[1] {0}>()  s = Shape(x)  c = Gather(s, i)  half = Div(c, two)
        y = Slice(x, zero, half, i) }"""
    module = folded(Graph(text))
    assert outline_of(module) == "Slice"
    assert module.graph.nodes[0].inputs[2].values.tolist() == [2]


def test_sizes_that_hold_a_symbolic_batch_stay() -> None:
    text = """(T[N,3,16,12] x) => (int64[] y, int64[] z) {
        y = Shape(x)  z = Gather(y, which) }"""
    module = module_of(Graph(text, {"which": np.asarray([0, 2])}))
    assert check_untouched(module, NAME) == {}


def test_float_arithmetic_between_integers_is_not_shortened() -> None:
    """Half of an odd size; without the casts, the factor would be truncated to zero."""
    text = """(T[N,3,16,16] x, int32[2] n) => (int32[] y, T[] z) {
        f = Cast<to = 1>(n)  h = Mul(f, half)  y = Cast<to = 6>(h)  z = Relu(x) }"""
    graph = Graph(text, {"half": np.asarray(0.5, np.float32)})
    module = module_of(graph)
    assert not apply(module, NAME)
    assert sorted(outline_of(module).split()) == ["Cast", "Cast", "Mul", "Relu"]
    feeds = {**feeds_of(graph.model()), "n": np.asarray([7, 8], np.int32)}
    assert evaluate(emit(lowered(graph)), feeds)[0].tolist() == [3, 4]


def test_random_numbers_are_no_constants() -> None:
    text = """(T[N,3,16,16] x) => (T[] y) {
        r = RandomUniform<shape = [1], dtype = 11>()  y = Add(x, r) }"""
    assert check_untouched(module_of(Graph(text)), NAME) == {}


def test_outputs_may_be_constants() -> None:
    text = "(T[N,3,16,16] x) => (T[] y, T[] z) { y = Add(c, c)  z = Relu(x) }"
    check_compiled(Graph(text, {"c": (2, 2)}), "ToJpeg JpegRelu ToSpatial")


def named(*names: str) -> Module:
    """A chain of ReLUs with these names."""
    nodes = [f"t{i + 1} = Relu(t{i})" for i in range(len(names))]
    text = f"(T[N,3,8,8] t0) => (T[] t{len(names)}) {{ {'  '.join(nodes)} }}"
    module = module_of(Graph(text))
    for node, name in zip(module.graph.nodes, names, strict=True):
        node.name = name
    return module


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["", "", ""], ["Relu_0", "Relu_1", "Relu_2"]),
        (["a", "", "b"], ["a", "Relu_1", "b"]),
        (["a", "a", "a"], ["a", "a_1", "a_2"]),
        (["a_2", "a", "a"], ["a_2", "a", "a_3"]),
        (["a", "a", "a_1"], ["a", "a_2", "a_1"]),
    ],
)
def test_names(before: list[str], after: list[str]) -> None:
    module = named(*before)
    assert apply(module, NAME)
    assert [node.name for node in module.graph.nodes] == after


def test_names_that_differ_stay() -> None:
    assert check_untouched(named("a", "b"), NAME) == {}


def test_nothing_is_written_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { n = Neg(w)  y = Conv(x, n) }"
    model: onnx.ModelProto = emit(lowered(Graph(text, {"w": (3, 3, 1, 1)})))
    assert len(model.graph.node) == 3
    assert capfd.readouterr() == ("", "")


LARGE: Weights = {"w": (16, 3, 3, 3), "v": (3, 16, 1, 1), "scale": np.asarray(0.5)}
CHAINS = """(T[N,3,16,16] x) => (T[] y) {
    half = Neg(scale)
    n = Mul(w, half)
    t = Transpose<perm = [1, 0, 2, 3]>(v)
    u = Transpose<perm = [1, 0, 2, 3]>(t)
    first, second = Split<axis = 0>(n)
    both = Concat<axis = 0>(second, first)
    c = Conv(x, both)
    y = Conv(c, u)
}"""


@pytest.mark.parametrize("large", [1, 64, 1 << 10])
def test_large_constants_are_folded_one_by_one(large: int) -> None:
    """Constants that together exceed protobuf's limit are folded bit-identically."""
    graph = Graph(CHAINS, LARGE)
    expected = folded(graph)
    module = module_of(graph)
    fold_constants(module.graph, (), most=0, large=large)
    module.graph.cleanup().toposort()
    assert outline_of(module) == outline_of(expected) == "Conv Conv"
    for name in ("both", "u"):
        np.testing.assert_array_equal(constant_of(module, name), constant_of(expected, name))


@pytest.mark.parametrize("op", ["RandomNormalLike", "RandomUniformLike"])
def test_large_random_numbers_are_not_folded(op: str) -> None:
    text = f"(T[N,3,16,16] x) => (T[] y) {{ n = {op}(w)  y = Conv(x, n) }}"
    module = module_of(Graph(text, {"w": (3, 3, 1, 1)}))
    fold_constants(module.graph, (op,), most=0, large=1)
    module.graph.cleanup().toposort()
    assert outline_of(module) == f"{op} Conv"


def test_what_cannot_be_computed_stays() -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { n = Reshape(w, shape)  y = Conv(x, n) }"
    graph = Graph(text, {"w": (3, 3, 1, 1), "shape": np.asarray([3, 3, 1, 1])})
    module = module_of(graph)
    module.graph.tensors()["shape"].values = np.asarray([5, 3, 1, 1])
    fold_constants(module.graph, (), most=0, large=64)
    assert outline_of(module) == "Reshape Conv"
