"""Multiply-adds that meet coefficients which truncation made zero, counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.graphs import (
    Graph,
    Weights,
    check_untouched,
    module_before,
    outline_of,
    statistics,
)
from support.plans import nonlinear_outline, planned, planned_options

from jpegcompile.ir.module import Module

NAME = "report-skippable"
# A map of 4 channels of 16x16.
ELEMENTS = 4 * 16 * 16
POINTWISE = 4 * ELEMENTS
CONVOLUTION = 9 * POINTWISE
# Coefficients of an 8x8 tile in the bands of 3, 6, 10 and 15 frequencies; design.md section 3.
BAND = {3: 6, 5: 15, 6: 21, 10: 49, 15: 64}


def zeros(count: int) -> float:
    """Coefficients outside a band, as a fraction."""
    return 1 - BAND[count] / 64


def cost(count: int) -> float:
    """Multiply-adds a pixel of a transform of a band: of all coefficients 16."""
    return BAND[count] / 8 + min(count, 8)


def skippable(module: Module) -> dict[str, tuple[int, int]]:
    """Both counts of the nodes that have any."""
    counts = {
        node.name: (node.skippable_multiply_adds, node.skippable_transform_multiply_adds)
        for node in module.report.nodes
    }
    return {name: pair for name, pair in counts.items() if pair != (0, 0)}


def network(body: str, weights: Weights | None = None) -> Graph:
    kernels: Weights = {"p": (4, 4, 1, 1), "q": (4, 4, 1, 1), "w": (4, 4, 3, 3), "k": (4, 8, 3, 3)}
    used = {name: shape for name, shape in kernels.items() if f", {name})" in body}
    return Graph(f"(T[N,4,16,16] x) => (T[] y) {{ {body} }}", {**used, **(weights or {})})


CONV = "Conv<pads = [1, 1, 1, 1]>"


def test_the_numbers_that_are_counted_by() -> None:
    for count, inside in BAND.items():
        assert inside == sum(u + v < count for u in range(8) for v in range(8))
    assert (cost(15), cost(6), cost(3)) == (16, 8.625, 3.75)


def test_a_convolution_after_truncation() -> None:
    module = planned(network(f"r = Relu(x)  y = {CONV}(r, w)"), truncate=6)
    assert outline_of(module) == "ToJpeg JpegRelu JpegTruncate JpegConv ToSpatial"
    assert skippable(module) == {
        # The forward transform of the ReLU need not make what is dropped.
        "r": (0, 7552),
        # 36864 products with 43 of 64 coefficients; its inverse transform takes 21.
        "y": (24768, 7552),
    }
    assert round((16 - cost(6)) * ELEMENTS) == 7552
    assert round(CONVOLUTION * zeros(6)) == 24768
    data = module.report.to_json()
    assert data["multiply_adds"] == CONVOLUTION
    assert data["transform_multiply_adds"] == 2 * 2 * 16 * ELEMENTS
    assert data["skippable_multiply_adds"] == 24768
    assert data["skippable_transform_multiply_adds"] == 2 * 7552


def test_pointwise_convolutions_pass_the_band_on() -> None:
    body = f"r = Relu(x)  a = Conv(r, p)  b = Conv(a, q)  c = {CONV}(b, w)  y = Conv(c, p)"
    module = planned(network(body), truncate=6)
    assert nonlinear_outline(module) == (
        "JpegRelu JpegTruncate JpegPointwiseConv JpegPointwiseConv JpegConv JpegPointwiseConv"
    )
    # Behind the 3x3 convolution all frequencies are there again.
    assert skippable(module) == {
        "r": (0, 7552),
        "a": (2752, 0),
        "b": (2752, 0),
        "c": (24768, 7552),
    }
    assert round(POINTWISE * zeros(6)) == 2752


def test_what_acts_on_each_frequency_alone_passes_the_band_on() -> None:
    body = f"""r = Relu(x)  a = BatchNormalization(r, s, t, m, v)  b = Add(a, e)  c = Sub(b, e)
        d = Mul(c, e)  f = Div(d, e)  y = {CONV}(f, w)"""
    weights = {**statistics(4), "e": (4, 1, 1)}
    module = planned(network(body, weights), truncate=6)
    assert nonlinear_outline(module) == (
        "JpegRelu JpegTruncate JpegBatchNormalization JpegAdd JpegSub Mul Div JpegConv"
    )
    assert skippable(module) == {"r": (0, 7552), "y": (24768, 7552)}


@pytest.mark.parametrize(
    "operator",
    [
        "AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(r)",
        "MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(r)",
    ],
)
def test_what_mixes_pixels_of_tiles_spreads_the_band(operator: str) -> None:
    nodes = {"r": {"truncate": 6}}
    module = planned(network(f"r = Relu(x)  s = {operator}  y = {CONV}(s, w)"),
                     frequencies={"nodes": nodes})  # fmt: skip
    expected = {"r": (0, 7552)} | ({"s": (0, 7552)} if "Max" in operator else {})
    assert skippable(module) == expected


def branches(joined: str) -> Graph:
    return network(f"r = Relu(x)  c = {CONV}(r, w)  s = Relu(c)  {joined}")


def test_a_sum_of_truncated_branches_has_the_wider_band() -> None:
    nodes = {"r": {"truncate": 6}, "s": {"truncate": 10}}
    for joined in ("a = Add(r, s)", "a = Add(s, r)", "a = Sub(r, s)", "a = Sum(r, s, r)"):
        graph = branches(f"{joined}  y = {CONV}(a, w)")
        assert skippable(planned(graph, frequencies={"nodes": nodes})) == {
            "r": (0, 7552),
            "c": (24768, 7552),
            "s": (0, round((16 - cost(10)) * ELEMENTS)),
            "y": (round(CONVOLUTION * zeros(10)), round((16 - cost(10)) * ELEMENTS)),
        }
    assert round(CONVOLUTION * zeros(10)) == 8640
    assert round((16 - cost(10)) * ELEMENTS) == 1920


def test_a_sum_with_a_whole_branch_has_all_frequencies() -> None:
    graph = branches(f"a = Add(r, s)  y = {CONV}(a, w)")
    module = planned(graph, frequencies={"nodes": {"r": {"truncate": 6}}})
    assert skippable(module) == {"r": (0, 7552), "c": (24768, 7552)}


def test_a_concatenation_has_the_wider_band() -> None:
    nodes = {"r": {"truncate": 6}, "s": {"truncate": 10}}
    graph = branches(f"a = Concat<axis = 1>(r, s)  y = {CONV}(a, k)")
    module = planned(graph, frequencies={"nodes": nodes})
    assert skippable(module)["y"] == (2 * 8640, 2 * 1920)


@pytest.mark.parametrize(
    ("relu", "count", "kept", "spared"),
    [
        # The exact pixels take what was kept; so does the approximation, if that is less.
        ("asm", 5, 6, 16 - cost(6)),
        ("asm", 5, 3, 16 - cost(3) + cost(5) - cost(3)),
        ("asm", 5, 5, 16 - cost(5)),
        ("apx", 5, 6, 0),
        ("apx", 5, 3, cost(5) - cost(3)),
        ("asm", 15, 6, 16 - cost(6)),
    ],
)
def test_a_mask_after_truncation(relu: str, count: int, kept: int, spared: float) -> None:
    nodes = {"r": {"frequencies": 15, "truncate": kept}, "s": count}
    plan: dict[str, Any] = {"relu": relu, "nodes": nodes}
    graph = network(f"r = Relu(x)  c = Conv(r, p)  s = Relu(c)  y = {CONV}(s, w)")
    module = planned(graph, frequencies=plan)
    found = skippable(module)
    assert found.get("s", (0, 0)) == (0, round(spared * ELEMENTS))
    assert found["c"] == (round(POINTWISE * zeros(kept)), 0)
    assert "y" not in found
    extra = {"asm": cost(count), "apx": cost(count) - 16}[relu] if count < 15 else 0
    transforms = module.report.node("s").transform_multiply_adds
    assert transforms == round((2 * 16 + extra) * ELEMENTS)


def test_a_mask_that_is_truncated_itself() -> None:
    plan = {"frequencies": 5, "truncate": 6}
    module = planned(network("r = Relu(x)  y = Relu(r)"), frequencies=plan)
    forward = 16 - cost(6)
    assert skippable(module) == {
        "r": (0, round(forward * ELEMENTS)),
        "y": (0, round((forward + 16 - cost(6)) * ELEMENTS)),
    }


def test_smaller_tiles() -> None:
    """8 of 15 frequencies are 4 of 7 at block size 4, and 2 of 3 at block size 2."""
    body = f"r = Relu(x)  y = {CONV}(r, w)"
    for size, elements, inside, tile in (("12,12", 576, 10, 4), ("14,14", 784, 3, 2)):
        graph = network(body).with_text("16,16", size)
        module = planned(graph, truncate=8)
        spared = round((2 * tile - (inside / tile + tile)) * elements)
        products = round(36 * elements * (1 - inside / tile**2))
        assert skippable(module) == {"r": (0, spared), "y": (products, spared)}


def test_a_strided_convolution_is_counted_by_what_it_takes() -> None:
    body = "r = Relu(x)  y = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(r, w)"
    assert skippable(planned(network(body), truncate=6))["y"] == (24768 // 4, 7552)


def test_block_size_1_has_nothing_to_skip() -> None:
    """Between a map of even sides and one of odd sides."""
    body = f"r = Relu(x)  m = MaxPool<kernel_shape = [2, 2]>(r)  y = {CONV}(m, w)"
    assert skippable(planned(network(body), truncate=6)) == {"r": (0, 7552), "m": (0, 7552)}


def test_a_map_of_block_size_1_that_becomes_one_of_8() -> None:
    """The forward transform behind the pooling need not make what is dropped."""
    graph = network("r = Relu(x)  y = MaxPool<kernel_shape = [8, 8]>(r)").with_text(
        "16,16", "15,15"
    )
    made = 4 * 8 * 8
    assert skippable(planned(graph, truncate=6)) == {"y": (0, round((16 - cost(6)) * made))}


def test_nothing_is_skippable_without_truncation() -> None:
    body = f"r = Relu(x)  c = Conv(r, p)  y = {CONV}(c, w)"
    for plan in ({}, {"frequencies": 6}, {"frequencies": 6, "relu": "apx"}):
        module = planned(network(body), **plan)
        assert skippable(module) == {}
        assert module.report.to_json()["skippable_transform_multiply_adds"] == 0


def test_the_graph_stays() -> None:
    body = f"r = Relu(x)  y = {CONV}(r, w)"
    module = module_before(network(body), NAME, planned_options(truncate=6))
    assert skippable(module) == {}
    assert check_untouched(module, NAME) == {}
    assert skippable(module) == {"r": (0, 7552), "y": (24768, 7552)}
    np.testing.assert_equal(module.report.node("y").multiply_adds, CONVOLUTION)
