"""Zero padding of the plane and of channels, in the spelling of every opset."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    check_compiled,
    check_fault,
    check_pass,
    declines,
    kept_reasons,
    lowered,
    outline_of,
)


def padded(
    pads: list[int], opset: int = 17, value: float | None = None, mode: str | None = None
) -> Graph:
    signature = "(T[N,3,14,14] x) => (T[] y)"
    named = f'mode = "{mode}"' if mode else ""
    if opset < 11:
        attributes = [f"pads = {pads}", *([f"value = {value}"] if value is not None else [])]
        inner = ", ".join([*attributes, *([named] if named else [])])
        return Graph(f"{signature} {{ y = Pad<{inner}>(x) }}", opset=opset)
    operands = "x, pads" + (", value" if value is not None else "")
    weights = {"pads": np.asarray(pads)}
    if value is not None:
        weights["value"] = np.asarray(value)
    mode_attribute = f"<{named}>" if named else ""
    text = f"{signature} {{ y = Pad{mode_attribute}({operands}) }}"
    return Graph(text, weights, opset)


@pytest.mark.parametrize("opset", [7, 10, 11, 13, 17, 22])
@pytest.mark.parametrize("value", [None, 0.0])
def test_pads_of_the_plane(opset: int, value: float | None) -> None:
    graph = padded([0, 0, 1, 1, 0, 0, 1, 1], opset, value)
    module = check_pass(graph, "lower-pad", "ToJpeg JpegPad ToSpatial")
    assert module.graph.nodes[1].attrs == {"input_block": 2, "output_block": 8}
    check_compiled(graph)


@pytest.mark.parametrize(
    "pads",
    [
        [0, 0, 0, 1, 0, 0, 2, 3],
        [0, 0, -1, -1, 0, 0, -1, -1],
        [0, 0, 3, -2, 0, 0, -1, 4],
        [0, 1, 0, 0, 0, 2, 0, 0],
        [0, -1, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ],
)
def test_pads_of_all_kinds(pads: list[int]) -> None:
    graph = padded(pads)
    assert kept_reasons(check_compiled(graph)) == {}


def test_pads_of_channels_are_the_same_operator() -> None:
    check_pass(padded([0, 1, 0, 0, 0, 2, 0, 0]), "lower-pad", "ToJpeg Pad ToSpatial")


def test_pad_faults_are_seen() -> None:
    graph = padded([0, 0, 2, 0, 0, 0, 0, 2])
    check_fault(graph, padded([0, 0, 1, 0, 0, 0, 1, 2]), padded([0, 0, 2, 2, 0, 0, 0, 0]))


def test_pad_declines() -> None:
    plane = [0, 0, 1, 1, 0, 0, 1, 1]
    for opset in (10, 17):
        reflected = padded(plane, opset, mode="reflect")
        assert declines(reflected, "lower-pad") == {"y": "its mode is reflect, not constant"}
        filled = padded(plane, opset, 0.5)
        assert declines(filled, "lower-pad") == {"y": "it pads with 0.5, not zero"}
        both = "it pads the batch, or channels and plane at once"
        assert declines(padded([0, 1, 1, 1, 0, 0, 1, 1], opset), "lower-pad") == {"y": both}
        assert declines(padded([1, 0, 0, 0, 0, 0, 0, 0], opset), "lower-pad") == {"y": both}
        check_compiled(reflected)
        check_compiled(filled)


def test_pad_declines_computed_operands() -> None:
    reason = {"y": "its amounts or its value are not constants"}
    text = "(T[N,3,14,14] x, int64[8] pads) => (T[A,B,C,D] y) { y = Pad(x, pads) }"
    assert declines(Graph(text), "lower-pad") == reason
    text = "(T[N,3,14,14] x, double value) => (T[] y) { y = Pad(x, pads, value) }"
    given = Graph(text, {"pads": np.asarray([0, 0, 1, 1, 0, 0, 1, 1])})
    assert declines(given, "lower-pad") == reason


def test_pad_declines_named_axes() -> None:
    text = "(T[N,3,14,14] x) => (T[] y) { y = Pad(x, pads, , axes) }"
    graph = Graph(text, {"pads": np.asarray([1, 1, 1, 1]), "axes": np.asarray([2, 3])}, 18)
    assert declines(graph, "lower-pad") == {"y": "it names the axes to pad"}
    assert outline_of(lowered(graph)) == "Pad"


def test_pads_of_vectors_are_no_concern() -> None:
    text = (
        "(T[N,3,14,14] x) => (T[] y) { g = GlobalAveragePool(x) f = Flatten(g) y = Pad(f, pads) }"
    )
    assert declines(Graph(text, {"pads": np.asarray([0, 1, 0, 1])}), "lower-pad") == {}
