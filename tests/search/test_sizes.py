"""Candidate resolutions of a search and their predicted times."""

from __future__ import annotations

import math

import pytest

from jpegcompile.cost.model import Layer, seconds
from jpegcompile.cost.network import network_seconds
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.input_size import Size
from jpegcompile.messages import code_of
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import Filter
from jpegcompile.report import NodeReport, Report
from jpegcompile.search.sizes import candidates, sizes_below, ways_to


def test_sizes_keep_the_aspect_ratio() -> None:
    assert list(sizes_below((224, 224)))[:2] == [(216, 216), (208, 208)]
    assert list(sizes_below((224, 224)))[-1] == (88, 88)
    assert list(sizes_below((32, 32))) == [(28, 28), (24, 24), (20, 20), (16, 16), (12, 12)]
    assert next(sizes_below((128, 256))) == (120, 240)
    assert next(sizes_below((256, 128))) == (240, 120)
    assert list(sizes_below((4, 4))) == []


def test_what_follows_the_area_is_tried() -> None:
    found = candidates((64, 64), lambda size: 3.0 * math.prod(size))
    assert [c.size for c in found] == [(64, 64), *sizes_below((64, 64))]
    assert not any(c.refused for c in found)
    assert found[1].time == pytest.approx((60 / 64) ** 2)


def test_what_wastes_tiles_is_refused() -> None:
    """Time for whole tiles of 16: a size takes as long as the next multiple."""

    def by_tiles(size: Size) -> float:
        return float(math.prod(-(-side // 16) * 16 for side in size))

    found = candidates((128, 128), by_tiles)
    tried = [c.size[0] for c in found if not c.refused]
    assert tried == [128, 112, 96, 80, 64, 48]
    refused = next(c for c in found if c.size == (104, 104))
    assert code_of(refused.refused) == "resolution-candidate-slow"
    assert "112x112" in refused.refused
    assert refused.time == pytest.approx((112 / 128) ** 2)


def test_a_network_that_is_bound_to_its_size() -> None:
    def bound(size: Size) -> float:
        if size != (64, 64):
            raise UnsupportedModelError(f"not at {size[0]}")
        return 1.0

    with pytest.raises(UnsupportedModelError, match="not at 60"):
        candidates((64, 64), bound)

    def smallest_is_48(size: Size) -> float:
        if size[0] < 48:
            raise UnsupportedModelError("too small")
        return float(math.prod(size))

    assert [c.size[0] for c in candidates((64, 64), smallest_is_48)] == [64, 60, 56, 52, 48]


def node(name: str, method: str | None, shape: tuple[int, ...], products: int) -> NodeReport:
    return NodeReport(name, "Conv", "lowered", "", 1, 1, ("N", *shape), products, 0, method=method)


def test_the_time_of_a_network() -> None:
    report = Report()
    report.add(node("three", "winograd4", (64, 28, 28), 9 * 32 * 64 * 28 * 28))
    alone = network_seconds(report)
    assert alone == seconds(Layer(32, 64, 28, 28, 1), "winograd4")
    assert network_seconds(report, 8) == seconds(Layer(32, 64, 28, 28, 8), "winograd4")
    report.add(node("one", None, (64, 28, 28), 32 * 64 * 28 * 28))
    report.add(node("head", None, (10,), 640))
    assert network_seconds(report) > alone
    assert network_seconds(Report()) == 0.0


def test_ways_to_show_more_of_an_image() -> None:
    ways = ways_to(preprocess_of("imagenet"), (224, 224), (192, 192))
    ratios = [way.geometry.resize.crop_ratio for way in ways if way.geometry.resize]
    assert ratios == [0.875, 0.9375, 1.0]
    fixed = preprocess_of({"preset": "imagenet", "resize": 256})
    first, *others = ways_to(fixed, (224, 224), (192, 192))
    assert first == fixed
    assert [way.geometry.resize.crop_ratio for way in others if way.geometry.resize] == [
        (1 + 224 / 256) / 2,
        1.0,
    ]
    assert all(way.geometry.crop is not None for way in ways)


def test_ways_to_shrink_files_of_the_trained_size() -> None:
    def filters(size: Size) -> list[Filter]:
        ways = ways_to(preprocess_of("cifar10"), (32, 32), size)
        return [way.geometry.resize.filter for way in ways if way.geometry.resize]

    assert filters((24, 24)) == [Filter("dct", "jpegcompile"), Filter("bilinear")]
    assert filters((22, 22)) == [Filter("bilinear")]
    padded = preprocess_of({"resize": {"fit": "pad"}})
    assert ways_to(padded, (32, 32), (24, 24)) == (padded,)
