"""First convolutions with a truncated result: sparse and dense path, whole and compact tiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.first_cases import (
    RESNET,
    FirstWindow,
    coefficients_of,
    first_case,
    mixed_case,
)
from support.function_bodies import BodyCase
from support.native import GROUP, ISAS, NativeError
from support.native_first import MANY, assert_holds, run

from jpegcompile.dct.frequencies import full, resolve
from jpegcompile.operators.convolution import ACTIVATIONS

SAME = FirstWindow((3, 3), (1, 1), (1, 1, 1, 1))
HALVED = FirstWindow((3, 3), (2, 2), (1, 1, 1, 1))
UNEVEN = FirstWindow((5, 3), (1, 4), (0, 1, 4, 1))
PATCHES = FirstWindow((4, 4), (4, 4))

# Subsampling, height, width, batch, quality, window, outputs, frequencies; whether both paths work.
GEOMETRIES = (
    ("4:2:0", 64, 96, 2, 25, RESNET, 32, 8, True),
    ("4:2:0", 48, 32, 1, 50, SAME, 16, 3, True),
    ("4:2:0", 32, 32, 3, 75, HALVED, 20, 6, True),
    ("4:2:0", 224, 224, 1, 75, RESNET, 16, 14, True),
    ("4:2:0", 80, 64, 2, 95, UNEVEN, 16, 10, True),
    ("4:4:4", 64, 40, 2, 25, RESNET, 48, 1, True),
    ("4:4:4", 40, 24, 1, 95, SAME, 16, 13, True),
    ("4:4:4", 60, 44, 3, 75, RESNET, 16, 5, True),
    ("4:2:2", 32, 64, 2, 50, RESNET, 16, 12, True),
    ("4:4:0", 64, 32, 2, 40, RESNET, 16, 4, True),
    ("4:1:1", 24, 64, 1, 70, RESNET, 16, 9, True),
    ("gray", 64, 56, 2, 25, RESNET, 32, 7, True),
    ("gray", 32, 32, 5, 80, PATCHES, 16, 11, True),
    ("gray", 24, 32, 1, 95, SAME, 17, 2, True),
    ("4:2:0", 24, 40, 3, 50, RESNET, 16, 6, False),
    ("4:4:4", 12, 20, 2, 75, SAME, 16, 8, False),
    ("4:2:0", 4, 20, 2, 75, SAME, 16, 7, False),
    ("4:2:0", 12, 36, 2, 75, FirstWindow((3, 3), (3, 3)), 16, 9, False),
)


def geometry_case(index: int) -> BodyCase:
    subsampling, height, width, batch, quality, window, outputs, kept, _ = GEOMETRIES[index]
    return first_case(
        coefficients_of(subsampling, height, width, batch, quality),
        window,
        outputs,
        tuple(ACTIVATIONS)[1 + index % 3],
        is_spatial=False,
        frequencies=kept,
        name=f"{subsampling}-{height}-{width}-{batch}-q{quality}-{window}-{outputs}-n{kept}",
    )


def ways_of(index: int) -> tuple[str, ...]:
    return ("sparse", "dense") if GEOMETRIES[index][-1] else ("dense",)


def layouts_of(case: BodyCase) -> list[dict[str, int]]:
    """Return layouts: whole tiles in NCHW and groups, and compact tiles, exact or larger.

    Only layouts that the channels and block size of the result allow.
    """
    outputs, block = case.expected.shape[1], case.attributes["output_block"]
    kept = case.attributes["frequencies"]
    layouts = [{"y_group": 1}]
    if outputs % GROUP == 0:
        layouts += [{"y_group": GROUP}]
        numbers = {kept, min(kept + 2, full(block) - 1)} - {full(block)}
        layouts += [{"y_group": GROUP, "places": n} for n in sorted(numbers) if n >= kept]
    return layouts


def test_geometries_have_every_block_and_layout() -> None:
    cases = [geometry_case(index) for index in range(len(GEOMETRIES))]
    assert {case.attributes["output_block"] for case in cases} >= {8, 4, 2}
    assert {case.op.split("Conv")[1] for case in cases} == {
        f"{activation}Truncate" for activation in ACTIVATIONS if activation
    }
    assert {len(layouts_of(case)) for case in cases} == {1, 3, 4}
    for case in cases:
        assert case.attributes["frequencies"] < full(case.attributes["output_block"])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "index", range(len(GEOMETRIES)), ids=lambda i: "-".join(map(str, GEOMETRIES[i]))
)
def test_geometries(index: int, isa: str) -> None:
    """Every path and every layout; the check detects a wrong coefficient."""
    case = geometry_case(index)
    is_kept = case.operands[-1] > 0
    for layout in layouts_of(case):
        for way in ways_of(index):
            result = run(case, way, isa, **layout)
            assert_holds(case, result)
            assert not result[..., ~is_kept].any()
    planes = case.operands[0].copy()
    # The first frequency is always kept.
    planes[-1, -1, -1, -1, 0, 0] += 40
    faulty = replace(case, operands=(planes, *case.operands[1:]))
    for way in ways_of(index):
        with pytest.raises(AssertionError, match="is off by"):
            assert_holds(case, run(faulty, way, isa, **layouts_of(case)[-1]))


@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize("way", ["sparse", "dense"])
def test_a_band_that_is_off_is_seen(way: str, change: int) -> None:
    taken = coefficients_of("4:2:0", 32, 48, 2, 75)
    case, wrong = (
        first_case(
            taken, RESNET, 16, "Relu", is_spatial=False, frequencies=kept, name=f"band-{kept}"
        )
        for kept in (6, 6 + change)
    )
    faulty = replace(case, operands=(*case.operands[:-1], wrong.operands[-1]))
    for layout in ({"y_group": GROUP}, {"y_group": GROUP, "places": 7}):
        assert_holds(case, run(case, way, "avx2", **layout))
        with pytest.raises(AssertionError, match="is off by"):
            assert_holds(case, run(faulty, way, "avx2", **layout))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("places", [0, 5, 8])
def test_images_of_a_batch_choose_for_themselves(places: int, threads: int) -> None:
    """Each image takes its own path into its own tiles, with the same result as alone."""
    case, vectors = mixed_case(frequencies=5)
    assert case.attributes["frequencies"] == resolve(5, 8)
    apart = {way: run(case, way, "avx2", GROUP, places=places) for way in ("sparse", "dense")}
    few = int(vectors[0])
    for most, wanted in ((few - 1, "ddddddd"), (few, "sddssds"), (MANY, "sssssss")):
        whole = run(case, "", "avx2", GROUP, threads, most, places)
        assert_holds(case, whole)
        ways = (
            "".join(way[0] for way, y in apart.items() if (y[image] == whole[image]).all())
            for image in range(7)
        )
        assert "".join(ways) == wanted


def test_more_images_than_are_convolved_at_once() -> None:
    """The dense path computes a few images at a time, each into its own place."""
    taken = coefficients_of("4:2:0", 224, 224, 15, 75)
    case = first_case(
        taken, PATCHES, 16, "Relu", is_spatial=False, frequencies=4, name="many-images"
    )
    for way in ("sparse", "dense"):
        assert_holds(case, run(case, way, "avx2", GROUP, places=4))


@pytest.mark.parametrize("isa", ISAS)
def test_every_run_gives_the_same_bits(isa: str) -> None:
    case, _ = mixed_case(frequencies=9)
    for way in ("sparse", "dense"):
        first = run(case, way, isa, GROUP, 1, places=9)
        for threads in (1, 2, 3):
            assert (run(case, way, isa, GROUP, threads, places=9) == first).all()


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ({"y_group": GROUP, "places": 5}, "y stores 5 frequencies of each tile, but 6"),
        ({"y_group": 1, "places": 6}, "cannot store only 6 frequencies"),
        ({"y_group": GROUP, "places": 16}, "cannot store only 16 frequencies"),
    ],
)
@pytest.mark.parametrize("way", ["sparse", "dense"])
def test_refusals(way: str, layout: dict[str, int], message: str) -> None:
    taken = coefficients_of("4:2:0", 32, 16, 1, 75)
    case = first_case(taken, RESNET, 16, "Relu", is_spatial=False, frequencies=6, name="bad")
    with pytest.raises(NativeError, match="JpegIngestConvReluTruncate 'node': ") as error:
        run(case, way, "avx2", **layout)
    assert message in str(error.value)


@pytest.mark.parametrize("way", ["sparse", "dense"])
def test_a_band_of_another_size_is_refused(way: str) -> None:
    taken = coefficients_of("4:2:0", 32, 16, 1, 75)
    case = first_case(taken, RESNET, 16, "Relu", is_spatial=False, frequencies=6, name="bad")
    wrong = replace(case, operands=(*case.operands[:-1], np.ones((8, 8))))
    with pytest.raises(NativeError, match=r"'node': band has shape \[8,8\]"):
        run(wrong, way, "avx2")


def test_without_a_truncation_tiles_are_whole() -> None:
    taken = coefficients_of("4:2:0", 32, 16, 1, 75)
    case = first_case(taken, RESNET, 16, "Relu", is_spatial=False, name="whole")
    with pytest.raises(NativeError, match="y stores 6 frequencies of each tile, but 15"):
        run(case, "dense", "avx2", GROUP, places=6)
