"""Multiply-adds that native kernels skip after truncation, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
from support.compact_graphs import PADDED, STEM, bands_of, network
from support.graphs import check_untouched, module_before
from support.plans import planned, planned_options

from jpegcompile.ir.module import Module

NAME = "report-skippable"
# A 16x24 map with 16 channels, a 1x1 convolution and a 3x3 convolution to 16 channels.
ELEMENTS = 16 * 16 * 24
POINTWISE = 16 * ELEMENTS
# Coefficients of an 8x8 tile in the bands of 3, 6, 10 and 15 frequencies.
BAND = {3: 6, 6: 21, 10: 49, 15: 64}


def zeros(count: int) -> float:
    """Fraction of coefficients outside a band."""
    return 1 - BAND[count] / 64


def spared(count: int) -> int:
    """Multiply-adds for each pixel that a transform skips with a band, of 16 in total."""
    return round((16 - BAND[count] / 8 - min(count, 8)) * ELEMENTS)


def skippable(module: Module) -> dict[str, tuple[int, int]]:
    """Both counts by node name, if one is positive."""
    counts = {
        node.name: (node.skippable_multiply_adds, node.skippable_transform_multiply_adds)
        for node in module.report.nodes
    }
    return {name: pair for name, pair in counts.items() if pair != (0, 0)}


def counts_of(text: str, **plan: Any) -> dict[str, tuple[int, int]]:
    return skippable(planned(network(text), "float", **plan))


def test_the_numbers_that_are_counted_by() -> None:
    for count, inside in BAND.items():
        assert inside == sum(u + v < count for u in range(8) for v in range(8))
    assert (spared(15), spared(6)) == (0, round(7.375 * ELEMENTS))


def test_a_convolution_of_windows_skips_no_product() -> None:
    """It reads pixels, so only the inverse transform of the tiles is cheaper."""
    module = planned(network(f"{STEM}  y = {PADDED}(r, w3)"), "float", truncate=6)
    assert skippable(module) == {"r": (0, spared(6)), "y": (0, spared(6))}
    data = module.report.to_json()
    assert data["multiply_adds"] == (27 + 9 * 16) * ELEMENTS
    assert data["skippable_multiply_adds"] == 0
    assert data["skippable_transform_multiply_adds"] == 2 * spared(6)


def test_pointwise_convolutions_skip_and_pass_the_band_on() -> None:
    found = counts_of(f"{STEM}  a = Conv(r, w2)  b = Conv(a, w2)  y = {PADDED}(b, w3)", truncate=6)
    products = round(POINTWISE * zeros(6))
    assert found == {
        "r": (0, spared(6)),
        "a": (products, 0),
        "b": (products, 0),
        "y": (0, spared(6)),
    }


def test_an_activation_behind_a_pointwise_convolution() -> None:
    """The sum is transformed before the activation, the kept coefficients after it."""
    found = counts_of(f"{STEM}  d = Conv(r, w2)  t = Relu(d)  y = Conv(t, w2)", truncate=6)
    products = round(POINTWISE * zeros(6))
    assert found["d"] == found["y"] == (products, 0)
    assert found["t"] == (0, 2 * spared(6))


def test_a_sum_has_the_wider_band() -> None:
    text = f"""{STEM}  t = Relu(r)  p = Conv(r, w2)  q = Conv(t, w2)  a = Add(p, q)
        v = Relu(a)  y = Conv(v, w2)"""
    nodes = {"r": {"truncate": 3}, "t": {"truncate": 10}, "v": {"truncate": 6}}
    found = counts_of(text, frequencies={"nodes": nodes})
    assert found["p"] == (round(POINTWISE * zeros(3)), 0)
    assert found["q"] == (round(POINTWISE * zeros(10)), 0)
    assert found["y"] == (round(POINTWISE * zeros(6)), 0)
    # The inverse transform of the sum has 10 frequencies, the forward transform has 6.
    assert found["v"] == (0, spared(10) + spared(6))
    assert found["t"] == (0, spared(3))


def test_what_stands_in_full_skips_nothing() -> None:
    """A concatenation does not support compact maps, so its inputs are not compact."""
    text = f"{STEM}  s = Concat<axis = 1>(r, r)  y = Conv(s, w5)"
    module = planned(network(text), "float", truncate=6)
    assert bands_of(module) == {}
    assert skippable(module) == {}


def test_most_coefficients_cost_transforms_as_much_as_all() -> None:
    """A map of 12 frequencies that only windows read is not compact."""
    text = f"{STEM}  y = {PADDED}(r, w3)"
    assert counts_of(text, truncate=12) == {}
    assert counts_of(f"{STEM}  y = Conv(r, w2)", truncate=12)["y"][0] > 0


@pytest.mark.parametrize("target", ["onnx"])
def test_function_bodies_skip_nothing(target: str) -> None:
    module = planned(network(f"{STEM}  y = Conv(r, w2)"), "float", target, truncate=6)
    assert module.report.node("r").truncate == 6
    assert skippable(module) == {}


def test_maps_in_float64_have_no_kernels() -> None:
    assert skippable(planned(network(f"{STEM}  y = Conv(r, w2)"), "double", truncate=6)) == {}


def test_nothing_is_skipped_without_truncation() -> None:
    text = f"{STEM}  c1 = Conv(r, w2)  y = {PADDED}(c1, w3)"
    for plan in ({}, {"frequencies": 6}, {"frequencies": 6, "relu": "apx"}):
        module = planned(network(text), "float", **plan)
        assert skippable(module) == {}
        assert module.report.to_json()["skippable_transform_multiply_adds"] == 0


def test_the_graph_stays() -> None:
    graph = network(f"{STEM}  y = Conv(r, w2)")
    module = module_before(graph, NAME, planned_options(truncate=6), "float")
    assert skippable(module) == {}
    assert check_untouched(module, NAME) == {}
    assert skippable(module)["y"] == (round(POINTWISE * zeros(6)), 0)
