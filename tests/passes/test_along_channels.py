"""Gather and Split of channels: the same operators in both domains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.graphs import (
    Graph,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    kept_reasons,
    module_before,
)

NAME = "lower-along-channels"


def gathered(indices: Any, axis: int = 1, size: str = "16,24", opset: int = 17) -> Graph:
    text = f"(T[N,4,{size}] x) => (T[] y) {{ y = Gather<axis = {axis}>(x, i) }}"
    return Graph(text, {"i": np.asarray(indices)}, opset)


@pytest.mark.parametrize("opset", [7, 11, 13, 22])
@pytest.mark.parametrize("indices", [[3, 2, 1, 0], [1], [0, 0, 2, 2, 3]])
def test_gather(indices: list[int], opset: int) -> None:
    graph = gathered(indices, opset=opset)
    check_pass(graph, NAME, "ToJpeg Gather ToSpatial")
    assert kept_reasons(check_compiled(graph)) == {}


def test_gather_from_the_end() -> None:
    check_compiled(gathered([-1, -2], -3), "ToJpeg Gather ToSpatial")


def test_gather_faults_are_seen() -> None:
    check_fault(gathered([3, 0, 1, 2]), gathered([3, 1, 0, 2]))


def split(sizes: list[int] | None, opset: int, outputs: str = "T[] y, T[] z") -> Graph:
    signature = f"(T[N,4,16,24] x) => ({outputs})"
    if sizes is None:
        count = "axis = 1, num_outputs = 2" if opset >= 18 else "axis = 1"
        return Graph(f"{signature} {{ y, z = Split<{count}>(x) }}", opset=opset)
    if opset < 13:
        return Graph(f"{signature} {{ y, z = Split<axis = 1, split = {sizes}>(x) }}", opset=opset)
    text = f"{signature} {{ y, z = Split<axis = 1>(x, sizes) }}"
    return Graph(text, {"sizes": np.asarray(sizes)}, opset)


@pytest.mark.parametrize("opset", [7, 11, 13, 18, 22])
@pytest.mark.parametrize("sizes", [None, [1, 3], [2, 2]])
def test_split(sizes: list[int] | None, opset: int) -> None:
    graph = split(sizes, opset)
    module = check_pass(graph, NAME, "ToJpeg Split ToSpatial ToSpatial")
    assert [t.shape[1] for t in module.graph.nodes[1].outputs] == (sizes or [2, 2])
    module = check_compiled(graph)
    assert kept_reasons(module) == {}
    assert {"y", "z"} <= set(module.twins)


def test_parts_of_a_split_meet_without_casts() -> None:
    text = """(T[N,4,16,24] x) => (T[] y) {
        p, q = Split<axis = 1>(x)  r = Relu(p)  y = Concat<axis = 1>(q, r) }"""
    check_compiled(Graph(text), "ToJpeg Split JpegRelu Concat ToSpatial")


def test_a_part_that_nobody_reads() -> None:
    check_compiled(split([1, 3], 11, "T[] z"), "ToJpeg Split ToSpatial")
    unnamed = split([1, 3], 11, "T[] z").with_text("y, z =", ", z =")
    # ONNX Runtime 1.31 also crashes on such a Split in the source.
    check_pass(unnamed, NAME, "ToJpeg Split ToSpatial")


def test_split_faults_are_seen() -> None:
    graph = split([1, 3], 11, "T[] y, T[] z")
    swapped = graph.with_text("y, z =", "a, b =").with_text(
        "(x) }", "(x)  y = Neg(a)  z = Identity(b) }"
    )
    check_fault(graph, swapped)


def test_block_size_1_stays() -> None:
    for graph in (
        gathered([1, 0], size="7,9"),
        split([1, 3], 11).with_text("16,24", "7,9"),
    ):
        module = module_before(graph, NAME)
        assert check_untouched(module, NAME) == {}
        assert [node.name for node in module.report.lowered] == ["y"]
        check_compiled(graph)


def test_declines() -> None:
    plane = {"y": "selects-outside-channels"}
    assert declines(gathered([0], 0), NAME) == plane
    check_compiled(gathered([0], 0), "Gather")
    rows = Graph("(T[N,4,16,24] x) => (T[] y, T[] z) { y, z = Split<axis = 2>(x) }")
    assert declines(rows, NAME) == plane
    reason = {"y": "selected-channels-unknown"}
    text = "(T[N,4,16,24] x, int64[2] i) => (T[] y) { y = Gather<axis = 1>(x, i) }"
    assert declines(Graph(text), NAME) == reason
    text = "(T[N,4,16,24] x, int64[2] s) => (T[A,B,C,D] y) { y, z = Split<axis = 1>(x, s) }"
    assert declines(Graph(text), NAME) == reason


@pytest.mark.parametrize(("indices", "axis"), [([0, 1], 2), ([15] * 8, 2), ([5, -1, 5, 0], -1)])
def test_rows_and_columns_are_taken_by_matrices(indices: list[int], axis: int) -> None:
    graph = gathered(indices, axis)
    check_pass(graph, "lower-take", "ToJpeg JpegSlice ToSpatial")
    assert kept_reasons(check_compiled(graph)) == {}
    check_fault(graph, gathered([*indices[:-1], 7], axis))


def test_vectors_are_no_concern() -> None:
    text = """(T[N,4,16,24] x) => (T[] y) {
        f = Flatten(x)  y, z = Split<axis = 1>(f) }"""
    assert declines(Graph(text), NAME) == {}
