"""The bound below which the first convolution takes the sparse path, and the fit of its costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jpegcompile.cost.first import FEATURES, FirstLayer, most_vectors, seconds
from jpegcompile.cost.fit_first import fit_first, layer_of

RESNET = FirstLayer(224, 224, 3, 64, (7, 7), (2, 2), 112, 112, (2, 2))


def test_at_the_bound_both_ways_cost_the_same() -> None:
    most = most_vectors(RESNET)
    assert most > 0
    dense = seconds(RESNET, "dense")
    assert seconds(RESNET, "sparse", most) <= dense < seconds(RESNET, "sparse", most + 1)


def test_blocks_reach_the_outputs_whose_windows_hold_their_pixels() -> None:
    # A luma block has 8 pixels: windows of 7, every second of 14 positions. A chroma block has 18.
    assert RESNET.vectors(1, 0) == 7 * 7 * 4
    assert RESNET.vectors(0, 1) == 12 * 12 * 4
    wide = replace(RESNET, chroma=(1, 4), outputs=17)
    assert wide.vectors(0, 1) == 7 * 19 * 2
    assert replace(RESNET, chroma=None).vectors(1, 5) == 7 * 7 * 4


@pytest.mark.parametrize(
    "changes",
    [
        {"height": 216},  # 13.5 blocks of chroma
        {"width": 220},
        {"strides": (3, 3)},
        {"outputs": 257},  # tables of 33 MB
        {"outputs": 64, "kernel": (3, 3), "strides": (1, 1), "output_height": 224},
        {"height": 32, "width": 32, "kernel": (3, 3), "strides": (1, 1)},
    ],
)
def test_where_it_cannot_be_or_hardly_pays_all_is_dense(
    changes: dict[str, Any],
) -> None:
    layer = replace(RESNET, **changes)
    whole = replace(
        layer,
        output_height=layer.height // layer.strides[0],
        output_width=layer.width // layer.strides[1],
    )
    assert most_vectors(RESNET) > 0
    assert most_vectors(replace(RESNET, outputs=256)) > 0
    assert most_vectors(whole) == 0


def test_a_fit_finds_the_prices_of_times_that_follow_the_model() -> None:
    prices: dict[Any, dict[str, float]] = {
        "sparse": {"vectors": 5e-10, "outputs": 8e-9, "images": 1e-5},
        "dense": {"products": 3e-10, "samples": 2e-9, "outputs": 1e-9, "images": 2e-5},
    }
    layers = [
        replace(RESNET, outputs=outputs, kernel=(size, size), height=side, width=side)
        for outputs in (16, 64)
        for size in (3, 7)
        for side in (32, 224)
    ]
    rows = []
    for layer in layers:
        for each in (1, 5, 20, 40):
            luma = each * layer.height * layer.width / 64
            counts = {way: layer.features(way, layer.vectors(luma, luma / 8)) for way in FEATURES}
            times = {
                way: sum(prices[way][name] * count for name, count in counts[way].items())
                for way in counts
            }
            row = {"layer": dict(vars(layer)), "luma_nonzeros": luma, "chroma_nonzeros": luma / 8}
            rows.append({**row, "seconds": times})
    found = fit_first(rows)
    assert layer_of(rows[0]) == layers[0]
    for way, names in FEATURES.items():
        for name in names:
            assert found[way][name] == pytest.approx(prices[way][name], rel=0.01)
