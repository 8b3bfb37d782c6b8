"""Layouts, threads and batches of native kernels, and detection of faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.channel_cases import cast_cases, channel_cases, relu_cases
from support.function_bodies import Array, BodyCase, terms_of
from support.fused_cases import spatial_cases
from support.ingest_cases import ingest_cases
from support.maps import blocks_of, forward, inverse, random_map
from support.masking_cases import exact_cases, masked_pool_cases, masking_cases
from support.native import GROUP, ISAS, packed, run_native, unpacked
from support.native_cases import (
    Spread,
    allowed,
    assert_kernel_holds,
    assert_result,
    native_model,
    run_case,
    spread_over,
)
from support.operators import WITH_BODIES
from support.pixelwise_cases import pixelwise_cases
from support.whole_map_cases import channel_reduction_cases, normalization_cases, product_cases
from support.window_cases import (
    global_max_pool_cases,
    pool_cases,
    rearrangement_cases,
    reduction_cases,
    resampling_cases,
    resize_cases,
)

from jpegcompile.kernels.rearrange.reference import jpeg_depth_to_space, jpeg_space_to_depth

_CASES = (
    *cast_cases(),
    *channel_cases(),
    *relu_cases(),
    *exact_cases(),
    *masking_cases(),
    *pixelwise_cases(),
    *pool_cases(),
    *masked_pool_cases(),
    *global_max_pool_cases(),
    *resampling_cases(),
    *resize_cases(),
    *reduction_cases(),
    *rearrangement_cases(),
    *ingest_cases(),
    *spatial_cases(),
    *normalization_cases(),
    *product_cases(),
    *channel_reduction_cases(),
)
OPS = {case.op: case for case in reversed(_CASES) if "Conv" not in case.op}
MAPS = {op: case for op, case in OPS.items() if "Ingest" not in op}
# These mix channels, so more of them make another case; see test_native_maps.py.
_MIXING = ("JpegSpaceToDepth", "JpegDepthToSpace", "JpegChannel", "GroupNormalization")
ALIKE = {op: case for op, case in MAPS.items() if not any(part in op for part in _MIXING)}


def test_every_operator_but_convolutions_has_cases() -> None:
    assert set(OPS) == {op for op in WITH_BODIES if "Conv" not in op}


@pytest.mark.parametrize("op", OPS)
def test_the_kernel_comes_before_the_body(op: str) -> None:
    """A node with a kernel and a function body returns the kernel's result, bit for bit."""
    case = OPS[op].in_float32()
    feeds = {f"i{index}": array for index, array in enumerate(case.operands)}
    both = run_native(native_model(case, with_body=True), [feeds], "avx2")[0]
    assert np.array_equal(both, run_case(case, Spread(), "avx2"))


@pytest.mark.sampled
@pytest.mark.parametrize("op", OPS)
def test_threads_do_not_change_results(op: str) -> None:
    """There are many images, so that there are several tasks."""
    case = OPS[op].in_float32()
    if op in ALIKE:
        case, _ = spread_over(OPS[op], Spread(33, 48))
    one = run_case(case, Spread(), "avx2")
    assert np.array_equal(one, run_case(case, Spread(), "avx2", threads=3))


@pytest.mark.parametrize("op", MAPS)
def test_no_images(op: str) -> None:
    case = MAPS[op].in_float32()
    batch = case.operands[0].shape[0]
    operands = [a[:0] if a.ndim == 4 and a.shape[0] == batch else a for a in case.operands]
    made = run_case(replace(case, operands=tuple(operands)), Spread(), "avx2")
    assert made.shape == (0, *case.expected.shape[1:])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("channels", [(32, 16), (20, 1), (16, GROUP)], ids=str)
def test_rearrangement_of_groups(channels: tuple[int, int], isa: str) -> None:
    """Numbers of channels that fill groups, and numbers that do not."""
    count, group = channels
    tiles, depths = random_map((2, count, 16, 24)), random_map((2, 4 * count, 8, 12))
    for op, x, size, meaning in (
        ("JpegSpaceToDepth", tiles, (8, 12), jpeg_space_to_depth),
        ("JpegDepthToSpace", depths, (16, 24), jpeg_depth_to_space),
    ):
        attributes: dict[str, Any] = {"blocksize": 2, **blocks_of(x, size)}
        matrices = inverse(*x.shape[2:]) + forward(*size)
        operands: tuple[Array, ...] = (x, *matrices)
        case = BodyCase(
            f"{count}", op, operands, attributes, meaning(x, **attributes), terms_of(matrices)
        )
        for y_group in {1, group}:
            spread = Spread(0, 0, group if x.shape[1] % GROUP == 0 else 1, y_group)
            actual = run_case(case.in_float32(), spread, isa)
            assert_result(case, actual, allowed(case), f"{spread} {isa}")


@pytest.mark.parametrize("group", [1, GROUP])
def test_rearrangement_of_more_images_than_scratch_holds(group: int) -> None:
    """Two of five images at once, so the last batch is smaller."""
    x, size = random_map((5, GROUP, 256, 256)), (128, 128)
    attributes: dict[str, Any] = {"blocksize": 2, **blocks_of(x, size)}
    matrices = inverse(*x.shape[2:]) + forward(*size)
    case = BodyCase(
        "many",
        "JpegSpaceToDepth",
        (x, *matrices),
        attributes,
        jpeg_space_to_depth(x, **attributes),
        terms_of(matrices),
    )
    spread = Spread(0, 0, group, group)
    assert_result(case, run_case(case.in_float32(), spread, "avx2"), allowed(case), str(spread))


@pytest.mark.parametrize("op", OPS)
def test_a_perturbed_pixel_is_seen(op: str) -> None:
    """Perturbs the first element that is not nearly zero: by 0.01, or by 0.5 if bounds are wide."""
    case, fault = OPS[op].in_float32(), 1.01 if OPS[op].slope is None else 1.5
    assert_result(case, run_case(case, Spread(), "avx2"), allowed(OPS[op]), "as it is")
    faulty = case.operands[0].astype(np.float64)
    first = np.flatnonzero(np.abs(faulty) > 0.01 * np.abs(faulty).max())[0]
    faulty.flat[first] = (
        np.ceil(faulty.flat[first] * 2) if "Ingest" in op else (faulty.flat[first] * fault)
    )
    wrong = replace(case, operands=(faulty.astype(case.operands[0].dtype), *case.operands[1:]))
    with pytest.raises(AssertionError, match="is off by"):
        assert_result(case, run_case(wrong, Spread(), "avx2"), allowed(OPS[op]), "perturbed")


@pytest.mark.sampled
@pytest.mark.parametrize("op", ALIKE)
def test_a_wrong_layout_is_seen(op: str) -> None:
    """The node declares grouped channels, but the map is NCHW."""
    spread = Spread(2, 32, GROUP, 1)
    assert_kernel_holds(ALIKE[op], spread, "avx2")
    wide, bound = spread_over(ALIKE[op], spread)
    swapped = replace(wide, operands=(packed(wide.operands[0]), *wide.operands[1:]))
    with pytest.raises(AssertionError, match="is off by"):
        assert_result(wide, run_case(swapped, spread, "avx2"), bound, "packed twice")
    if wide.expected.shape[2:] == (1, 1):
        return
    with pytest.raises(AssertionError, match="is off by"):
        assert_result(wide, unpacked(run_case(wide, spread, "avx2")), bound, "unpacked")
