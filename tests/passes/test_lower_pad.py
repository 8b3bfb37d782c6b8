"""Padding of the plane and of channels in all opsets."""

from __future__ import annotations

import numpy as np
import pytest
from support.graphs import (
    Graph,
    Weights,
    check_compiled,
    check_fault,
    check_pass,
    check_untouched,
    declines,
    feeds_of,
    kept_reasons,
    lowered,
    module_before,
    outline_of,
    run_float32,
)

from jpegcompile.backends.emit import emit


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
        reflected = padded([0, 0, 14, 0, 0, 0, 0, 0], opset, mode="reflect")
        assert declines(reflected, "lower-pad") == {"y": "pad-exceeds-map"}
        filled = padded(plane, opset, -np.inf)
        assert declines(filled, "lower-pad") == {"y": "pad-value-not-zero"}
        batch = padded([1, 0, 0, 0, 0, 0, 0, 0], opset)
        assert declines(batch, "lower-pad") == {"y": "pad-batch"}
        both = padded([1, 1, 1, 1, 0, 0, 1, 1], opset)
        assert declines(both, "lower-pad") == {"y": "pad-batch"}


REPEATED = [
    [0, 0, 1, 1, 0, 0, 1, 1],
    [0, 0, 13, 0, 0, 0, 0, 13],
    [0, 0, 0, 3, 0, 0, 0, 0],
    [0, 0, -2, 3, 0, 0, 1, -1],
    [0, 0, -3, -1, 0, 0, -4, 0],
    [0, 0, -6, 0, 0, 0, -7, 0],
]


@pytest.mark.parametrize("pads", REPEATED)
@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
def test_pads_by_the_map_itself(mode: str, pads: list[int]) -> None:
    module = check_compiled(padded(pads, 19 if mode == "wrap" else 17, mode=mode))
    assert kept_reasons(module) == {}
    assert outline_of(module).startswith("ToJpeg JpegPad")


@pytest.mark.parametrize("opset", [7, 10, 11, 13, 18, 22])
@pytest.mark.parametrize("mode", ["reflect", "edge"])
def test_pads_by_the_map_in_every_opset(mode: str, opset: int) -> None:
    graph = padded([0, 0, 3, 2, 0, 0, 3, 0], opset, mode=mode)
    check_compiled(graph)
    other = padded([0, 0, 3, 2, 0, 0, 3, 0], opset, mode="edge" if mode == "reflect" else "reflect")
    check_fault(graph, other)


@pytest.mark.parametrize("mode", ["edge", "wrap"])
def test_more_is_padded_than_the_map_has(mode: str) -> None:
    check_compiled(padded([0, 0, 15, 0, 0, 0, 3, 30], 19, mode=mode))


@pytest.mark.parametrize("opset", [10, 17, 19])
@pytest.mark.parametrize("mode", ["reflect", "edge"])
def test_channels_that_are_repeated(mode: str, opset: int) -> None:
    graph = padded([0, 2, 1, 0, 0, 1, -1, 2], opset, mode=mode)
    check_pass(graph, "canonical-pad", "Pad Gather")
    assert kept_reasons(check_compiled(graph, "ToJpeg JpegPad Gather ToSpatial")) == {}
    crop = padded([0, -1, 0, 0, 0, 0, 0, 0], opset, mode=mode)
    check_compiled(crop, "ToJpeg Gather ToSpatial")


def test_channels_that_cannot_be_repeated_stay() -> None:
    graph = padded([0, 3, 0, 0, 0, 0, 0, 0], mode="reflect")
    assert check_untouched(module_before(graph, "canonical-pad"), "canonical-pad") == {}


@pytest.mark.parametrize("opset", [7, 11, 17, 22])
@pytest.mark.parametrize(
    "pads",
    [
        [0, 0, 1, 1, 0, 0, 1, 1],
        [0, 2, 0, 0, 0, 1, 0, 0],
        [0, 1, 1, 0, 0, 2, -1, 2],
        [0, 0, 2, 0, 0, 0, 0, -2],
    ],
)
def test_any_value_around_the_map(pads: list[int], opset: int) -> None:
    graph = padded(pads, opset, 0.5)
    assert kept_reasons(check_compiled(graph)) == {}
    check_fault(graph, padded(pads, opset, 0.50001))


def test_pad_declines_computed_operands() -> None:
    reason = {"y": "pad-amounts-unknown"}
    text = "(T[N,3,14,14] x, int64[8] pads) => (T[A,B,C,D] y) { y = Pad(x, pads) }"
    assert declines(Graph(text), "lower-pad") == reason
    text = "(T[N,3,14,14] x, double value) => (T[] y) { y = Pad(x, pads, value) }"
    given = Graph(text, {"pads": np.asarray([0, 0, 1, 1, 0, 0, 1, 1])})
    assert declines(given, "lower-pad") == reason


