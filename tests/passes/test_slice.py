"""Slices of the plane and of channels in all opsets, and merging of slices."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    assert_same,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    feeds_of,
    kept_reasons,
    module_before,
    outline_of,
    run_float32,
)

INT_MIN, INT_MAX = -(2**63), 2**63 - 1


def sliced(
    starts: list[int],
    ends: list[int],
    axes: list[int] | None = None,
    steps: list[int] | None = None,
    opset: int = 17,
) -> Graph:
    """A slice of a map 16 x 12, with bounds as inputs from opset 10 on."""
    signature = "(T[N,4,16,12] x) => (T[] y)"
    if opset < 10:
        attributes = f"starts = {starts}, ends = {ends}" + (f", axes = {axes}" if axes else "")
        return Graph(f"{signature} {{ y = Slice<{attributes}>(x) }}", opset=opset)
    given = {"starts": starts, "ends": ends, "axes": axes, "steps": steps}
    weights = {name: np.asarray(v, np.int64) for name, v in given.items() if v is not None}
    operands = ["x", *(name if name in weights else '""' for name in given)]
    while operands[-1] == '""':
        operands.pop()
    text = f"{signature} {{ y = Slice({', '.join(operands)}) }}".replace('""', "")
    return Graph(text, weights, opset)


PLANE = [
    ([1, 2], [15, 10], [2, 3], None),
    ([0, 0], [INT_MAX, INT_MAX], [2, 3], [2, 2]),
    ([1, 0], [INT_MAX, INT_MAX], [2, 3], [2, 3]),
    ([-8], [INT_MAX], [-2], None),
    ([-1], [INT_MIN], [3], [-1]),
    ([-1, 11], [-17, 3], [2, 3], [-1, -2]),
    ([-1], [-(2**31)], [2], [-3]),
    ([5], [1000], [2], [1]),
    ([2], [3], [3], None),
]


@pytest.mark.parametrize(("starts", "ends", "axes", "steps"), PLANE)
def test_slices_of_the_plane(
    starts: list[int], ends: list[int], axes: list[int], steps: list[int] | None
) -> None:
    graph = sliced(starts, ends, axes, steps)
    module = check_compiled(graph)
    assert kept_reasons(module) == {}
    assert "JpegSlice" in outline_of(module)


def test_a_start_before_the_front_means_the_first_row() -> None:
    """With a negative step, slices of Python and of the evaluator would be empty."""
    graph = sliced([-100], [-200], [2], [-1])
    image = feeds_of(graph.model())["x"]
    assert_same(run_float32(graph.model("float"), {"x": image}), [image[:, :, :1]])
    assert kept_reasons(check_compiled(graph, expected=[image[:, :, :1]])) == {}


@pytest.mark.parametrize("opset", [7, 9, 10, 13, 17])
def test_slices_at_opsets(opset: int) -> None:
    check_pass(
        sliced([2, 4], [10, 12], [2, 3], None, opset), "lower-slice", "ToJpeg JpegSlice ToSpatial"
    )
    check_compiled(sliced([2, 4], [10, 12], [2, 3], None, opset))


def test_a_slice_without_axes_starts_at_the_batch() -> None:
    graph = sliced([0, 0, 2], [INT_MAX, INT_MAX, 8])
    reasons = kept_reasons(check_compiled(graph))
    assert reasons == {"y": "slice-axes-mixed"}


@pytest.mark.parametrize("steps", [None, [2], [-1]])
def test_slices_of_channels_are_the_same_operator(steps: list[int] | None) -> None:
    start, end = ([-1], [INT_MIN]) if steps == [-1] else ([1], [3])
    graph = sliced(start, end, [1], steps)
    check_pass(graph, "lower-slice", "ToJpeg Slice ToSpatial")
    check_compiled(graph, "ToJpeg Slice ToSpatial")


def test_slices_at_block_size_1_stay() -> None:
    graph = sliced([1], [6], [2]).with_text("16,12", "7,7")
    module = module_before(graph, "lower-slice")
    assert check_untouched(module, "lower-slice") == {}
    assert [node.name for node in module.report.lowered] == ["y"]


def test_slice_faults_are_seen() -> None:
    graph = sliced([1, 2], [9, 10], [2, 3])
    check_fault(graph, sliced([0, 2], [8, 10], [2, 3]), sliced([1, 1], [9, 9], [2, 3]))


def test_slice_declines() -> None:
    mixed = "slice-axes-mixed"
    assert declines(sliced([0, 1], [2, 9], [1, 2]), "lower-slice") == {"y": mixed}
    assert declines(sliced([0], [1], [0]), "lower-slice") == {"y": mixed}
    text = (
        """(T[N,4,16,12] x, int64[2] ends) => (T[A,B,C,D] y) { y = Slice(x, starts, ends, axes) }"""
    )
    computed = Graph(text, {"starts": np.asarray([0, 0]), "axes": np.asarray([2, 3])})
    assert declines(computed, "lower-slice") == {"y": "slice-bounds-unknown"}


def test_an_empty_slice_is_declined() -> None:
    graph = sliced([5], [5], [3])
    assert declines(graph, "lower-slice") == {"y": "slice-output-empty"}


def test_slices_of_vectors_are_no_concern() -> None:
    text = """(T[N,4,16,12] x) => (T[] y) {
        g = GlobalAveragePool(x)  f = Flatten(g)  y = Slice(f, zero, two, one) }"""
    weights = {"zero": np.asarray([0]), "one": np.asarray([1]), "two": np.asarray([2])}
    assert declines(Graph(text, weights), "lower-slice") == {}


TWO = """(T[N,4,16,12] x) => (T[] y) {
    a = Slice(x, first, last, rows, by)  y = Slice(a, first, end, columns) }"""
BOUNDS = {
    "first": np.asarray([1]),
    "last": np.asarray([INT_MAX]),
    "end": np.asarray([9]),
    "rows": np.asarray([2]),
    "columns": np.asarray([-1]),
    "by": np.asarray([2]),
}


def test_merges_slices_of_different_axes() -> None:
    module = check_pass(Graph(TWO, BOUNDS), "merge-slices", "Slice")
    (node,) = module.graph.nodes
    assert [t.values.tolist() for t in node.inputs[1:]] == [[1, 1], [INT_MAX, 9], [2, -1], [2, 1]]
    check_compiled(Graph(TWO, BOUNDS))
    shifted = {**BOUNDS, "end": np.asarray([8]), "zero": np.asarray([0])}
    check_fault(Graph(TWO, BOUNDS), Graph(TWO.replace("a, first", "a, zero"), shifted))


def test_merges_space_to_depth() -> None:
    """The Focus layer: four strided slices of both axes, as exporters write them."""
    parts = "".join(
        f" r{i} = Slice(x, {i}, last, rows, by)  s{i} = Slice(r{i}, {j}, last, columns, by)"
        for i, j in (("zero", "one"), ("one", "zero"))
    )
    text = f"(T[N,4,16,12] x) => (T[] y) {{ {parts} y = Concat<axis = 1>(szero, sone) }}"
    graph = Graph(text, {**BOUNDS, "zero": np.asarray([0]), "one": np.asarray([1])})
    check_pass(graph, "merge-slices", "Slice Slice Concat")
    assert kept_reasons(check_compiled(graph)) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("y = Slice(a, first, end, columns)", "y = Slice(a, first, end, rows)"),
        ("(T[] y)", "(T[] y, T[] a)"),
        ("(T[] y) {", "(T[] y, T[] z) { z = Relu(a)"),
    ],
)
def test_slices_that_do_not_merge(old: str, new: str) -> None:
    text = TWO.replace(old, new)
    if "Relu" in new:
        text = text.replace(" z = Relu(a)", "").replace("columns) }", "columns)  z = Relu(a) }")
    graph = Graph(text, BOUNDS)
    assert check_untouched(module_before(graph, "merge-slices"), "merge-slices") == {}
    check_compiled(graph)


def test_slices_before_opset_10_do_not_merge() -> None:
    text = """(T[N,4,16,12] x) => (T[] y) {
        a = Slice<starts = [1], ends = [9], axes = [2]>(x)
        y = Slice<starts = [2], ends = [10], axes = [3]>(a) }"""
    graph = Graph(text, opset=9)
    assert check_untouched(module_before(graph, "merge-slices"), "merge-slices") == {}
    check_compiled(graph)
