"""Means, maxima and sums of maps with flattened height and width."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Array,
    Graph,
    check_compiled,
    check_fault,
    check_untouched,
    feeds_of,
    kept_reasons,
    module_before,
    outline_of,
)

NAME = "canonical-reduction"
POOLS = {
    "ReduceMean": "JpegGlobalAveragePool",
    "ReduceMax": "JpegGlobalMaxPool",
    "ReduceSum": "JpegReduceSum",
}


def pooled(body: str, opset: int = 17, size: str = "8,16", **weights: object) -> Graph:
    """`R` in a body is a reduction over `axes`, in the form of the opset."""
    arrays: dict[str, Array] = {name: np.asarray(values) for name, values in weights.items()}
    return Graph(f"(T[N,3,{size}] x) => (T[] y) {{ {body} }}", arrays, opset)


def reduction(op: str, axis: int, keep: int, source: str, opset: int) -> str:
    by_input = opset >= (13 if op == "ReduceSum" else 18)
    if by_input:
        axes = f"a = Constant<value = int64[1] {{{axis}}}>()"
        return f"{axes} y = {op}<keepdims = {keep}>({source}, a)"
    return f"y = {op}<axes = [{axis}], keepdims = {keep}>({source})"


@pytest.mark.parametrize("opset", [11, 13, 18, 22])
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("op", POOLS)
def test_flat_pixels(op: str, keep: int, opset: int) -> None:
    body = f"f = Reshape(x, s) {reduction(op, -1, keep, 'f', opset)}"
    graph = pooled(body, opset, s=[0, 3, -1])
    shape = "Reshape" if keep else "Flatten"
    assert kept_reasons(check_compiled(graph, f"ToJpeg {POOLS[op]} {shape}")) == {}
    if op != "ReduceSum":
        check_fault(graph, graph.with_text(f"y = {op}", "y = ReduceMin"))


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("op", POOLS)
def test_tokens(op: str, keep: int) -> None:
    """x.flatten(2).transpose(1, 2).mean(1)."""
    tokens = "f = Reshape(x, s) t = Transpose<perm = [0, 2, 1]>(f)"
    graph = pooled(f"{tokens} {reduction(op, 1, keep, 't', 17)}", s=[0, 0, -1])
    shape = "Reshape" if keep else "Flatten"
    check_compiled(graph, f"ToJpeg {POOLS[op]} {shape}")


@pytest.mark.parametrize(
    ("body", "outline"),
    [
        (
            "t = Transpose<perm = [0, 2, 3, 1]>(x) f = Reshape(t, s)"
            " y = ReduceMean<axes = [1], keepdims = 0>(f)",
            "Flatten",
        ),
        ("f = Reshape(x, c) y = GlobalAveragePool(f)", "Reshape"),
        ("f = Reshape(x, c) g = GlobalAveragePool(f) y = Flatten(g)", "Reshape Flatten"),
        (
            "f = Reshape(x, c) u = Unsqueeze(f, two) m = ReduceMean<axes = [2, 3]>(u)"
            " y = Squeeze(m, two)",
            "Squeeze",
        ),
        (
            "f = Reshape(x, c) u = Unsqueeze(f, two) q = Squeeze(u, two)"
            " y = ReduceMean<axes = [2]>(q)",
            "Reshape",
        ),
        ("y = ReduceMean<axes = [1, 2, 3], keepdims = 0>(x)", "Flatten ReduceMean Flatten"),
        ("y = ReduceMean<axes = [1, -1, -2], keepdims = 1>(x)", "Flatten ReduceMean Reshape"),
        ("f = Reshape(x, c) y = ReduceMean<axes = [1, 2], keepdims = 1>(f)", "Flatten ReduceMean"),
    ],
)
def test_spellings(body: str, outline: str) -> None:
    graph = pooled(body, s=[0, -1, 3], c=[0, 3, 128], two=[2])
    module = check_compiled(graph)
    assert kept_reasons(module) == {}
    assert outline_of(module).startswith("ToJpeg JpegGlobalAveragePool")
    if "s" in outline and outline != "Squeeze":
        assert outline.split()[0] in outline_of(module)


def test_a_pool_of_sequences_of_maxima() -> None:
    graph = pooled("f = Reshape(x, c) y = GlobalMaxPool(f)", c=[0, 3, 128])
    # The reference evaluator computes the maximum of all channels.
    feeds = feeds_of(graph.model())
    expected = feeds["x"].max(axis=(2, 3))[..., None]
    check_compiled(graph, "ToJpeg JpegGlobalMaxPool Reshape", [expected])


@pytest.mark.parametrize("size", ["14,6", "7,9"])
def test_at_other_block_sizes(size: str) -> None:
    graph = pooled("f = Reshape(x, c) y = ReduceMean<axes = [2]>(f)", size=size, c=[0, 3, -1])
    assert kept_reasons(check_compiled(graph)) == {}


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ("f = Reshape(x, c) y = ReduceMean<axes = [1]>(f)", [0, 3, 128]),
        ("f = Reshape(x, c) y = ReduceMean<axes = [2]>(f)", [0, 24, 16]),
        ("f = Reshape(x, c) y = ReduceMean<axes = [2]>(f)", [0, 8, 48]),
        ("f = Reshape(x, c) y = ReduceMin<axes = [2]>(f)", [0, 3, 128]),
        ("f = Reshape(x, c) y = ReduceMean<axes = [0]>(f)", [0, 3, 128]),
        (
            "f = Reshape(x, c) t = Transpose<perm = [1, 0, 2]>(f)"
            " y = ReduceMean<axes = [2], keepdims = 0>(t)",
            [0, 3, 128],
        ),
    ],
)
def test_what_is_no_pool_stays(body: str, shape: list[int]) -> None:
    graph = pooled(body, c=shape)
    assert check_untouched(module_before(graph, NAME), NAME) == {}
    check_compiled(graph)


def test_several_readers() -> None:
    """Other readers of the flattened map keep it."""
    body = "f = Reshape(x, c) m = ReduceMean<axes = [2]>(f) y = Sub(f, m)"
    check_compiled(pooled(body, c=[0, 3, 128]))