BOTH = [0, 1, 1, 0, 0, 2, -1, 2]


@pytest.mark.parametrize("opset", [7, 11, 17, 22])
def test_channels_and_plane_at_once(opset: int) -> None:
    graph = padded(BOTH, opset)
    module = check_pass(graph, "canonical-pad", "Pad Pad")
    assert [tuple(n.outputs[0].shape[1:]) for n in module.graph.nodes] == [(3, 14, 16), (6, 14, 16)]
    assert kept_reasons(check_compiled(graph, "ToJpeg JpegPad Pad ToSpatial")) == {}
    check_fault(graph, padded([0, 2, 1, 0, 0, 1, -1, 2], opset))


@pytest.mark.parametrize("opset", [10, 17])
def test_any_value_is_taken_apart(opset: int) -> None:
    """The border around the map has the padding value in both forms."""
    graph = padded(BOTH, opset, 0.5)
    check_pass(graph, "canonical-pad", "Pad Add Pad Add")
    check_compiled(graph, "ToJpeg JpegPad Add Pad JpegAdd ToSpatial")


@pytest.mark.parametrize(
    "pads", [[0, 1, 0, 0, 0, 2, 0, 0], [0, 0, 1, 0, 0, 0, 0, 1], [1, 1, 1, 0, 0, 0, 0, 1]]
)
def test_pads_that_are_of_one_kind_stay(pads: list[int]) -> None:
    for graph in (padded(pads), padded([*pads[:1], 0, *pads[2:5], 0, *pads[6:]], mode="edge")):
        assert check_untouched(module_before(graph, "canonical-pad"), "canonical-pad") == {}


@pytest.mark.parametrize(
    ("axes", "amounts", "outline"),
    [
        ([2, 3], [1, 0, 2, 1], "ToJpeg JpegPad"),
        ([-1], [1, 1], "ToJpeg JpegPad ToSpatial"),
        ([1], [1, 0], "ToJpeg Pad ToSpatial"),
        ([3, 1], [1, 2, 1, 0], "ToJpeg JpegPad Pad ToSpatial"),
    ],
)
def test_named_axes(axes: list[int], amounts: list[int], outline: str) -> None:
    text = "(T[N,3,14,14] x) => (T[] y) { y = Pad(x, pads, VALUE, axes) }"
    weights = {"pads": np.asarray(amounts), "axes": np.asarray(axes), "v": np.asarray(0.0)}
    bare = {name: weight for name, weight in weights.items() if name != "v"}
    for graph in (
        Graph(text.replace("VALUE", ""), bare, 18),
        Graph(text.replace("VALUE", "v"), weights, 18),
    ):
        check_compiled(graph, outline)


def test_pad_declines_axes_that_are_computed() -> None:
    text = "(T[N,3,14,14] x, int64[2] axes) => (T[A,B,C,D] y) { y = Pad(x, pads, , axes) }"
    graph = Graph(text, {"pads": np.asarray([1, 1, 1, 1])}, 18)
    assert check_untouched(module_before(graph, "canonical-pad"), "canonical-pad") == {}
    assert declines(graph, "lower-pad") == {"y": "pad-axes-unknown"}
    assert outline_of(lowered(graph)) == "Pad"


def test_pad_declines_what_no_pass_before_it_took_apart() -> None:
    module = module_before(padded([0, 0, 1, 0, 0, 0, 1, 2]), "lower-pad")
    module.graph.nodes[0].inputs[1].values = np.asarray([0, 1, 1, 0, 0, 0, 1, 2])
    assert check_untouched(module, "lower-pad") == {"y": "pad-axes-mixed"}


def test_pads_of_vectors_are_no_concern() -> None:
    text = (
        "(T[N,3,14,14] x) => (T[] y) { g = GlobalAveragePool(x) f = Flatten(g) y = Pad(f, pads) }"
    )
    assert declines(Graph(text, {"pads": np.asarray([0, 1, 0, 1])}), "lower-pad") == {}


@pytest.mark.parametrize("opset", [10, 17])
@pytest.mark.parametrize("own", [[0, 0, 0, 0], [0, 1, 1, 0]])
def test_pools_pad_for_themselves(own: list[int], opset: int) -> None:
    """TensorFlow's SAME as timm writes it; negative maps keep their values at the border."""
    pool = f"MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = {own}>(p)"
    graph = pooled(pool, [0, 0, 0, 1, 0, 0, 1, 1], opset)
    assert kept_reasons(check_compiled(graph, "ToJpeg JpegExp Neg JpegMaxPool")) == {}
    check_fault(graph, pooled(pool, [0, 0, 1, 0, 0, 0, 0, 2], opset))


