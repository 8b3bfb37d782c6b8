"""Each 3x3 convolution gets the method that is fastest according to the cost model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
from support.graphs import TENSOR, Graph, apply, check_untouched, lowered, module_before

from jpegcompile.backends.emit import emit
from jpegcompile.cost import model as cost
from jpegcompile.cost.choose import choose
from jpegcompile.cost.fit import fastest_by, fit, fit_all, measured_rows
from jpegcompile.cost.model import (
    FEATURES,
    METHODS,
    Layer,
    Method,
    fastest,
    features,
    seconds,
    weight_bytes,
)

_KEPT = resources.files("jpegcompile.cost").joinpath("measured.json")
MEASURED = measured_rows(json.loads(_KEPT.read_text("utf-8")))
NAME = "choose-methods"
CONV = "Conv<pads = [1, 1, 1, 1]>"


def network(text: str, channels: int, size: int, weights: dict[str, tuple[int, ...]]) -> Graph:
    return Graph(f"(T[N,{channels},{size},{size}] x) => (T[] y) {{ {text} }}", weights)


def test_the_choice_stands_at_the_node_and_in_the_report() -> None:
    graph = network(f"c = {CONV}(x, w)  y = Relu(c)", 64, 56, {"w": (64, 64, 3, 3)})
    module = module_before(graph, NAME, dtype="float")
    assert apply(module, NAME)
    node = next(node for node in module.graph.nodes if node.op == "JpegConvRelu")
    assert node.attrs["method"] == fastest(Layer(64, 64, 56, 56, 1)) == "winograd4"
    source = next(report for report in module.report.nodes if report.op == "Conv")
    assert source.method == "winograd4"
    emitted = next(n for n in emit(module).graph.node if n.op_type == "JpegConvRelu")
    assert {a.name: a.s for a in emitted.attribute}["method"] == b"winograd4"


def test_few_pixels_of_many_channels_get_the_smaller_tile() -> None:
    graph = network(f"y = {CONV}(x, w)", 256, 7, {"w": (256, 256, 3, 3)})
    module = lowered(graph, "float")
    methods = [node.attrs["method"] for node in module.graph.nodes if node.op == "SpatialConv"]
    assert methods == ["winograd2"]


def test_kernels_are_chosen_for_the_batch_that_is_asked_for() -> None:
    graph = network(f"y = {CONV}(x, w)", 256, 7, {"w": (256, 256, 3, 3)})
    methods = []
    for batch in (1, 32):
        module = module_before(graph, NAME, dtype="float")
        module.options = replace(module.options, batch=batch)
        apply(module, NAME)
        methods += [n.attrs["method"] for n in module.graph.nodes if n.op == "SpatialConv"]
        assert methods[-1] == fastest(Layer(256, 256, 7, 7, batch))
    assert methods == ["winograd2", "winograd4"]


def test_a_batch_that_the_model_fixes_counts_more_than_the_one_asked_for() -> None:
    text = f"(T[32,256,7,7] x) => (T[] y) {{ y = {CONV}(x, w) }}"
    module = module_before(Graph(text, {"w": (256, 256, 3, 3)}), NAME, dtype="float")
    apply(module, NAME)
    methods = [node.attrs["method"] for node in module.graph.nodes if node.op == "SpatialConv"]
    assert methods == ["winograd4"]


def test_a_lean_model_takes_larger_weights_where_they_save_most() -> None:
    text = f"a = {CONV}(x, w)  b = Conv<strides = [4, 4]>(a, v)  y = {CONV}(b, u)"
    weights: dict[str, tuple[int, ...]] = {
        "w": (16, 16, 3, 3),
        "v": (128, 16, 1, 1),
        "u": (128, 128, 3, 3),
    }
    graph = network(text, 16, 64, weights)
    methods = {}
    for lean in (False, True):
        module = module_before(graph, NAME, dtype="float")
        module.options = replace(module.options, lean=lean)
        apply(module, NAME)
        methods[lean] = [n.attrs["method"] for n in module.graph.nodes if "method" in n.attrs]
    # The convolution of the small map has almost all weights.
    assert methods == {False: ["winograd4", "winograd4"], True: ["winograd4", "direct"]}


@pytest.mark.parametrize("share", [0.0, 0.5, 1.5, 4.0, 100.0])
def test_choices_stay_within_the_room_for_weights(share: float) -> None:
    layers = {f"n{c}": Layer(c, c, 1792 // c, 1792 // c, 1) for c in (64, 128, 256)}
    least = {name: weight_bytes(layer, "direct") for name, layer in layers.items()}
    room = share * sum(least.values())
    chosen = choose(layers, room)
    taken = {name: weight_bytes(layer, chosen[name]) for name, layer in layers.items()}
    assert sum(taken.values()) - sum(least.values()) <= room
    if share == 0.0:
        assert set(chosen.values()) == {"direct"}
    if share == 100.0:
        assert chosen == {name: fastest(layer) for name, layer in layers.items()}


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("y = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(x, w)", (8, 8, 3, 3)),
        ("y = Conv<pads = [2, 2, 2, 2], dilations = [2, 2]>(x, w)", (8, 8, 3, 3)),
        ("y = Conv<pads = [1, 1, 1, 1], group = 2>(x, w)", (8, 4, 3, 3)),
        ("y = Conv<pads = [2, 2, 2, 2]>(x, w)", (8, 8, 5, 5)),
        ("y = Conv(x, w)", (8, 8, 1, 1)),
    ],
)
def test_what_has_one_method_is_left(text: str, shape: tuple[int, ...]) -> None:
    check_untouched(module_before(network(text, 8, 16, {"w": shape}), NAME, dtype="float"), NAME)


def test_images_and_other_precisions_are_left() -> None:
    image = network(f"y = {CONV}(x, w)", 3, 16, {"w": (16, 3, 3, 3)})
    check_untouched(module_before(image, NAME, dtype="float"), NAME)
    double = network(f"y = {CONV}(x, w)", 16, 16, {"w": (16, 16, 3, 3)})
    check_untouched(module_before(double, NAME, TENSOR), NAME)


@pytest.mark.parametrize("method", METHODS)
def test_a_fit_finds_the_prices_of_times_that_follow_the_model(method: Method) -> None:
    prices = dict(zip(FEATURES, (2e-11, 3e-11, 1e-7, 5e-9), strict=True))
    layers = [Layer(c, c, s, s, n) for c in (16, 64, 512) for s in (7, 28, 56) for n in (1, 8)]
    rows = [
        (layer, sum(prices[k] * v for k, v in features(layer, method).items())) for layer in layers
    ]
    found = fit(rows, method)
    for name in FEATURES:
        # Prices are stored with four digits.
        assert found[name] == pytest.approx(prices[name], rel=1e-3)


def test_prices_are_those_of_the_measurements_that_are_kept() -> None:
    """A change of the model or the measurements requires a new fit."""
    assert fit_all(MEASURED) == cost._prices()


@pytest.mark.parametrize("others_alone", [False, True])
@pytest.mark.parametrize("row", MEASURED, ids=lambda row: f"{row[0].inputs}x{row[0].height}")
def test_choices_lose_little_on_what_was_measured(
    row: tuple[Layer, Mapping[str, float]], others_alone: bool
) -> None:
    """Errors are at most a tenth, also if the layer is excluded from the fit."""
    layer, times = row
    others = [other for other in MEASURED if other[0].inputs != layer.inputs]
    assert len(others) < len(MEASURED)
    chosen = fastest_by(fit_all(others), layer) if others_alone else fastest(layer)
    assert times[chosen] <= 1.1 * min(times[method] for method in METHODS)


def test_more_work_never_costs_less() -> None:
    for method in METHODS:
        times = [seconds(Layer(64, 64, 28, 28, batch), method) for batch in (1, 2, 8)]
        assert np.all(np.diff(times) > 0)
        assert cost._prices()[method].keys() == set(FEATURES)
