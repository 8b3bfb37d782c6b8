"""Reshapes in any form are converted to a form without the batch size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.graphs import (
    Graph,
    apply,
    assert_same,
    check_compiled,
    check_untouched,
    evaluate,
    feeds_of,
    kept_reasons,
    lowered,
    module_before,
    outline_of,
)

from jpegcompile.backends.emit import emit

SIGNATURE = "(T[N,2,8,8] x) => (T[] y)"
FEATURES = 2 * 8 * 8
PRODUCT = Graph(f"{SIGNATURE} {{ f = Flatten(x)  y = MatMul(f, w) }}", {"w": (FEATURES, 5)})

# Exporters' forms of "flatten all axes except the batch"; they compute `batch` and `last`.
COMPUTED = {
    "torch": """all = Shape(x)  first = Gather<axis = 0>(all, zero)
        batch = Unsqueeze(first, axes)  target = Concat<axis = 0>(batch, minus)""",
    "tensorflow": """all = Shape(x)  long = Cast<to = 7>(all)
        batch = Slice(long, axes, one)  target = Concat<axis = 0>(batch, size)""",
    "shape of one axis": """batch = Shape<start = 0, end = 1>(x)
        target = Concat<axis = 0>(batch, minus)""",
    "squeezed": """batch = Shape<end = 1>(x)  scalar = Squeeze(batch, axes)
        again = Unsqueeze(scalar, axes)  same = Identity(again)
        target = Concat<axis = 0>(same, size)""",
}
NUMBERS = {
    "zero": np.asarray(0),
    "axes": np.asarray([0]),
    "one": np.asarray([1]),
    "minus": np.asarray([-1]),
    "size": np.asarray([FEATURES]),
}


@pytest.mark.parametrize("batch", ["N", "1", "3"])
@pytest.mark.parametrize("spelling", list(COMPUTED))
def test_computed_reshape(spelling: str, batch: str) -> None:
    text = f"""(T[{batch},2,8,8] x) => (T[] y) {{
        {COMPUTED[spelling]} f = Reshape(x, target)  y = MatMul(f, w) }}"""
    graph = Graph(text, {**NUMBERS, "w": (FEATURES, 5)})
    module = module_before(graph, "canonical-reshape")
    assert apply(module, "canonical-reshape")
    assert outline_of(module) == "Flatten MatMul"
    check_compiled(graph, "ToJpeg Flatten MatMul")


@pytest.mark.parametrize("opset", [7, 13])
@pytest.mark.parametrize("target", [[-1, FEATURES], [0, -1], [0, FEATURES], [1, -1], [1, FEATURES]])
def test_constant_reshape(target: list[int], opset: int) -> None:
    batch = "1" if target[0] == 1 else "N"
    text = f"(T[{batch},2,8,8] x) => (T[] y) {{ f = Reshape(x, target)  y = MatMul(f, w) }}"
    graph = Graph(text, {"target": np.asarray(target), "w": (FEATURES, 5)}, opset)
    module = module_before(graph, "canonical-reshape")
    assert apply(module, "canonical-reshape")
    assert outline_of(module) == "Flatten MatMul"
    check_compiled(graph, "ToJpeg Flatten MatMul")


def test_a_batch_of_1_that_was_written_out_serves_any_batch() -> None:
    text = "(T[1,2,8,8] x) => (T[] y) { f = Reshape(x, target)  y = MatMul(f, w) }"
    graph = Graph(text, {"target": np.asarray([1, FEATURES]), "w": (FEATURES, 5)})
    compiled = emit(lowered(graph))
    feeds = feeds_of(Graph(PRODUCT.text, graph.weights).model(), 3)
    flat = Graph(PRODUCT.text, graph.weights).model()
    assert_same(evaluate(compiled, feeds), evaluate(flat, feeds))


def test_global_pool_and_reshape() -> None:
    text = f"""(T[N,2,8,8] x) => (T[] y) {{
        g = GlobalAveragePool(x)  {COMPUTED["torch"]} f = Reshape(g, target)  y = MatMul(f, w) }}"""
    check_compiled(
        Graph(text, {**NUMBERS, "w": (2, 5)}), "ToJpeg JpegGlobalAveragePool Flatten MatMul"
    )


@pytest.mark.parametrize("target", [[0, 4, 4, 8], [-1, 4, 4, 8], [0, 2, -1, 4]])
def test_reshape_to_another_map(target: list[int]) -> None:
    text = "(T[N,2,8,8] x) => (T[] y) { r = Reshape(x, target)  y = Conv(r, w) }"
    graph = Graph(text, {"target": np.asarray(target), "w": (3, 4 if target[1] == 4 else 2, 1, 1)})
    module = check_compiled(graph)
    assert kept_reasons(module) == {"r": "no-jpeg-domain-form"}
    (reshape,) = [node for node in module.graph.nodes if node.op == "Reshape"]
    assert reshape.inputs[1].values.tolist() == [0, *([4, 4, 8] if target[1] == 4 else [2, -1, 4])]


@pytest.mark.parametrize(
    ("source", "target"),
    [("N,2,8,8", [-1, 64]), ("N,2,8,8", [128, -1]), ("2,2,8,8", [4, 64]), ("N,2,8,8", [-1])],
)
def test_reshapes_that_move_the_batch_stay(source: str, target: list[int]) -> None:
    text = f"(T[{source}] x) => (T[] y) {{ y = Reshape(x, target) }}"
    graph = Graph(text, {"target": np.asarray(target)}, 14)
    module = module_before(graph, "canonical-reshape")
    assert check_untouched(module, "canonical-reshape") == {}
    check_compiled(graph)


def test_a_zero_that_copies_the_batch_is_allowed() -> None:
    """The new target copies the batch by a zero, so `allowzero` must not be set."""
    text = "(T[1,2,8,8] x) => (T[] y) { y = Reshape<allowzero = 1>(x, target) }"
    graph = Graph(text, {"target": np.asarray([1, 4, 4, 8])})
    module = module_before(graph, "canonical-reshape")
    assert apply(module, "canonical-reshape")
    (node,) = module.graph.nodes
    assert node.inputs[1].values.tolist() == [0, 4, 4, 8]
    assert not node.attrs
    check_compiled(graph)


def test_a_zero_that_is_meant_is_no_copy() -> None:
    text = "(T[N,2,8,8] x, T[0,M] e) => (T[] y) { y = Reshape<allowzero = 1>(e, target) }"
    graph = Graph(text, {"target": np.asarray([3, 0])})
    module = module_before(graph, "canonical-reshape")
    assert check_untouched(module, "canonical-reshape") == {}


@pytest.mark.parametrize("opset", [11, 21, 22])
def test_targets_behind_a_pooling_with_ceil_mode(opset: int) -> None:
    """Inference below opset 22 counts one row too many; the target must not depend on it."""
    text = """(T[N,2,17,17] x) => (T[] y) {
        p = MaxPool<kernel_shape = [2, 2], strides = [3, 3], pads = [1, 1, 1, 1], ceil_mode = 1>(x)
        y = Reshape(p, target) }"""
    graph = Graph(text, {"target": np.asarray([0, 2, -1])}, opset)
    image = torch.from_numpy(feeds_of(graph.model())["x"])
    pooled = torch.nn.functional.max_pool2d(image, 2, 3, 1, ceil_mode=True).numpy()
    assert pooled.shape[2:] == (6, 6)
    check_compiled(graph, expected=[pooled.reshape(len(pooled), 2, -1)])