@pytest.mark.parametrize(
    "reader",
    [
        "MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(p)",
        "Sigmoid(p)",
        "Relu(p)",
    ],
)
def test_infinite_pads_stay_pixels(reader: str) -> None:
    """A transform would spread one infinite pixel over its tile."""
    graph = pooled(reader, [0, 0, 1, 1, 0, 0, -1, 1], 17)
    reasons = kept_reasons(check_compiled(graph))
    assert reasons["p"] == "pad-value-not-zero"
    assert "y" in reasons


@pytest.mark.parametrize("made", ["Concat<axis = 1>(p, p)", "Where(c, n, value)"])
def test_infinite_values_stay_pixels(made: str) -> None:
    """Also far downstream, up to a bounded function."""
    graph = pooled("Relu(e)", [0, 0, 1, 1, 0, 0, -1, 1], 17)
    text = graph.text.replace("y = Relu(e)", f"c = Less(x, n) i = {made} r = Relu(i) y = Neg(r)")
    reasons = kept_reasons(check_compiled(graph.with_text(graph.text, text)))
    assert reasons["r"] == "map-values-too-large"
    assert "y" not in reasons


@pytest.mark.parametrize("fill", [-1e4, 1e9])
@pytest.mark.parametrize("made", ["Where(c, x, fill)", "Pad(x, pads, fill)"])
def test_huge_values_of_masks_stay_pixels(made: str, fill: float) -> None:
    """Their rounding error would be as large as neighboring pixels."""
    signature = "(T[N,3,16,16] x) => (T[] y, T[] z)"
    text = f"{signature} {{ c = Less(x, one) m = {made} y = PRelu(m, one) z = Relu(x) }}"
    pads = np.asarray([0, 0, 0, 0, 0, 0, 8, 8])
    given: Weights = {"fill": np.asarray(fill), "one": np.asarray(0.5), "pads": pads}
    used = {name: given[name] for name in given if name == "one" or f"{name}" in made}
    graph = Graph(text, used)
    reasons = kept_reasons(check_compiled(graph))
    assert reasons["y"] == "map-values-too-large"
    feeds = feeds_of(graph.model())
    narrow = run_float32(emit(lowered(graph, "float")), feeds)[0]
    assert np.array_equal(narrow, run_float32(graph.model("float"), feeds)[0])


@pytest.mark.parametrize(
    ("reader", "fill"),
    [
        *((reader, -1e9) for reader in ("Relu(m)", "Exp(m)")),
        *((reader, 1e9) for reader in ("Relu(m)", "Clip(m, one)", "Clip(m, one, most)")),
    ],
)
def test_what_ends_a_mask(reader: str, fill: float) -> None:
    """Relu removes negative masks, but not positive ones."""
    text = f"(T[N,3,16,16] x) => (T[] y) {{ m = Pad(x, pads, fill) r = {reader} y = Neg(r) }}"
    given: Weights = {"fill": np.asarray(fill), "one": np.asarray(0.5), "most": np.asarray(6.0)}
    used = {name: given[name] for name in given if name == "fill" or name in reader}
    graph = Graph(text, {**used, "pads": np.asarray([0, 0, 4, 4, 0, 0, 4, 4])})
    feeds = feeds_of(graph.model())
    narrow = run_float32(emit(lowered(graph, "float")), feeds)[0]
    wanted = run_float32(graph.model("float"), feeds)[0]
    assert np.abs(narrow - wanted)[..., 4:20, 4:20].max() < 1e-4


@pytest.mark.parametrize("fill", [0.5, -100.0])
def test_values_of_masks_that_are_not_huge_are_lowered(fill: float) -> None:
    text = "(T[N,3,16,16] x) => (T[] y) { m = Pad(x, pads, fill) y = Neg(m) }"
    pads = np.asarray([0, 0, 0, 0, 0, 0, 8, 8])
    graph = Graph(text, {"fill": np.asarray(fill), "pads": pads})
    assert kept_reasons(check_compiled(graph)) == {}


def pooled(reader: str, pads: list[int], opset: int) -> Graph:
    """A map of negative values, padded with -inf for a reader."""
    first = padded(pads, opset, -np.inf)
    head, _, tail = first.text.partition("y = Pad")
    text = f"{head}e = Exp(x) n = Neg(e) p = Pad{tail.replace('(x', '(n').rstrip(' }')} "
    return Graph(f"{text} y = {reader} }}", first.weights, opset)
